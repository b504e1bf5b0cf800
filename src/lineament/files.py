"""Whole files or none, and how to know a file again."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Another name to write under, which becomes `path` at the end; after an error no file is left there.

    The name is short, so that whatever fits as the name of a file can be written.

    Raises:
        OSError: the file cannot take its place.
    """
    temporary = path.parent / f".{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):  # nothing was written there, or it has taken its place
            temporary.unlink()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a whole file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checked_sha256(value: object, what: str) -> str:
    """The same, if it is a SHA-256 in hexadecimal.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise ValueError(f"{what} is {value!r}, expected 64 hexadecimal digits")
    return value


def is_plain_name(name: object) -> bool:
    """Whether this is text that can be the name of a file in any folder, and of nothing else."""
    return isinstance(name, str) and _PLAIN_NAME.fullmatch(name) is not None
