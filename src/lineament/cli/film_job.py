"""One video from its frames to its files: an overlay film, animated heads, a table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.cli.lines import say
from lineament.paths import with_ending

if TYPE_CHECKING:
    from lineament.ahead import Behind
    from lineament.export import FaceTexturer, HeadMotion, MeanTexture
    from lineament.expression_keys import TargetNames
    from lineament.result import FaceResult, MorphableResult
    from lineament.video import (
        Encoder,
        FaceSmoother,
        FaceTracker,
        Frame,
        Section,
        TrackedFace,
        VideoReader,
        VideoWriter,
    )

_Drawn: TypeAlias = "tuple[float, NDArray[np.uint8], dict[int, FaceResult]]"
"""A time, the picture of that time, and its faces by their people's numbers."""
TEXTURE_SIZE = 512  # texels along a side; a face in a film is seldom larger
PROGRESS_FRAMES = 25  # between two lines on the terminal
SHORT, LATE_S = 0.9, 0.5
"""Where the last picture of a whole film is, at the least: part of the length it states, less so many s."""
TEXTURE_EVERY_S = 0.2  # taking colours from every frame would cost more than aligning it


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """What is to be made of a video."""

    formats: tuple[str, ...]
    layers: tuple[str, ...]
    smooth: bool
    texture: bool
    neutral: int | str | None  # a frame, "auto", or everybody's rest
    targets: TargetNames
    section: Section
    encoder: Encoder | None  # of the film; OpenCV's own where None
    allow_network: bool


@dataclass(slots=True)
class Person:
    """What is kept of one person: no frame and no mesh."""

    smoother: FaceSmoother
    motion: HeadMotion
    texture: MeanTexture | None = None
    next_texture_s: float = -float("inf")
    frames: int = 0  # that show them
    no_head: str | None = None  # why there is no animated head of them
    face: MorphableResult | None = None  # the first one
    expressions: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # by frame, for their rest

    def rest(self, neutral: int | str | None) -> NDArray[np.float32] | None:
        """(E,) weights of this person at rest; None for everybody's."""
        from lineament.neutral import quietest

        if neutral is None or self.face is None:
            return None
        if isinstance(neutral, int) and neutral in self.expressions:
            return self.expressions[neutral]
        weights = np.stack([*self.expressions.values()])
        return quietest(self.face.model.expression_names, weights, self.face.key_scales)


class FilmJob:
    """One video from its frames to its files."""

    def __init__(self, source: str | int, out: Path, tracker: FaceTracker, options: FilmOptions) -> None:
        self.source = source
        self.target = out / (f"camera{source}" if isinstance(source, int) else Path(source).stem)
        self.tracker, self.options = tracker, options
        self.people: dict[int, Person] = {}
        self.texturers: dict[str, FaceTexturer] = {}  # by mesh, made when first needed
        self.stopped = Event()
        self.frames = 0
        self.size_hw = (0, 0)  # of the first frame
        self.length_s: float | None = None
        self.read_s = 0.0  # time of the frame read last
        self.begun_s = time.monotonic()

    def run(self) -> bool:
        """Read, follow, write, and say what was found; False where something asked for cannot be made."""
        from lineament.cli.stopping import stopped_by_signals

        with stopped_by_signals() as self.stopped:
            self._follow()
            if self.stopped.is_set():
                say("stopped")
            rests = self._rests()
            if "glb" in self.options.formats:
                self._write_heads(rests)
            if "parquet" in self.options.formats and rests:
                self._rewrite_rows(rests)
        for number, person in sorted(self.people.items()):
            say(f"person {number}: in {person.frames} of {self.frames} frames")
        if not self.people:
            say(f"no face found in {self.frames} frames")
        say(f"results are in {self.target.parent}")
        return not any(person.no_head for person in self.people.values())

    def _follow(self) -> None:
        """All frames; the film and the table, where they are asked for, are written on the way."""
        from lineament.ahead import ahead
        from lineament.video import VideoReader

        options = self.options
        with (
            VideoReader(self.source, allow_network=options.allow_network, section=options.section) as reader,
            closing(ahead(reader)) as frames,  # whose thread ends before what it reads is closed
        ):
            self.length_s = reader.length_s
            if "film" in options.formats:
                with self._film(reader) as film, self._drawing(film) as drawing:
                    self._write_rows(self._rows(frames, drawing))
                self._say_of_sound(film)
            else:
                self._write_rows(self._rows(frames, None))
        self._say_of_length()

    def _say_of_length(self) -> None:
        """A word where a film ends long before it says it does."""
        section = self.options.section
        if self.length_s is None or self.stopped.is_set() or section.start_s > 0 or section.end_s < np.inf:
            return
        if self.read_s < SHORT * self.length_s - LATE_S:
            name = Path(str(self.source)).name
            say(
                f"{name} ends after {self.read_s:.1f} s, but states {self.length_s:.1f} s: it is cut short, "
                f"damaged, or has longer sound than pictures",
                error=True,
            )

    def _film(self, reader: VideoReader) -> VideoWriter:
        from lineament.video import Sound, VideoWriter

        encoder, section = self.options.encoder, self.options.section
        suffix = ".webm" if encoder is None else encoder.suffix
        source = self.source if isinstance(self.source, str) and Path(self.source).is_file() else None
        return VideoWriter(
            with_ending(self.target, f"_overlay{suffix}"),
            rate=reader.rate / section.stride,
            is_stopped=self.stopped.is_set,
            encoder=encoder,
            sound=None if source is None else Sound(os.path.abspath(source), section.start_s),
        )

    @contextmanager
    def _drawing(self, film: VideoWriter) -> Iterator[Behind[_Drawn]]:
        """A thread that draws faces on their frames and writes these, while the next frames are aligned."""
        from lineament.ahead import Behind
        from lineament.draw import draw_overlay

        def draw(drawn: _Drawn) -> None:
            time_s, photo, faces = drawn
            labels = [str(number) for number in faces]
            picture = draw_overlay(photo, [*faces.values()], layers=self.options.layers, labels=labels)
            film.write(time_s, picture)

        behind = Behind(draw)
        try:
            yield behind
            behind.finish()
        finally:
            behind.end()

    def _say_of_sound(self, film: VideoWriter) -> None:
        """A word where a film has lost what it may have had."""
        if self.options.encoder is None and isinstance(self.source, str):
            say(
                f"{film.path.name} has no sound: ffmpeg, which would copy it and be quicker, is not installed"
            )
        elif not film.has_sound and isinstance(self.source, str):
            say(f"{film.path.name} has no sound: none of {Path(self.source).name} could be taken")

    def _write_rows(self, rows: Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]) -> None:
        if "parquet" in self.options.formats:
            from lineament.export import export_parquet

            export_parquet(rows, with_ending(self.target, ".parquet"), targets=self.options.targets)
        else:
            for _ in rows:
                pass

    def _rests(self) -> dict[int, NDArray[np.float32]]:
        """Each person's own rest, by their number, where it is asked for and known."""
        rests = {}
        for number, person in sorted(self.people.items()):
            rest = person.rest(self.options.neutral)
            if rest is None:
                continue
            rests[number] = rest
            frame = self.options.neutral
            if isinstance(frame, int) and frame not in person.expressions:
                say(f"person {number} is not in frame {frame}: at rest in their quietest frames")
        return rests

    def _rewrite_rows(self, rests: dict[int, NDArray[np.float32]]) -> None:
        """Rows are written while the film goes on, before anybody's rest is known."""
        from lineament.export import rewrite_weights

        def weights_of(row: Mapping[str, Any]) -> Mapping[str, float] | None:
            person, rest = self.people[row["person"]], rests.get(row["person"])
            if rest is None or person.face is None:
                return None
            expression = np.array(row["expression"], np.float32)
            face = replace(person.face, expression=expression, neutral=rest)
            return face.named_weights(self.options.targets)

        rewrite_weights(with_ending(self.target, ".parquet"), weights_of)

    def _write_heads(self, rests: dict[int, NDArray[np.float32]]) -> None:
        from lineament.export import export_motion

        for number, person in self.people.items():
            if person.no_head is not None:
                say(f"person {number}: no glb, {person.no_head}", error=True)
            if person.motion.model is None:
                continue
            texture = None if person.texture is None else person.texture.texture()
            person.motion.set_neutral(rests.get(number))
            export_motion(
                person.motion,
                with_ending(self.target, f"_person{number}.glb"),
                size_hw=self.size_hw,
                texture_rgb=None if texture is None else texture.colors_rgb,
                targets=self.options.targets,
            )

    def _rows(
        self, frames: Iterable[Frame], drawing: Behind[_Drawn] | None
    ) -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:
        """Each frame's faces with what their rows begin with; hands them over for the film on the way."""
        shape_hw = self.size_hw
        first_s = None
        for frame in frames:
            if self.stopped.is_set():
                break
            first_s = frame.time_s if first_s is None else first_s
            self.frames += 1
            self.read_s = frame.time_s
            shape_hw = self._shape_of(frame, shape_hw)
            found = self.tracker.step(frame.time_s, frame.picture)
            faces = {tracked.person: self._kept(frame, tracked) for tracked in found}
            if "glb" in self.options.formats:
                for number, person in self.people.items():
                    shown = _animated(person, faces.get(number))
                    person.motion.add(frame.time_s - first_s, shown, size_hw=shape_hw)
            if drawing is not None:
                drawing.add((frame.time_s - first_s, frame.picture, faces))
            for number, face in faces.items():
                yield {"frame": frame.number, "time_s": frame.time_s, "person": number}, [face]
            self._show_progress(frame.time_s - first_s)

    def _show_progress(self, time_s: float) -> None:
        """A line on the terminal now and then: how far, how quick, how long still."""
        if not sys.stderr.isatty() or self.frames % PROGRESS_FRAMES:
            return
        elapsed_s = max(time.monotonic() - self.begun_s, 1e-3)
        line = f"{self.frames} frames, {self.frames / elapsed_s:.0f} a second, {time_s:.0f} s of film"
        if self.length_s is not None and time_s > 0:
            left_s = elapsed_s * max(self.length_s / time_s - 1, 0)
            line += f" of {self.length_s:.0f}, {left_s // 60:.0f}:{left_s % 60:02.0f} left"
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()

    def _shape_of(self, frame: Frame, before_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of a frame; says so where they are new in mid-film."""
        from lineament.video import FaceSmoother

        height, width = shape_hw = (frame.picture.shape[0], frame.picture.shape[1])
        if self.frames == 1:
            self.size_hw = shape_hw
        elif shape_hw != before_hw:
            was = f"{before_hw[1]} x {before_hw[0]}"
            say(f"from {frame.time_s:.2f} s on pictures are {width} x {height} px; they were {was}")
            for person in self.people.values():
                person.smoother = FaceSmoother()  # nothing between pixels of two sizes is a mean
        return shape_hw

    def _kept(self, frame: Frame, tracked: TrackedFace) -> FaceResult:
        """A face as it is reported; what is gathered of its person grows by the frame."""
        from lineament.export import HeadMotion
        from lineament.result import MorphableResult
        from lineament.video import FaceSmoother

        person = self.people.get(tracked.person)
        if person is None:
            person = self.people[tracked.person] = Person(FaceSmoother(), HeadMotion())
            if self.frames > 1:
                person.motion.add(0.0, None)  # away from the film's first frame on
        person.frames += 1
        face = tracked.face
        is_due = self.options.texture and frame.time_s >= person.next_texture_s
        if "glb" in self.options.formats and is_due and face.mesh.uv is not None:
            person.next_texture_s = frame.time_s + TEXTURE_EVERY_S
            self._add_colors(person, frame, face)
        kept = person.smoother.step(frame.time_s, face) if self.options.smooth else face
        if self.options.neutral is not None and isinstance(kept, MorphableResult) and kept.is_finite:
            person.face = person.face or kept
            person.expressions[frame.number] = np.asarray(kept.expression, np.float32)
        return kept

    def _add_colors(self, person: Person, frame: Frame, face: FaceResult) -> None:
        """What the frame shows of a person's colours, where its own alignment has the face."""
        from lineament.export import FaceTexturer, MeanTexture

        if person.texture is None:
            name = face.mesh.name
            self.texturers[name] = self.texturers.get(name) or FaceTexturer(face.mesh, size=TEXTURE_SIZE)
            person.texture = MeanTexture(self.texturers[name])
        person.texture.add(frame.picture, face)


def _animated(person: Person, face: FaceResult | None) -> FaceResult | None:
    """The face if a head can be animated by it; what forbids it is kept."""
    from lineament.cli.results import why_impossible

    reason = None if face is None else why_impossible("glb", face)
    if reason is None:
        return face
    person.no_head = reason
    return None
