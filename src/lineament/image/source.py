"""The bytes of a photo: from a file, a pipe, bytes or a file object, under a name for messages."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lineament.errors import ImageError

STREAM_LIMIT = 512 * 1024**2
"""Bytes that a pipe or a file object may hold: unlike files on disk they are kept in memory."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|data:")  # paths make one slash of two
_OPEN_AS_TEXT = "{} is open as text. Open it in binary mode: open(path, 'rb')."


def open_source(source: Any) -> tuple[str, IO[bytes]]:  # noqa: ANN401 - the door: anything may come
    """A name for messages and a stream that can be closed without closing the caller's file.

    Raises:
        ImageError: there is nothing to read, or nothing that is read as bytes.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return "the given bytes", _filled(bytes(source), "the given bytes")
    if isinstance(source, str | os.PathLike):
        given = os.fspath(source)
        if isinstance(given, bytes):
            given = os.fsdecode(given)
        if not given:
            raise ImageError("The name of the photo is empty. Give the path of its file.")
        return str(Path(given)), _opened(Path(given), given)
    if hasattr(source, "read"):
        name = _name_of(source)
        return name, _filled(_content(source, name), name)
    raise ImageError(
        f"A photo is a path, bytes, a binary file object, a PIL image or an (H, W, 3) uint8 array; "
        f"found {type(source).__name__}.{_kind_advice(source)}"
    )


def _name_of(stream: Any) -> str:  # noqa: ANN401 - any file object
    """What messages call a file object, and where it stands if that is not its beginning."""
    name = str(getattr(stream, "name", "the given file object"))
    with suppress(Exception):  # the file object is the caller's: pipes cannot tell
        if place := stream.tell():
            return f"{name} from its byte {place} on"
    return name


def _kind_advice(source: Any) -> str:  # noqa: ANN401 - anything that is no photo
    """What to do with what looks like a photo, or like several."""
    if hasattr(source, "__array__"):
        return (
            " Make it an array, its channels last: np.asarray(image), for a tensor of (3, H, W) "
            "image.permute(1, 2, 0).cpu().numpy(); then scale it to 0..255 and .astype(np.uint8)."
        )
    if isinstance(source, Iterable):
        return " Many photos go to `align_many`, or one after the other."
    return ""


def _opened(path: Path, given: str) -> IO[bytes]:
    """A stream that can seek; pipes, and files that do not tell their size, are read whole."""
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not a photo. Give one of the files in it.")
        stream = path.open("rb")
        about = os.fstat(stream.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size:
            return stream
        with stream:
            content = _content(stream, str(path))
    except FileNotFoundError as error:
        if _ADDRESS.match(given):
            raise ImageError(
                f"{given} is an address, and nothing is fetched here. Save the photo as a file and give its "
                f"path."
            ) from error
        raise ImageError(f"There is no file {path}. {_missing_advice(path)}") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} cannot be opened ({error}). Check its name and its permissions.") from error
    if not content:
        raise ImageError(f"{path} is an empty file. Copy the photo again.")
    return io.BytesIO(content)


def _missing_advice(path: Path) -> str:
    """A link whose file is gone is there, and yet it is not."""
    if path.is_symlink():
        return f"It links to {os.readlink(path)}, which is gone."
    if path.parts[0].startswith("~"):
        return f"{path.parts[0]} is no folder but a shell's word for one: write it in full."
    return "Check the spelling and the folder."


def _content(stream: IO[bytes], name: str) -> bytes:
    """All that a stream holds, within limits."""
    try:
        content = stream.read(STREAM_LIMIT + 1)
    except UnicodeDecodeError as error:
        raise ImageError(_OPEN_AS_TEXT.format(name)) from error
    except Exception as error:  # the file object is the caller's, and so are its errors
        raise ImageError(f"{name} cannot be read ({error or type(error).__name__}). Open it anew.") from error
    if not isinstance(content, bytes):
        raise ImageError(_OPEN_AS_TEXT.format(name))
    if len(content) > STREAM_LIMIT:
        raise ImageError(
            f"{name} holds more than {STREAM_LIMIT // 1024**2} MB, the limit of what is not a file on disk. "
            f"Save the photo as a file and give its path."
        )
    return content


def _filled(content: bytes, name: str) -> IO[bytes]:
    if not content:
        raise ImageError(
            f"{name} holds no data. Give the content of a photo; rewind a file that was read before."
        )
    return io.BytesIO(content)
