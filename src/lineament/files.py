"""Whole files or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
