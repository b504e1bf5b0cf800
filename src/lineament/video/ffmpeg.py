"""The system's ffmpeg: films encoded in a process of its own, several times as quickly, with their sound."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, ExportError

Photo = NDArray[np.uint8]

CODECS = ("auto", "h264", "vp9")
SUFFIX_OF = {"h264": ".mp4", "vp9": ".webm"}
ENCODERS: dict[str, dict[str, tuple[str, ...]]] = {
    "h264": {
        "libx264": ("-preset", "veryfast", "-crf", "20"),
        "libopenh264": ("-b:v", "6M"),
    },
    "vp9": {
        "libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "7", "-row-mt", "1", "-crf", "32", "-b:v", "0"),
    },
}
"""Encoders of each codec, the best first, and their options."""
SOUND = {".mp4": "aac", ".webm": "libopus"}  # where the film's own sound does not fit into the file
_QUIET = ("-hide_banner", "-loglevel", "error", "-y")


@dataclass(frozen=True, slots=True)
class Encoder:
    """A program and how it is asked.

    Attributes:
        program: path of ffmpeg.
        codec: "h264" or "vp9".
        name: ffmpeg's name of the encoder.
    """

    program: str
    codec: str
    name: str

    @property
    def suffix(self) -> str:
        """Of the files it makes."""
        return SUFFIX_OF[self.codec]


def find_encoder(codec: str = "auto") -> Encoder | None:
    """The system's ffmpeg with an encoder of a codec, H.264 first; None where "auto" finds none.

    Raises:
        ConfigError: an unknown codec, or one that is asked for and not there.
    """
    if codec not in CODECS:
        raise ConfigError(f"Films are encoded as {', '.join(CODECS)}; found {codec!r}.")
    program = shutil.which("ffmpeg")
    known = _encoders(program) if program is not None else frozenset()
    for wanted in ("h264", "vp9") if codec == "auto" else (codec,):
        for name in ENCODERS[wanted]:
            if program is not None and name in known:
                return Encoder(program, wanted, name)
    if codec == "auto":
        return None
    what = "ffmpeg is not installed" if program is None else f"{program} has no encoder of it"
    raise ConfigError(f"A film in {codec} needs ffmpeg: {what}. Install it, or leave --codec out.")


def _encoders(program: str) -> frozenset[str]:
    try:
        done = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(re.findall(r"^ V[.A-Z]{5} (\S+)", done.stdout.decode("utf-8", "replace"), re.MULTILINE))


class FfmpegSink:
    """Pictures to a film without sound, through a pipe."""

    def __init__(self, encoder: Encoder, path: Path, *, rate: float, size_wh: tuple[int, int]) -> None:
        """Start ffmpeg.

        Args:
            encoder: which.
            path: of the film; replaced.
            rate: pictures a second.
            size_wh: of the pictures; odd ones lose a row or a column, which 4:2:0 cannot hold.

        Raises:
            ExportError: it cannot be started.
        """
        self.written = 0
        width, height = size_wh
        self._crop = (height - height % 2 or 1, width - width % 2 or 1)
        size = f"{self._crop[1]}x{self._crop[0]}"
        given = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", f"{rate:.6f}", "-i", "pipe:0")
        made = ("-an", "-c:v", encoder.name, *ENCODERS[encoder.codec][encoder.name], "-pix_fmt", "yuv420p")
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the film
        words = [encoder.program, *_QUIET, *given, *made, str(path)]
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said, process_group=0
            )
        except OSError as error:
            raise ExportError(f"{encoder.program} cannot be started ({error.strerror}).") from error

    def write(self, picture: Photo) -> None:
        """Add a picture, RGB.

        Raises:
            ExportError: ffmpeg has ended.
        """
        assert self._process.stdin is not None
        rows, columns = self._crop
        try:
            self._process.stdin.write(np.ascontiguousarray(picture[:rows, :columns]).data)
        except OSError as error:
            raise self._failure() from error
        self.written += 1

    def close(self) -> None:
        """Wait for the film to be whole.

        Raises:
            ExportError: it is not.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if self._process.wait() != 0:
            raise self._failure()
        self._said.close()

    def abandon(self) -> None:
        """End ffmpeg, whatever the film is."""
        self._kill()
        self._said.close()

    def _kill(self) -> None:
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what waits in the pipe reaches nobody
            self._process.stdin.close()

    def _failure(self) -> ExportError:
        self._kill()
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
        return ExportError(f"ffmpeg cannot encode the film ({lines[-1]}). Is the disk full?")


def with_sound(
    encoder: Encoder, film: Path, source: str, *, start_s: float, seconds: float, out: Path
) -> bool:
    """Join a film without sound and the sound of another; the film's pictures are copied as they are.

    Sound is copied where the file can hold it, else encoded anew.

    Args:
        encoder: which made the film.
        film: without sound.
        source: file whose sound is taken.
        start_s: where in it the film begins.
        seconds: how long the film is.
        out: replaced; keeps the film's suffix.

    Returns:
        Whether there is sound now; False, and no `out`, where the source has none or it cannot be read.
    """
    begin = ("-ss", f"{start_s:.3f}") if start_s > 0 else ()
    for codec in ("copy", SOUND[encoder.suffix]):
        words: Sequence[str] = (
            *(encoder.program, *_QUIET, "-i", str(film), *begin, "-t", f"{seconds:.3f}", "-i", source),
            *("-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", codec, str(out)),
        )
        try:
            done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, process_group=0)
        except OSError:
            return False
        if done.returncode == 0:
            return True
        out.unlink(missing_ok=True)
        if b"matches no streams" in done.stderr:
            return False
    return False
