"""`lineament video`: a film or a camera to an overlay film, animations and a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lineament.export import HeadMotion
    from lineament.result import FaceResult
    from lineament.video import FaceSmoother, FaceTracker

FORMATS = ("film", "glb", "parquet")


def video(
    source: Annotated[str, typer.Argument(metavar="VIDEO", help="A video file, or the number of a camera.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made when missing.")],
    formats: Annotated[
        str,
        typer.Option("--format", "-f", help="Files to write, with commas between: film, glb, parquet."),
    ] = "film,glb",
    overlay: Annotated[
        str, typer.Option(help="Layers of the film, as in `lineament align`.")
    ] = "mesh,landmarks,axes,box",
    smooth: Annotated[bool, typer.Option(help="Smooth the faces over time.")] = True,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores when left out.")] = None,
    method: Annotated[
        str,
        typer.Option(
            "--weights",
            "-w",
            "--method",
            help='"default", "fast", another name of `lineament info`, or an .onnx file.',
        ),
    ] = "default",
) -> None:
    """Follow every face through a video.

    Writes NAME_overlay.webm (VP9, which browsers play), NAME_person1.glb, NAME_person2.glb, ... (animated
    heads) and, when asked for, NAME.parquet (a row a face and frame).
    """
    from lineament.aligner import FaceAligner
    from lineament.cli.results import chosen_from
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError, LineamentError
    from lineament.video import FaceTracker

    try:
        chosen = chosen_from(formats, FORMATS, "format")
        layers = chosen_from(overlay, tuple(LAYERS), "layer")
        out.mkdir(parents=True, exist_ok=True)
    except (ConfigError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    try:
        tracker = FaceTracker(FaceAligner.from_pretrained(method, threads=threads))
        job = _VideoJob(source, out, chosen, layers, tracker, smooth=smooth, seconds=seconds)
        job.run()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


class _VideoJob:
    """One video from its frames to its files; keeps no frame and no mesh."""

    def __init__(
        self,
        source: str,
        out: Path,
        formats: tuple[str, ...],
        layers: tuple[str, ...],
        tracker: FaceTracker,
        *,
        smooth: bool,
        seconds: float | None,
    ) -> None:
        self.source: str | int = int(source) if source.isdecimal() else source
        self.target = out / (f"camera{source}" if source.isdecimal() else Path(source).stem)
        self.formats, self.layers, self.tracker = formats, layers, tracker
        self.smooth, self.seconds = smooth, seconds
        self.smoothers: dict[int, FaceSmoother] = {}
        self.motions: dict[int, HeadMotion] = {}
        self.counts: dict[int, int] = {}  # frames a person is seen in
        self.frames = 0
        self.size_hw = (1, 1)

    def run(self) -> None:
        """Read, follow, write, and say what was found."""
        from lineament.export import export_motion, export_parquet
        from lineament.video.stream import VideoWriter, frame_rate

        if "film" in self.formats:
            path = _ending(self.target, "_overlay.webm")
            with VideoWriter(path, rate=frame_rate(self.source)) as film:
                rows = self._rows(film)
                self._write_rows(rows, export_parquet)
        else:
            self._write_rows(self._rows(None), export_parquet)
        for person, motion in self.motions.items():
            export_motion(motion, _ending(self.target, f"_person{person}.glb"), size_hw=self.size_hw)
        for person, count in sorted(self.counts.items()):
            typer.echo(f"person {person}: in {count} of {self.frames} frames")
        if not self.counts:
            typer.echo(f"no face found in {self.frames} frames")
        typer.echo(f"results are in {self.target.parent}")

    def _write_rows(self, rows: Iterator[tuple[dict[str, Any], Sequence[FaceResult]]], export: Any) -> None:  # noqa: ANN401
        if "parquet" in self.formats:
            export(rows, _ending(self.target, ".parquet"))
        else:
            for _ in rows:
                pass

    def _rows(self, film: Any) -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:  # noqa: ANN401
        """Each frame's faces with what their rows begin with; draws them on the film on the way."""
        from lineament.draw import draw_overlay
        from lineament.video import read_video

        for frame in read_video(self.source):
            if self.seconds is not None and frame.time_s >= self.seconds:
                break
            self.frames += 1
            self.size_hw = (frame.picture.shape[0], frame.picture.shape[1])
            faces = {
                tracked.person: self._smoothed(frame.time_s, tracked.person, tracked.face)
                for tracked in self.tracker.step(frame.time_s, frame.picture)
            }
            self._remember(frame.time_s, faces)
            if film is not None:
                labels = [str(person) for person in faces]
                picture = draw_overlay(frame.picture, list(faces.values()), layers=self.layers, labels=labels)
                film.write(frame.time_s, picture)
            for person, face in faces.items():
                yield {"frame": frame.number, "time_s": frame.time_s, "person": person}, [face]
            _show_progress(self.frames, frame.time_s)

    def _smoothed(self, time_s: float, person: int, face: FaceResult) -> FaceResult:
        from lineament.result import MorphableResult
        from lineament.video import FaceSmoother

        if not self.smooth or not isinstance(face, MorphableResult):
            return face
        return self.smoothers.setdefault(person, FaceSmoother()).step(time_s, face)

    def _remember(self, time_s: float, faces: dict[int, FaceResult]) -> None:
        """Count, and gather the motion of those who are or have been here."""
        from lineament.export import HeadMotion

        for person in faces:
            self.counts[person] = self.counts.get(person, 0) + 1
            if "glb" in self.formats:
                self.motions.setdefault(person, HeadMotion())
        for person, motion in self.motions.items():
            motion.add(time_s, faces.get(person))


def _ending(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def _show_progress(frames: int, time_s: float) -> None:
    """A line on the terminal now and then."""
    if sys.stderr.isatty() and frames % 25 == 0:
        sys.stderr.write(f"\r{frames} frames, {time_s:.0f} s of film")
        sys.stderr.flush()
