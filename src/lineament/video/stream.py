"""Video in: the pictures of a film as a player shows them, with their times.

OpenCV decodes. What it leaves out is done here: mirrored films, pixels that are not square, pictures whose
size changes on the way. Nothing is fetched from a network unless that is asked for.
"""

from __future__ import annotations

import math
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, ImageError
from lineament.video.container import Orientation, read_orientation
from lineament.video.opencv import load_cv2, open_capture, utf8_name
from lineament.video.packets import READERS, stated_size

Photo = NDArray[np.uint8]
Source: TypeAlias = str | os.PathLike[str] | int

MAX_PIXELS = 36_000_000  # of a picture: above 8K
MAX_ASPECT = 8.0  # of a pixel; what states more is taken for square
RATES = (1.0, 240.0)  # pictures a second that are believed when a file states them
USUAL_RATE = 25.0
MAX_FRAMES = 1e9  # what states more does not know
NOT_DECODED = {b"AV01": "AV1, for which the OpenCV of PyPI has no decoder"}
READ_AHEAD = 32  # packets that may lie before the one of the picture shown
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of a video.

    Attributes:
        number: from 0, in the order of the file.
        time_s: since the first frame, s; ascends. Where the film has a gap, so have the times.
        picture: (H, W, 3) uint8 RGB, upright, with square pixels. Its shape may change within a film.
    """

    number: int
    time_s: float
    picture: Photo


@dataclass(frozen=True, slots=True)
class Section:
    """Which frames of a video are wanted.

    Attributes:
        start_s: the first one, by its time, s.
        end_s: before which they end, s.
        stride: every so manieth from the first one on.
    """

    start_s: float = 0.0
    end_s: float = np.inf
    stride: int = 1

    def __post_init__(self) -> None:
        """Refuse what has no frame.

        Raises:
            ConfigError: says what is wrong.
        """
        if self.stride < 1 or self.start_s < 0 or not self.end_s > self.start_s:
            raise ConfigError(
                f"A section of a video has a stride of at least 1, starts at 0 s or later and ends after it; "
                f"found stride {self.stride}, {self.start_s} to {self.end_s} s."
            )


def read_video(
    source: Source, *, allow_network: bool = False, section: Section = Section()
) -> Iterator[Frame]:
    """The frames of a file, or of a camera by its number, one at a time.

    Args:
        source: name of a file, or an int for a camera.
        allow_network: take an address such as ``rtsp://...`` as well.
        section: which frames; numbers and times stay those of the whole video.

    Raises:
        ConfigError: OpenCV is missing.
        ImageError: the video cannot be opened or has no frames.
    """
    with VideoReader(source, allow_network=allow_network, section=section) as reader:
        yield from reader


class VideoReader:
    """A film or a camera, opened; iterate over it once.

    Attributes:
        rate: pictures a second; what the file states, what its first times say, or 25.
        length_s: of the section, as far as the file states it, s; None where it does not.
    """

    def __init__(self, source: Source, *, allow_network: bool = False, section: Section = Section()) -> None:
        """Open a source; see `read_video` for arguments and errors."""
        self._cv2 = load_cv2()
        self.section = section
        self._source = source
        self._closing = ExitStack()
        try:
            self._open(source if isinstance(source, int) else _target(source, allow_network))
        except (OSError, self._cv2.error) as error:
            self.close()
            raise ImageError(
                f"{source} cannot be read as a video ({error}). Check its permissions, or copy it again."
            ) from error
        except BaseException:
            self.close()
            raise

    def _open(self, target: str | int) -> None:
        if isinstance(target, str):
            target = self._closing.enter_context(utf8_name(target))
        self._stream = open_capture(target)
        self._closing.callback(self._stream.release)
        if not self._stream.isOpened():
            if isinstance(target, int):
                raise ImageError(f"Camera {target} cannot be opened. Is it connected, and free?")
            raise ImageError(
                f"{self._source} cannot be opened as a video: it is of another kind, damaged, or holds no "
                f"pictures. Check the name, or convert it to MP4."
            )
        self._check_size()
        path = target if isinstance(target, str) and os.path.isfile(target) else None
        self._orientation = self._oriented(path)
        self._sizes = None if path is None else _SizeChanges(path)
        if self._sizes is not None:
            self._closing.callback(self._sizes.close)
        self.rate = self._rate(path)
        count = self._stream.get(self._cv2.CAP_PROP_FRAME_COUNT) if path is not None else 0
        end_s = min(count / self.rate, self.section.end_s)
        self.length_s = max(end_s - self.section.start_s, 0.0) if 0 < count < MAX_FRAMES else None

    def __enter__(self) -> Self:
        """For `with`, which closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file or the camera."""
        self.close()

    def close(self) -> None:
        """Let go of the file or the camera."""
        self._closing.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames.

        Raises:
            ImageError: there are none.
        """
        number, last_s, first_s = 0, -np.inf, None
        wanted, next_wanted = self.section, None
        while True:
            if self._sizes is not None:
                self._check_pixels(*self._sizes.largest_until(number))
            try:
                if not self._stream.grab():
                    break
                stated_s = self._stream.get(self._cv2.CAP_PROP_POS_MSEC) / 1000
                first_s = stated_s if first_s is None else first_s
                # Files without time stamps state 0, damaged ones go back: then the frame rate is believed.
                is_later = stated_s - first_s > last_s
                last_s = stated_s - first_s if is_later else last_s + 1 / self.rate
                if last_s >= wanted.end_s:
                    return
                if next_wanted is None and last_s >= wanted.start_s - 1e-6:
                    next_wanted = number
                if number != next_wanted:
                    number += 1
                    continue
                found, bgr = self._stream.retrieve()
            except (self._cv2.error, MemoryError) as error:
                raise ImageError(f"{self._source} cannot be decoded after {number} frames.") from error
            if not found:
                break
            yield Frame(number, last_s, self._shown(bgr, 1000 * stated_s, number))
            next_wanted = number + wanted.stride
            number += 1
        if number > 0 and next_wanted is None:
            raise ImageError(f"{self._source} ends before {wanted.start_s} s, where it was to start.")
        if number == 0:
            raise ImageError(f"{self._source} has no frames that can be read. {self._advice()}")

    def _advice(self) -> str:
        """What to do with a film of which no picture came."""
        code = int(self._stream.get(self._cv2.CAP_PROP_FOURCC)).to_bytes(8, "little", signed=True)[:4]
        if not (code.isascii() and code.decode("ascii").strip("\0 ").isalnum()):
            return "Is it a video?"
        name = code.decode("ascii").strip("\0 ")
        return (
            f"It is damaged, or OpenCV cannot decode its pictures ({NOT_DECODED.get(code.upper(), name)}): "
            f"convert it, ffmpeg -i FILM -c:v libx264 CONVERTED.mp4, or copy it again."
        )

    def _check_size(self) -> None:
        cv2 = self._cv2
        width, height = (
            self._stream.get(name) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width * height > MAX_PIXELS:
            raise ImageError(
                f"{self._source} has pictures of {width:.0f} x {height:.0f} pixels, above the limit of "
                f"{MAX_PIXELS // 10**6} megapixels. Make it smaller first."
            )

    def _oriented(self, path: str | None) -> Orientation:
        """How pictures of a file are to be turned; OpenCV is told to leave them as they are stored."""
        turn = self._stream.get(self._cv2.CAP_PROP_ORIENTATION_META)
        if path is None or not self._stream.set(self._cv2.CAP_PROP_ORIENTATION_AUTO, 0):
            return Orientation()
        found = read_orientation(path)
        return Orientation.of_turn(turn) if found is None else found

    def _rate(self, path: str | None) -> float:
        stated = float(self._stream.get(self._cv2.CAP_PROP_FPS))
        if RATES[0] <= stated <= RATES[1] or path is None:
            return stated if RATES[0] <= stated <= RATES[1] else USUAL_RATE
        stream = open_capture(path)
        times: list[float] = []
        while len(times) < 30 and stream.grab():
            times.append(stream.get(self._cv2.CAP_PROP_POS_MSEC) / 1000)
        stream.release()
        step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        return float(np.clip(1 / step_s, *RATES)) if step_s > 0 else USUAL_RATE

    def _shown(self, bgr: Photo, stated_ms: float, number: int) -> Photo:
        """A picture as a player shows it, RGB."""
        cv2 = self._cv2
        size_wh = self._shown_size(bgr, stated_ms, number)
        if size_wh != bgr.shape[1::-1]:
            bgr = cv2.resize(bgr, size_wh, interpolation=cv2.INTER_LINEAR)
        if self._orientation.transposed:
            bgr = cv2.transpose(bgr)
        mirrored = (self._orientation.mirrored_x, self._orientation.mirrored_y)
        if any(mirrored):
            bgr = cv2.flip(bgr, -1 if all(mirrored) else int(mirrored[0]))
        picture: Photo = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        return picture

    def _shown_size(self, bgr: Photo, stated_ms: float, number: int) -> tuple[int, int]:
        """Width and height with square pixels, before the picture is turned; pixels are only added."""
        grown_x, grown_y = (1.0, 1.0) if self._sizes is None else self._sizes.growth(stated_ms, number)
        aspect = self._pixel_aspect()
        width = round(bgr.shape[1] * grown_x * max(aspect, 1.0))
        height = round(bgr.shape[0] * grown_y / min(aspect, 1.0))
        self._check_pixels(width, height)
        return width, height

    def _check_pixels(self, width: int, height: int) -> None:
        if not 0 < width * height <= MAX_PIXELS:
            raise ImageError(
                f"{self._source} has a picture of {width} x {height} pixels. The limit is "
                f"{MAX_PIXELS // 10**6} megapixels."
            )

    def _pixel_aspect(self) -> float:
        """Width of a pixel by its height."""
        cv2 = self._cv2
        width, height = (self._stream.get(name) for name in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
        aspect = width / height if width > 0 and height > 0 else 1.0
        return aspect if 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else 1.0


class _SizeChanges:
    """Follows the packets of a file beside its pictures, for the sizes that they state."""

    def __init__(self, path: str) -> None:
        cv2 = self._cv2 = load_cv2()
        self._stream = open_capture(path)
        self._codec = int(self._stream.get(cv2.CAP_PROP_FOURCC)).to_bytes(8, "little", signed=True)[:4]
        self._stream.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._is_open = self._codec in READERS and self._stream.set(cv2.CAP_PROP_FORMAT, -1)
        self._packets, self._read_until_ms = 0, -np.inf
        self._coming: deque[tuple[float, int, tuple[int, int]]] = deque()  # from when, ms; packet; size
        self._first = self._current = self._newest = self._largest = (1, 1)

    def largest_until(self, number: int) -> tuple[int, int]:
        """Width and height of the largest picture that packets up to that of a picture state, px."""
        while self._is_open and self._packets <= number:
            self._read_on()
        return self._largest

    def growth(self, time_ms: float, number: int) -> tuple[float, float]:
        """Width and height of a picture by those of the film's first."""
        while self._is_open and self._read_until_ms <= time_ms and self._packets < number + READ_AHEAD:
            self._read_on()
        while self._coming and self._coming[0][0] <= time_ms + 1e-3:
            if time_ms <= 0 and self._coming[0][1] > number:  # a stream without times: packets are counted
                break
            self._current = self._coming.popleft()[2]
        return self._current[0] / self._first[0], self._current[1] / self._first[1]

    def close(self) -> None:
        """Let go of the file."""
        self._stream.release()

    def _read_on(self) -> None:
        self._is_open, packet = self._stream.read()
        if not self._is_open:
            return
        self._packets += 1
        time_ms = self._stream.get(self._cv2.CAP_PROP_POS_MSEC)
        self._read_until_ms = max(self._read_until_ms, time_ms)
        size = stated_size(self._codec, packet.tobytes())
        if size is None or size == self._newest:
            return
        self._largest = max(self._largest, size, key=math.prod)
        if self._newest == (1, 1):
            self._first = self._current = size
        else:
            self._coming.append((time_ms, self._packets - 1, size))
        self._newest = size


def _target(source: str | os.PathLike[str], allow_network: bool) -> str:
    """What OpenCV is given: the full name of a file, which it cannot take for an address or a camera."""
    name = os.fspath(source)
    if os.path.exists(name) and not os.path.isdir(name):
        _check_file(name)
        return os.path.abspath(name)
    if ADDRESS.match(name):
        if allow_network:
            return name
        raise ImageError(f"{name} is an address, and nothing is fetched unless --allow-network says so.")
    if os.path.isdir(name):
        raise ImageError(f"{name} is a folder. Give one video after the other.")
    if name.isdecimal():
        raise ImageError(f"There is no file {name!r}. A camera is chosen by its number: --camera {name}.")
    raise ImageError(f"{name} is not there. Check the name of the video, and whether its folder may be read.")


def _check_file(name: str) -> None:
    """Say what OpenCV does not: that a file may not be read, or has nothing in it."""
    if not os.access(name, os.R_OK):
        raise ImageError(f"{name} cannot be opened (permission denied). Check its permissions.")
    if os.path.isfile(name) and not os.path.getsize(name):
        raise ImageError(f"{name} is an empty file. Copy the video again.")
