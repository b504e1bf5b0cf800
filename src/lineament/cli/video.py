"""`lineament video`: a film or a camera to an overlay film, animations and a table."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lineament.export import FaceTexturer, HeadMotion, MeanTexture
    from lineament.result import FaceResult
    from lineament.video import FaceSmoother, FaceTracker, Frame, TrackedFace, VideoWriter

FORMATS = ("film", "glb", "parquet")
TEXTURE_SIZE = 512  # texels along a side; a face in a film is seldom larger
TEXTURE_EVERY_S = 0.2  # taking colours from every frame would cost more than aligning it


def video(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made when missing.")],
    source: Annotated[str | None, typer.Argument(metavar="VIDEO", help="A video file.")] = None,
    camera: Annotated[
        int | None, typer.Option(min=0, help="Number of a camera, instead of a file; 0 is the first.")
    ] = None,
    allow_network: Annotated[
        bool,
        typer.Option(
            "--allow-network", help="Take an address, such as rtsp://..., for VIDEO; it is fetched."
        ),
    ] = False,
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
        int | None, typer.Option(min=1, max=1024, help="CPU threads; what suits the weights when left out.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where networks run: cpu, cuda (needs onnxruntime-gpu), or auto.")
    ] = "cpu",
    method: Annotated[
        str,
        typer.Option(
            "--weights",
            "-w",
            "--method",
            help='"default", "fast", "open", another name of `lineament info`, or a file.',
        ),
    ] = "default",
) -> None:
    """Follow every face through a video.

    Ctrl+C and SIGTERM end a film; what was seen until then is written.
    Writes NAME_overlay.webm (VP9, which browsers play), NAME_person1.glb, NAME_person2.glb, ... (animated
    heads) and, when asked for, NAME.parquet (a row a face and frame).
    """
    from lineament.aligner import FaceAligner
    from lineament.cli.results import chosen_from
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError, LineamentError
    from lineament.files import remove_leftovers
    from lineament.video import FaceTracker

    chosen_source = camera if source is None else source
    if chosen_source is None or (source is not None and camera is not None):
        raise typer.BadParameter("Give a video file, or --camera and its number.")
    try:
        chosen = chosen_from(formats, FORMATS, "format")
        layers = chosen_from(overlay, tuple(LAYERS), "layer")
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    _silence_opencv()
    try:
        tracker = FaceTracker(FaceAligner.from_pretrained(method, threads=threads, device=device))
        options = _Options(
            chosen,
            layers,
            smooth=smooth,
            texture=texture,
            seconds=float("inf") if seconds is None else seconds,
            allow_network=allow_network,
        )
        all_made = _VideoJob(chosen_source, out, tracker, options).run()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if not all_made:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Options:
    """What is to be made of a video."""

    formats: tuple[str, ...]
    layers: tuple[str, ...]
    smooth: bool
    texture: bool
    seconds: float  # of the film, at most
    allow_network: bool


@dataclass(slots=True)
class _Person:
    """What is kept of one person: no frame and no mesh."""

    smoother: FaceSmoother
    motion: HeadMotion
    texture: MeanTexture | None = None
    next_texture_s: float = -float("inf")
    frames: int = 0  # that show them
    no_head: str | None = None  # why there is no animated head of them


class _VideoJob:
    """One video from its frames to its files."""

    def __init__(self, source: str | int, out: Path, tracker: FaceTracker, options: _Options) -> None:
        self.source = source
        self.target = out / (f"camera{source}" if isinstance(source, int) else Path(source).stem)
        self.tracker, self.options = tracker, options
        self.people: dict[int, _Person] = {}
        self.texturers: dict[str, FaceTexturer] = {}  # by mesh, made when first needed
        self.stopped = Event()
        self.frames = 0
        self.size_hw = (0, 0)  # of the first frame

    def run(self) -> bool:
        """Read, follow, write, and say what was found; False where something asked for cannot be made."""
        from lineament.cli.stopping import stopped_by_signals

        with stopped_by_signals() as self.stopped:
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
        return not any(person.no_head for person in self.people.values())

    def _follow(self) -> None:
        """All frames; the film and the table, where they are asked for, are written on the way."""
        from lineament.video import VideoReader, VideoWriter

        with VideoReader(self.source, allow_network=self.options.allow_network) as reader:
            if "film" in self.options.formats:
                path = _ending(self.target, "_overlay.webm")
                with VideoWriter(path, rate=reader.rate, is_stopped=self.stopped.is_set) as film:
                    self._write_rows(self._rows(reader, film))
            else:
                self._write_rows(self._rows(reader, None))

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
            if person.no_head is not None:
                typer.echo(f"person {number}: no glb, {person.no_head}", err=True)
            if person.motion.model is None:
                continue
            texture = None if person.texture is None else person.texture.texture()
            export_motion(
                person.motion,
                _ending(self.target, f"_person{number}.glb"),
                size_hw=self.size_hw,
                texture_rgb=None if texture is None else texture.colors_rgb,
            )

    def _rows(
        self, reader: Iterable[Frame], film: VideoWriter | None
    ) -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:
        """Each frame's faces with what their rows begin with; draws them on the film on the way."""
        from lineament.draw import draw_overlay

        shape_hw = self.size_hw
        for frame in reader:
            if frame.time_s >= self.options.seconds or self.stopped.is_set():
                break
            self.frames += 1
            shape_hw = self._shape_of(frame, shape_hw)
            found = self.tracker.step(frame.time_s, frame.picture)
            faces = {tracked.person: self._kept(frame, tracked) for tracked in found}
            if "glb" in self.options.formats:
                for number, person in self.people.items():
                    shown = _animated(person, faces.get(number))
                    person.motion.add(frame.time_s, shown, size_hw=shape_hw)
            if film is not None:
                labels = [str(number) for number in faces]
                layers = self.options.layers
                picture = draw_overlay(frame.picture, [*faces.values()], layers=layers, labels=labels)
                film.write(frame.time_s, picture)
            for number, face in faces.items():
                yield {"frame": frame.number, "time_s": frame.time_s, "person": number}, [face]
            _show_progress(self.frames, frame.time_s)

    def _shape_of(self, frame: Frame, before_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of a frame; says so where they are new in mid-film."""
        from lineament.video import FaceSmoother

        height, width = shape_hw = (frame.picture.shape[0], frame.picture.shape[1])
        if self.frames == 1:
            self.size_hw = shape_hw
        elif shape_hw != before_hw:
            was = f"{before_hw[1]} x {before_hw[0]}"
            typer.echo(f"from {frame.time_s:.2f} s on pictures are {width} x {height} px; they were {was}")
            for person in self.people.values():
                person.smoother = FaceSmoother()  # nothing between pixels of two sizes is a mean
        return shape_hw

    def _kept(self, frame: Frame, tracked: TrackedFace) -> FaceResult:
        """A face as it is reported; what is gathered of its person grows by the frame."""
        from lineament.export import HeadMotion
        from lineament.video import FaceSmoother

        person = self.people.get(tracked.person)
        if person is None:
            person = self.people[tracked.person] = _Person(FaceSmoother(), HeadMotion())
            if self.frames > 1:
                person.motion.add(0.0, None)  # away from the film's first frame on
        person.frames += 1
        face = tracked.face
        is_due = self.options.texture and frame.time_s >= person.next_texture_s
        if "glb" in self.options.formats and is_due and face.mesh.uv is not None:
            person.next_texture_s = frame.time_s + TEXTURE_EVERY_S
            self._add_colors(person, frame, face)
        return person.smoother.step(frame.time_s, face) if self.options.smooth else face

    def _add_colors(self, person: _Person, frame: Frame, face: FaceResult) -> None:
        """What the frame shows of a person's colours, where its own alignment has the face."""
        from lineament.export import FaceTexturer, MeanTexture

        if person.texture is None:
            name = face.mesh.name
            self.texturers[name] = self.texturers.get(name) or FaceTexturer(face.mesh, size=TEXTURE_SIZE)
            person.texture = MeanTexture(self.texturers[name])
        person.texture.add(frame.picture, face)


def _animated(person: _Person, face: FaceResult | None) -> FaceResult | None:
    """The face if a head can be animated by it; what forbids it is kept."""
    from lineament.cli.results import why_impossible

    reason = None if face is None else why_impossible("glb", face)
    if reason is None:
        return face
    person.no_head = reason
    return None


def _silence_opencv() -> None:
    """Let a damaged film be one line of ours; read when OpenCV is imported, so this process's own."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def _ending(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def _show_progress(frames: int, time_s: float) -> None:
    """A line on the terminal now and then."""
    if sys.stderr.isatty() and frames % 25 == 0:
        sys.stderr.write(f"\r{frames} frames, {time_s:.0f} s of film")
        sys.stderr.flush()
