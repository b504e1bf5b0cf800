"""Video out: a film that browsers play; whole, or no file.

The system's ffmpeg encodes where there is one. OpenCV's wheel brings FFmpeg under the LGPL, without x264:
VP9 in WebM is what it can write and browsers play. It does not say when a picture cannot be written, so its
films are counted after they are closed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lineament.ahead import Behind
from lineament.errors import ExportError
from lineament.files import whole_file
from lineament.image import check_image
from lineament.video.ffmpeg import Encoder, FfmpegSink, with_sound
from lineament.video.opencv import count_packets, load_cv2, quiet_stderr, utf8_name

Photo = NDArray[np.uint8]

CODECS = {".webm": ("VP90", "VP80"), ".mp4": ("mp4v",), ".avi": ("MJPG",)}
"""What is tried for each suffix; browsers play .webm, most players the others."""
CUT_S = 5.0
"""A picture is shown so long at most: a film with a hole of an hour goes on after a cut."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a film.

    Attributes:
        source: its file.
        start_s: where in it the pictures begin.
    """

    source: str
    start_s: float = 0.0


class VideoWriter:
    """Writes pictures at their times to a film of constant rate; whole, or no file is left.

    A picture is shown until the next one's time, so films of changing rate keep their length; gaps longer
    than `CUT_S` become cuts. All pictures have the first one's size: others are fitted into it, with black
    beside or above and below. A thread encodes.

    Attributes:
        path: of the film.
        rate: pictures a second.
        has_sound: whether the finished film has sound.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rate: float,
        is_stopped: Callable[[], bool] = lambda: False,
        encoder: Encoder | None = None,
        sound: Sound | None = None,
    ) -> None:
        """Remember where to; the file is opened with the first picture.

        Args:
            path: ends in .webm, .mp4 or .avi; a file that is there is replaced.
            rate: pictures a second.
            is_stopped: asked between any two pictures; no more are added to fill a gap once it says so.
            encoder: the system's ffmpeg (:func:`lineament.video.find_encoder`), and its suffix; OpenCV's own
                when None.
            sound: of which film, where there is an encoder; a film with cuts stays without.

        Raises:
            ExportError: the suffix is none of .webm, .mp4, .avi, or not the encoder's.
            ConfigError: OpenCV is missing.
        """
        self.path = Path(path)
        self.has_sound = False
        self._encoder, self._sound = encoder, sound
        if encoder is not None and self.path.suffix.lower() != encoder.suffix:
            raise ExportError(f"{self.path.name}: a film in {encoder.codec} is written as {encoder.suffix}.")
        if self.path.suffix.lower() not in CODECS:
            raise ExportError(f"{self.path.name}: a film is written as {', '.join(CODECS)}.")
        self.rate = rate
        self._cv2 = load_cv2()
        self._is_stopped = is_stopped
        self._whole: AbstractContextManager[Path] | None = None
        self._sink: _OpenCvSink | FfmpegSink | None = None
        self._behind: Behind[Photo] | None = None
        self._size_wh = (0, 0)
        self._written = 0
        self._last: Photo | None = None
        self._last_s = self._cut_s = 0.0

    def __enter__(self) -> Self:
        """For `with`: closing makes the file whole."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:  # noqa: ANN401
        """Finish the file, or leave none after an error.

        Raises:
            ExportError: not every picture has reached the disk.
        """
        if self._whole is None:
            return
        try:
            self._finish(kind is None)
        except ExportError as failure:
            self._whole.__exit__(type(failure), failure, failure.__traceback__)
            raise
        try:
            self._whole.__exit__(kind, error, trace)
        except OSError as failure:
            raise ExportError(f"Cannot write {self.path} ({failure.strerror}).") from failure

    def _finish(self, is_wanted: bool) -> None:
        """Make the file whole, or let it go."""
        sink, behind = self._sink, self._behind
        if sink is None or behind is None:
            return
        try:
            if is_wanted and self._last is not None:
                self._show(self._last, 1)
            if is_wanted:
                behind.finish()
        except BaseException:
            is_wanted = False
            raise
        finally:
            behind.end()
            if not is_wanted:
                sink.abandon()
        if not is_wanted:
            return
        sink.close()
        if isinstance(sink, _OpenCvSink):
            self._check()
        elif self._sound is not None and self._encoder is not None and self._cut_s == 0:
            self._add_sound(self._encoder, self._sound)

    def _add_sound(self, encoder: Encoder, sound: Sound) -> None:
        name = f".{os.getpid()}-{secrets.token_hex(4)}.part{encoder.suffix}"
        joined = self._temporary.with_name(name)
        try:
            self.has_sound = with_sound(
                encoder,
                self._temporary,
                sound.source,
                start_s=sound.start_s,
                seconds=self._written / self.rate,
                out=joined,
            )
            if self.has_sound:
                joined.replace(self._temporary)
        finally:
            joined.unlink(missing_ok=True)

    def write(self, time_s: float, picture: Photo) -> None:
        """Add a picture that is shown from `time_s` on.

        Raises:
            ExportError: the film cannot be opened, or the time is not finite.
        """
        if not np.isfinite(time_s):
            raise ExportError(f"Times of pictures must be finite; found {time_s} s.")
        kept = np.array(check_image(picture), order="C")  # encoded later
        if self._whole is None:
            self._open(kept.shape[1::-1])
        if time_s - self._last_s > CUT_S:
            self._cut_s += time_s - self._last_s - (0.0 if self._last is None else 1 / self.rate)
        if self._last is not None:
            self._show(self._last, round((time_s - self._cut_s) * self.rate) - self._written)
        self._last, self._last_s = self._fitted(kept), time_s

    def _show(self, picture: Photo, times: int) -> None:
        assert self._behind is not None
        for _ in range(times):
            self._behind.add(picture)
            self._written += 1
            if self._is_stopped():
                break

    def _fitted(self, picture: Photo) -> Photo:
        """A picture at the film's size: enlarged or shrunk until it fits, in the middle of black."""
        width, height = self._size_wh
        if picture.shape[:2] == (height, width):
            return picture
        factor = min(width / picture.shape[1], height / picture.shape[0])
        size_wh = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
        fitted = np.zeros((height, width, 3), np.uint8)
        left, top = (width - size_wh[0]) // 2, (height - size_wh[1]) // 2
        part = self._cv2.resize(picture, size_wh, interpolation=self._cv2.INTER_AREA)
        fitted[top : top + size_wh[1], left : left + size_wh[0]] = part
        return fitted

    def _open(self, size_wh: tuple[int, int]) -> None:
        suffix = self.path.suffix.lower()
        whole = whole_file(self.path, suffix=suffix)
        try:
            self._temporary = whole.__enter__()
        except OSError as error:
            raise ExportError(f"Cannot write {self.path} ({error.strerror}). Check the folder.") from error
        self._whole, self._size_wh = whole, size_wh
        if self._encoder is not None:
            self._sink = FfmpegSink(self._encoder, self._temporary, rate=self.rate, size_wh=size_wh)
        else:
            self._sink = _OpenCvSink(self._temporary, rate=self.rate, size_wh=size_wh)
            if not self._sink.is_open:
                self._sink = None
                raise ExportError(f"Cannot write {self.path}. Check the folder, or choose .mp4.")
        self._behind = Behind(self._sink.write)

    def _check(self) -> None:
        """Count what reached the disk."""
        with quiet_stderr(), utf8_name(str(self._temporary)) as name:
            found = count_packets(name)
        if found != self._written:
            raise ExportError(
                f"Cannot write {self.path}: {found} of its {self._written} pictures "
                "reached the disk. Is it full?"
            )


class _OpenCvSink:
    """Pictures to a film through OpenCV's own FFmpeg."""

    def __init__(self, path: Path, *, rate: float, size_wh: tuple[int, int]) -> None:
        cv2 = load_cv2()
        self._cv2 = cv2
        self._film: Any = None
        for code in CODECS[path.suffix.lower()]:
            with quiet_stderr(), utf8_name(str(path)) as name:
                film = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*code), rate, size_wh)
            if film.isOpened():
                self._film = film
                break

    @property
    def is_open(self) -> bool:
        """Whether there is an encoder, and a place to write."""
        return self._film is not None

    def write(self, picture: Photo) -> None:
        """Add a picture, RGB; OpenCV does not say whether it can."""
        self._film.write(self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Finish the file."""
        with quiet_stderr():  # FFmpeg says what is said by the count in its own way
            self._film.release()

    abandon = close
