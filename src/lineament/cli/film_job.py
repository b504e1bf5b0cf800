"""One video from its frames to its files: an overlay film, animated heads, a table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.cli.film_people import People
from lineament.cli.lines import say
from lineament.paths import with_ending

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lineament.ahead import Behind
    from lineament.expression_keys import TargetNames
    from lineament.result import FaceResult
    from lineament.video import (
        Encoder,
        FaceTracker,
        Frame,
        Section,
        VideoReader,
        VideoWriter,
    )

_Drawn: TypeAlias = "tuple[float, NDArray[np.uint8], dict[int, FaceResult]]"
"""A time, the picture of that time, and its faces by their people's numbers."""
PROGRESS_FRAMES = 25  # between two lines on the terminal
SHORT, LATE_S = 0.9, 0.5
"""Where the last picture of a whole film is, at the least: part of the length it states, less so many s."""


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


class FilmJob:
    """One video from its frames to its files."""

    def __init__(
        self, source: str | int, out: Path, tracker: Future[FaceTracker], options: FilmOptions
    ) -> None:
        """Of a film; the tracker may still be in the making while the film is opened."""
        self.source = source
        self.target = out / (f"camera{source}" if isinstance(source, int) else Path(source).stem)
        self.tracker, self.options = tracker, options
        self.people = People(options)
        self.seen = SeenFilm()
        self.stopped = Event()

    def run(self) -> bool:
        """Read, follow, write, and say what was found; False where something asked for cannot be made."""
        from lineament.cli.stopping import stopped_by_signals

        with stopped_by_signals() as self.stopped:
            self._follow()
            if self.stopped.is_set():
                say("stopped")
            rests = self.people.rests()
            if "glb" in self.options.formats:
                self.people.write_heads(self.target, rests, size_hw=self.seen.size_hw)
            if "parquet" in self.options.formats and rests:
                self.people.rewrite_rows(with_ending(self.target, ".parquet"), rests)
        people = self.people.by_number
        for number, person in sorted(people.items()):
            say(f"person {number}: in {person.frames} of {self.seen.frames} frames")
        if not people:
            say(f"no face found in {self.seen.frames} frames")
        say(f"results are in {self.target.parent}")
        return not any(person.no_head for person in people.values())

    def _follow(self) -> None:
        """All frames; the film and the table, where they are asked for, are written on the way."""
        from lineament.ahead import ahead
        from lineament.video import VideoReader

        options = self.options
        with (
            VideoReader(self.source, allow_network=options.allow_network, section=options.section) as reader,
            closing(ahead(reader)) as frames,  # whose thread ends before what it reads is closed
        ):
            self.seen.length_s = reader.length_s
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
        length_s, read_s = self.seen.length_s, self.seen.read_s
        if length_s is None or self.stopped.is_set() or section.start_s > 0 or section.end_s < np.inf:
            return
        if read_s < SHORT * length_s - LATE_S:
            name = Path(str(self.source)).name
            say(
                f"{name} ends after {read_s:.1f} s, but states {length_s:.1f} s: it is cut short, "
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

    def _rows(
        self, frames: Iterable[Frame], drawing: Behind[_Drawn] | None
    ) -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:
        """Each frame's faces with what their rows begin with; hands them over for the film on the way."""
        first_s = None
        for frame in frames:
            if self.stopped.is_set():
                break
            first_s = frame.time_s if first_s is None else first_s
            time_s = frame.time_s - first_s
            if self.seen.take(frame):
                self.people.smooth_anew()
            found = self.tracker.result().step(frame.time_s, frame.picture)
            faces = self.people.take(frame, found, time_s=time_s, size_hw=self.seen.newest_hw)
            if drawing is not None:
                drawing.add((time_s, frame.picture, faces))
            for number, face in faces.items():
                yield {"frame": frame.number, "time_s": frame.time_s, "person": number}, [face]
            self.seen.show_progress(time_s)


@dataclass(slots=True)
class SeenFilm:
    """What has been read of a film.

    Attributes:
        frames: how many.
        read_s: time of the last one.
        size_hw: of the first one, px.
        newest_hw: of the last one.
        length_s: what the film states; None where it does not.
        begun_s: by the clock, when reading began.
    """

    frames: int = 0
    read_s: float = 0.0
    size_hw: tuple[int, int] = (0, 0)
    newest_hw: tuple[int, int] = (0, 0)
    length_s: float | None = None
    begun_s: float = field(default_factory=time.monotonic)

    def take(self, frame: Frame) -> bool:
        """Whether the next frame is of another size than the one before, which is said."""
        height, width = size_hw = (frame.picture.shape[0], frame.picture.shape[1])
        before_hw, self.newest_hw = self.newest_hw, size_hw
        self.frames += 1
        self.read_s = frame.time_s
        if self.frames == 1:
            self.size_hw = size_hw
            return False
        if size_hw == before_hw:
            return False
        was = f"{before_hw[1]} x {before_hw[0]}"
        say(f"from {frame.time_s:.2f} s on pictures are {width} x {height} px; they were {was}")
        return True

    def show_progress(self, time_s: float) -> None:
        """A line on the terminal now and then: how far, how quick, how long still.

        Args:
            time_s: of the last frame, since the first one.
        """
        if not sys.stderr.isatty() or self.frames % PROGRESS_FRAMES:
            return
        elapsed_s = max(time.monotonic() - self.begun_s, 1e-3)
        line = f"{self.frames} frames, {self.frames / elapsed_s:.0f} a second, {time_s:.0f} s of film"
        if self.length_s is not None and time_s > 0:
            left_s = elapsed_s * max(self.length_s / time_s - 1, 0)
            line += f" of {self.length_s:.0f}, {left_s // 60:.0f}:{left_s % 60:02.0f} left"
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()
