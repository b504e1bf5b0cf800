"""Which photographs a command line means, what their results are called, where their faces are."""

from __future__ import annotations

import csv
import glob
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[np.floating]

PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg"}
    | {".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
# Pictures that `align` writes; not taken for photographs of a folder.
RESULT_NAME = re.compile(
    r"_(overlay|depth|pncc|normals|parts|face\d+(_texture|_texture_seen|_frontal)?)\.png$"
)


def find_photos(arguments: Sequence[str]) -> list[Path]:
    """The photographs that files, folders and patterns name, each once, in the order given.

    A folder stands for the pictures directly in it, by name. A file is taken whatever its name, and may be
    missing: reading it will say so.

    Raises:
        ConfigError: a folder without pictures, or a pattern that nothing fits.
    """
    photos: dict[Path, Path] = {}
    for argument in arguments:
        for photo in _photos_of(argument):
            photos.setdefault(photo.resolve(), photo)
    return list(photos.values())


def _photos_of(argument: str) -> Iterator[Path]:
    path = Path(argument)
    if path.is_dir():
        found = sorted(entry for entry in path.iterdir() if _is_photo(entry))
        if not found:
            raise ConfigError(f"There are no photographs in the folder {argument}.")
        yield from found
    elif glob.has_magic(argument) and not path.exists():
        found = sorted(
            entry for name in glob.glob(argument, recursive=True) if (entry := Path(name)).is_file()
        )
        if not found:
            raise ConfigError(f"Nothing fits the pattern {argument}.")
        yield from found
    else:
        yield path


def _is_photo(path: Path) -> bool:
    hidden = path.name.startswith(".")
    known = path.suffix.lower() in PHOTO_SUFFIXES and not RESULT_NAME.search(path.name)
    return known and not hidden and path.is_file()


def output_names(photos: Sequence[Path]) -> list[str]:
    """One name a photo for its results: the file's, without suffix, numbered where two would be the same."""
    names: list[str] = []
    used: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 2
        while name.casefold() in used:  # some file systems do not tell a.json from A.json
            name, number = f"{photo.stem}_{number}", number + 1
        used.add(name.casefold())
        names.append(name)
    return names


def read_boxes(path: Path) -> dict[str, Array]:
    """Face boxes of photographs from a file of lines ``photo,x1,y1,x2,y2``; a header line is skipped.

    Returns:
        (n, 4) float boxes (px, corners, x first) for each photo, under the name the file gives it.

    Raises:
        ConfigError: the file cannot be read, or a line has not a name and four numbers.
    """
    rows: dict[str, list[list[float]]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file, skipinitialspace=True), start=1):
                if row and not (number == 1 and row[0].strip().lower() == "photo"):
                    name, box = _box_of(row, f"{path.name}, line {number}")
                    rows[name].append(box)
    except LineamentError:
        raise
    except Exception as error:
        raise ConfigError(f"The file of boxes {path} cannot be read ({reason_of(error)}).") from error
    return {name: np.array(boxes) for name, boxes in rows.items()}


def _box_of(row: list[str], place: str) -> tuple[str, list[float]]:
    try:
        name, *corners = row
        box = [float(value) for value in corners]
    except ValueError:
        box = []
    if len(box) != 4:
        raise ConfigError(
            f"{place}: expected photo,x1,y1,x2,y2 (px, a face a line), found {','.join(row)!r}."
        )
    return name.strip(), box


def boxes_of(photo: Path, boxes: dict[str, Array]) -> Array:
    """The boxes of one photo, named as on the command line or by its file name alone.

    Raises:
        ConfigError: the file of boxes does not mention the photo.
    """
    for name in (str(photo), photo.as_posix(), photo.name):
        if name in boxes:
            return boxes[name]
    raise ConfigError(f"The file of boxes has no line for {photo.name}.")
