"""The photographs of folders, in one order whoever aligns them, and what rows of tables call them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lineament.image.several import photos_of_folder

# Pictures that `lineament align` writes; not taken for photographs of a folder.
RESULT_NAME = re.compile(
    r"_((overlay|compare)\.(png|jpg|webp)|(depth|pncc|normals|parts|face\d+(_texture|_texture_seen|_frontal)?)\.png)$"
)


def photos_in_folder(root: Path, *, recursive: bool) -> list[Path]:
    """The pictures directly in a folder, by name, or those of the folders in it too; no results of ours.

    Raises:
        ConfigError: a folder cannot be listed.
    """
    folders = _folders_below(root) if recursive else [root]
    found = [entry for folder in folders for entry in photos_of_folder(folder)]
    return [entry for entry in found if not RESULT_NAME.search(entry.name)]


def row_source(path: str | Path) -> str:
    """How rows call a photograph: its path, what is no text in it written so that no two are alike."""
    return str(path).encode("utf-8", errors="backslashreplace").decode("utf-8")


def _folders_below(root: Path) -> list[Path]:
    """A folder and all in it, by name; links are not followed, they may lead in circles."""
    folders = []
    for name, inner, _ in os.walk(root):
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        folders.append(Path(name))
    return folders
