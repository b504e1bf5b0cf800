"""`lineament video`: a film or a camera to an overlay film, animations and a table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lineament.export import FaceTexturer, HeadMotion, MeanTexture
    from lineament.result import FaceResult, MorphableResult
    from lineament.video import FaceSmoother, FaceTracker, Frame, TrackedFace

FORMATS = ("film", "glb", "parquet")
TEXTURE_SIZE = 512  # texels along a side; a face in a film is seldom larger
TEXTURE_EVERY_S = 0.2  # taking colours from every frame would cost more than aligning it


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
    texture: Annotated[
        bool, typer.Option(help="Give animated heads their person's colours, the mean of the film.")
    ] = True,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores when left out.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--weights",
            "-w",
            "--method",
            help='"default", "fast", "open", another name of `lineament info`, or an .onnx file.',
        ),
    ] = "default",
) -> None:
    """Follow every face through a video.

    Ctrl+C ends a camera's film; what was seen until then is written.
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
        options = _Options(chosen, layers, smooth=smooth, texture=texture, seconds=seconds)
        _VideoJob(source, out, tracker, options).run()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


@dataclass(frozen=True, slots=True)
class _Options:
    """What is to be made of a video."""

    formats: tuple[str, ...]
    layers: tuple[str, ...]
    smooth: bool
    texture: bool
    seconds: float | None


@dataclass(slots=True)
class _Person:
    """What is kept of one person: no frame and no mesh."""

    smoother: FaceSmoother
    motion: HeadMotion
    texture: MeanTexture | None = None
    next_texture_s: float = -float("inf")
    frames: int = 0  # that show them


class _VideoJob:
    """One video from its frames to its files."""

    def __init__(self, source: str, out: Path, tracker: FaceTracker, options: _Options) -> None:
        self.source: str | int = int(source) if source.isdecimal() else source
        self.target = out / (f"camera{source}" if source.isdecimal() else Path(source).stem)
        self.tracker, self.options = tracker, options
        self.people: dict[int, _Person] = {}
        self.texturers: dict[str, FaceTexturer] = {}  # by face model, made when first needed
        self.stopped = Event()
        self.frames = 0
        self.size_hw = (1, 1)

    def run(self) -> None:
        """Read, follow, write, and say what was found."""
        with _stopped_by_ctrl_c() as self.stopped:
            self._follow()
        if self.stopped.is_set():
            typer.echo("stopped")
        if "glb" in self.options.formats:
            self._write_heads()
        for number, person in sorted(self.people.items()):
            typer.echo(f"person {number}: in {person.frames} of {self.frames} frames")
        if not self.people:
            typer.echo(f"no face found in {self.frames} frames")
        typer.echo(f"results are in {self.target.parent}")

    def _follow(self) -> None:
        """All frames; the film and the table, where they are asked for, are written on the way."""
        from lineament.video.stream import VideoWriter, frame_rate

        if "film" in self.options.formats:
            path = _ending(self.target, "_overlay.webm")
            with VideoWriter(path, rate=frame_rate(self.source)) as film:
                self._write_rows(self._rows(film))
        else:
            self._write_rows(self._rows(None))

    def _write_rows(self, rows: Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]) -> None:
        if "parquet" in self.options.formats:
            from lineament.export import export_parquet

            export_parquet(rows, _ending(self.target, ".parquet"))
        else:
            for _ in rows:
                pass

    def _write_heads(self) -> None:
        from lineament.export import export_motion

        for number, person in self.people.items():
            texture = None if person.texture is None else person.texture.texture()
            export_motion(
                person.motion,
                _ending(self.target, f"_person{number}.glb"),
                size_hw=self.size_hw,
                texture_rgb=None if texture is None else texture.colors_rgb,
            )

    def _rows(self, film: Any) -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:  # noqa: ANN401
        """Each frame's faces with what their rows begin with; draws them on the film on the way."""
        from lineament.draw import draw_overlay
        from lineament.video import read_video

        for frame in read_video(self.source):
            is_over = self.options.seconds is not None and frame.time_s >= self.options.seconds
            if is_over or self.stopped.is_set():
                break
            self.frames += 1
            self.size_hw = (frame.picture.shape[0], frame.picture.shape[1])
            found = self.tracker.step(frame.time_s, frame.picture)
            faces = {tracked.person: self._kept(frame, tracked) for tracked in found}
            if "glb" in self.options.formats:
                for number, person in self.people.items():
                    person.motion.add(frame.time_s, faces.get(number))
            if film is not None:
                labels = [str(number) for number in faces]
                shown = list(faces.values())
                picture = draw_overlay(frame.picture, shown, layers=self.options.layers, labels=labels)
                film.write(frame.time_s, picture)
            for number, face in faces.items():
                yield {"frame": frame.number, "time_s": frame.time_s, "person": number}, [face]
            _show_progress(self.frames, frame.time_s)

    def _kept(self, frame: Frame, tracked: TrackedFace) -> FaceResult:
        """A face as it is reported; what is gathered of its person grows by the frame."""
        from lineament.export import HeadMotion
        from lineament.result import MorphableResult
        from lineament.video import FaceSmoother

        person = self.people.get(tracked.person)
        if person is None:
            person = self.people[tracked.person] = _Person(FaceSmoother(), HeadMotion())
            if self.frames > 1:
                person.motion.add(0.0, None)  # away from the film's first frame on
        person.frames += 1
        face = tracked.face
        if not isinstance(face, MorphableResult):
            return face
        if "glb" in self.options.formats and self.options.texture and frame.time_s >= person.next_texture_s:
            person.next_texture_s = frame.time_s + TEXTURE_EVERY_S
            self._add_colors(person, frame, face)
        return person.smoother.step(frame.time_s, face) if self.options.smooth else face

    def _add_colors(self, person: _Person, frame: Frame, face: MorphableResult) -> None:
        """What the frame shows of a person's colours, where its own alignment has the face."""
        from lineament.export import FaceTexturer, MeanTexture

        if face.model.uv is None:
            return
        if person.texture is None:
            name = face.model.name
            self.texturers[name] = self.texturers.get(name) or FaceTexturer(face.model, size=TEXTURE_SIZE)
            person.texture = MeanTexture(self.texturers[name])
        person.texture.add(frame.picture, face)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[Event]:
    """An event that Ctrl+C sets, so that a camera's film ends whole; a second one ends at once."""
    stopped = Event()

    def stop(*_: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _ending(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def _show_progress(frames: int, time_s: float) -> None:
    """A line on the terminal now and then."""
    if sys.stderr.isatty() and frames % 25 == 0:
        sys.stderr.write(f"\r{frames} frames, {time_s:.0f} s of film")
        sys.stderr.flush()
