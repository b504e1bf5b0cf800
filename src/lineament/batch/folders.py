"""The photographs of folders, in one order whoever aligns them, and what rows of tables call them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lineament.batch.result_names import RESULT_PICTURE
from lineament.errors import ConfigError
from lineament.image.several import photos_of_folder


def photos_in_folder(
    root: Path, *, recursive: bool, on_error: Callable[[ConfigError], None] | None = None
) -> list[Path]:
    """The pictures directly in a folder, by name, or those of the folders in it too; no results of ours.

    Args:
        root: the folder.
        recursive: go into the folders in it, those that are hidden left out.
        on_error: told of each folder that cannot be listed; the first ends it when None.

    Raises:
        ConfigError: a folder cannot be listed.
    """
    found: list[Path] = []
    for folder in _folders_below(root) if recursive else [root]:
        try:
            found += photos_of_folder(folder)
        except ConfigError as error:
            if on_error is None:
                raise
            on_error(error)
    return [entry for entry in found if not RESULT_PICTURE.search(entry.name)]


def row_source(path: str | Path) -> str:
    """How rows call a photograph: its path, what is no text in it written so that no two are alike."""
    return str(path).encode("utf-8", errors="backslashreplace").decode("utf-8")


def _folders_below(root: Path) -> list[Path]:
    """A folder and all in it, by name, those that cannot be listed too; links may lead in circles."""
    folders: list[Path] = []
    for name, inner, _ in os.walk(root, onerror=lambda error: folders.append(Path(error.filename))):
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        folders.append(Path(name))
    return folders
