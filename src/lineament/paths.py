"""Paths of files to write."""

from __future__ import annotations

import os
from pathlib import Path

from lineament.errors import LineamentError


def checked_path(given: object, error_class: type[LineamentError]) -> Path:
    """The path of a file that is to be written.

    Args:
        given: by the caller: text, or what :class:`os.PathLike` means.
        error_class: of the complaint.

    Raises:
        LineamentError: of `error_class`: it is no path, or an empty one.
    """
    if not isinstance(given, str | os.PathLike):
        raise error_class(
            f"A file is named by its path, text or a pathlib.Path; found {type(given).__name__}. Give a path "
            f"there; open files are not taken."
        )
    path = Path(os.fsdecode(given))
    if not os.fspath(given):
        raise error_class("The name of the file to write is empty. Give its path.")
    return path


def with_ending(path: Path, ending: str) -> Path:
    """The path with more at the end of its name, whose own dots stay: `me.v2` and ".json", `me.v2.json`."""
    return path.with_name(path.name + ending)
