"""Video in and out: frames with their times; film that browsers play, without GPL parts.

OpenCV's wheel brings FFmpeg under the LGPL, without x264: VP9 in WebM is what it can write and browsers play.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, ExportError, ImageError
from lineament.image import check_image

Photo = NDArray[np.uint8]

CODECS = {".webm": ("VP90", "VP80"), ".mp4": ("mp4v",), ".avi": ("MJPG",)}
"""What is tried for each suffix; browsers play .webm, most players the others."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of a video.

    Attributes:
        number: from 0, in the order of the file.
        time_s: since the first frame, s; ascends.
        picture: (H, W, 3) uint8 RGB, upright.
    """

    number: int
    time_s: float
    picture: Photo


def read_video(source: str | os.PathLike[str] | int) -> Iterator[Frame]:
    """The frames of a file, or of a camera by its number, one at a time.

    Raises:
        ConfigError: OpenCV is missing.
        ImageError: the video cannot be opened or has no frames.
    """
    cv2 = _cv2()
    stream = cv2.VideoCapture(source if isinstance(source, int) else os.fspath(source))
    try:
        if not stream.isOpened():
            raise ImageError(f"{source} cannot be opened as a video. Check the name, or convert it to MP4.")
        rate = stream.get(cv2.CAP_PROP_FPS)
        step_s = 1 / rate if 1 <= rate <= 1000 else 1 / 25
        number, last, first = 0, -np.inf, None
        while True:
            found, bgr = stream.read()
            if not found:
                break
            stated = stream.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = stated if first is None else first
            # Files without time stamps state 0, damaged ones go back: then the frame rate is believed.
            time_s = stated - first if stated - first > last else last + step_s
            last = time_s
            yield Frame(number, time_s, np.ascontiguousarray(bgr[..., ::-1]))
            number += 1
    finally:
        stream.release()
    if number == 0:
        raise ImageError(f"{source} has no frames that can be read. Is it a video?")


def frame_rate(source: str | os.PathLike[str] | int) -> float:
    """Frames a second that a video states; 25 where it states none."""
    cv2 = _cv2()
    stream = cv2.VideoCapture(source if isinstance(source, int) else os.fspath(source))
    rate = float(stream.get(cv2.CAP_PROP_FPS))
    stream.release()
    return rate if 1 <= rate <= 1000 else 25.0


class VideoWriter:
    """Writes pictures at their times to a film of constant rate; whole, or no file is left.

    A picture is shown until the next one's time, so films of changing rate keep their length.
    """

    def __init__(self, path: str | os.PathLike[str], *, rate: float) -> None:
        """Remember where to; the file is opened with the first picture, whose size all share.

        Raises:
            ExportError: the suffix is none of .webm, .mp4, .avi.
            ConfigError: OpenCV is missing.
        """
        self.path = Path(path)
        if self.path.suffix.lower() not in CODECS:
            raise ExportError(f"{self.path.name}: a film is written as {', '.join(CODECS)}.")
        self.rate = rate
        self._cv2 = _cv2()
        self._temporary = self.path.with_name(f".{self.path.stem}.{os.getpid()}{self.path.suffix}")
        self._film: Any = None
        self._written = 0
        self._last: Photo | None = None

    def __enter__(self) -> Self:
        """For `with`: closing makes the file whole."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Finish the file, or leave none after an error."""
        if self._film is not None:
            if kind is None and self._last is not None:
                self._show(self._last, 1)
            self._film.release()
        if kind is None and self._film is not None:
            self._temporary.replace(self.path)
        self._temporary.unlink(missing_ok=True)

    def write(self, time_s: float, picture: Photo) -> None:
        """Add a picture that is shown from `time_s` on.

        Raises:
            ExportError: the film cannot be opened.
        """
        bgr = np.ascontiguousarray(check_image(picture)[..., ::-1])
        if self._film is None:
            self._film = self._opened(bgr.shape[1::-1])
        if self._last is not None:
            self._show(self._last, round(time_s * self.rate) - self._written)
        self._last = bgr

    def _show(self, bgr: Photo, times: int) -> None:
        for _ in range(times):
            self._film.write(bgr)
            self._written += 1

    def _opened(self, size_wh: tuple[int, int]) -> Any:  # noqa: ANN401 - OpenCV is not typed
        for code in CODECS[self.path.suffix.lower()]:
            fourcc = self._cv2.VideoWriter.fourcc(*code)
            film = self._cv2.VideoWriter(str(self._temporary), fourcc, self.rate, size_wh)
            if film.isOpened():
                return film
        raise ExportError(f"Cannot write {self.path}. Check the folder, or choose .mp4.")


def _cv2() -> Any:  # noqa: ANN401 - OpenCV is not typed
    """OpenCV, an optional library."""
    try:
        import cv2
    except ImportError as error:
        raise ConfigError("Video needs one more package: pip install 'lineament[video]'.") from error
    return cv2
