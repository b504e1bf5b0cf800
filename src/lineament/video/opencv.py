"""OpenCV, an optional library, as films need it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lineament.errors import ConfigError


def load_cv2() -> Any:  # noqa: ANN401 - OpenCV is not typed
    """OpenCV.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ConfigError("Video needs one more package: pip install 'lineament[video]'.") from error
    return cv2


def open_capture(target: str | int) -> Any:  # noqa: ANN401 - OpenCV is not typed
    """OpenCV's reader of a camera, or of a file by FFmpeg alone, which takes no pattern or device."""
    cv2 = load_cv2()
    with_ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getBackends()
    is_device = isinstance(target, int) or target.startswith("/dev/video")
    return cv2.VideoCapture(target, cv2.CAP_FFMPEG if with_ffmpeg and not is_device else cv2.CAP_ANY)


def count_packets(path: str) -> int:
    """How many compressed pictures a film holds, without decoding them."""
    cv2 = load_cv2()
    stream, count = open_capture(path), 0
    stream.set(cv2.CAP_PROP_FORMAT, -1)
    while stream.grab():
        count += 1
    stream.release()
    return count


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Nothing that C code prints meanwhile: FFmpeg warns of tags that are as they should be."""
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
