"""Which photographs a command line means, what their results are called, where their faces are."""

from __future__ import annotations

import csv
import glob
import io
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.batch.folders import photos_in_folder
from lineament.errors import ConfigError, LineamentError
from lineament.files import bounded_content
from lineament.foreign import reason_of

Array = NDArray[np.floating]

MAX_BOXES_BYTES = 10**9


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph of the command line.

    Attributes:
        path: as it was given, or found in a folder that was.
        shown: what lines about it begin with: its name, and its folder where photographs are of several.
        target: what the names of its results begin with, below the folder for results.
    """

    path: Path
    shown: str
    target: Path


def find_photos(
    arguments: Sequence[str], *, recursive: bool = False, on_problem: Callable[[str], None] | None = None
) -> list[Photo]:
    """The photographs that files, folders and patterns name, each once, in the order given.

    A folder stands for the pictures directly in it, by name, or for those of the folders in it too. A file is
    taken whatever its name, and may be missing: reading it will say so. Results mirror the folders where
    photographs are of several.

    Args:
        arguments: as they were given.
        recursive: go into the folders of folders, those that are hidden left out.
        on_problem: told, where there are photographs at all, of each folder or pattern that gives none and
            of each folder that cannot be listed; the first of these is an error when None.

    Raises:
        ConfigError: a folder without pictures, one that cannot be listed, or a pattern that nothing fits.
    """
    paths: dict[str, Path] = {}
    roots: list[Path] = []
    problems: list[ConfigError] = []
    for argument in arguments:
        try:
            root, found = _photos_of(argument, recursive, None if on_problem is None else problems.append)
        except ConfigError as error:
            problems.append(error)
            continue
        roots.append(root)
        for path in found:
            paths.setdefault(
                os.path.realpath(path), path
            )  # which, unlike `resolve`, survives circles of links
    if problems and (on_problem is None or not paths):
        raise problems[0]
    if on_problem is not None:
        for problem in problems:
            on_problem(str(problem))
    return _with_targets(list(paths.values()), roots)


def is_album(arguments: Sequence[str]) -> bool:
    """Whether photographs are given by folder or pattern, so that there may be any number of them."""
    return any(os.path.isdir(argument) or _is_pattern(argument) for argument in arguments)


def _is_pattern(argument: str) -> bool:
    """Whether it names no file; of what may not be looked at, reading it will say so."""
    return glob.has_magic(argument) and not os.path.lexists(argument)


def _photos_of(
    argument: str, recursive: bool, on_error: Callable[[ConfigError], None] | None
) -> tuple[Path, Iterable[Path]]:
    """The folder that results of an argument mirror, and its photographs."""
    path = Path(argument)
    if os.path.isdir(path):
        unread: list[ConfigError] = []
        found = photos_in_folder(path, recursive=recursive, on_error=unread.append)
        for error in unread:
            if on_error is None:
                raise error
            on_error(error)
        if not found and not unread:
            advice = "Check the name." if recursive else "Those of folders in it are taken with --recursive."
            raise ConfigError(f"There are no photographs in the folder {argument}. {advice}")
        return path, found
    if _is_pattern(argument):
        found = sorted(Path(name) for name in glob.glob(argument, recursive=True) if not os.path.isdir(name))
        if not found:
            raise ConfigError(f"Nothing fits the pattern {argument}. Check the folder and the suffix in it.")
        fixed = list(itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
        return Path(*fixed), found
    return path.parent, [path]


def _with_targets(paths: Sequence[Path], roots: Sequence[Path]) -> list[Photo]:
    """Photographs of several folders keep these, from the folder on that holds all that was given."""
    root = os.path.commonpath([os.path.abspath(each) for each in roots]) if roots else ""
    photos: list[Photo] = []
    used: set[str] = set()
    inner_of: dict[Path, Path] = {}  # by folder: an album has many photographs in each
    for path in paths:
        folder = path.parent
        if folder not in inner_of:
            inner_of[folder] = Path(os.path.abspath(folder)).relative_to(root)
        inner = inner_of[folder]
        target, number = inner / path.stem, 2
        while str(target).casefold() in used:  # some file systems do not tell a.json from A.json
            target, number = inner / f"{path.stem}_{number}", number + 1
        used.add(str(target).casefold())
        photos.append(Photo(path, (inner / path.name).as_posix(), target))
    return photos


def read_boxes(path: Path) -> dict[str, Array]:
    """Face boxes of photographs from a file of lines ``photo,x1,y1,x2,y2``; a header line is skipped.

    Returns:
        (n, 4) float boxes (px, corners, x first) for each photo, under the name the file gives it.

    Raises:
        ConfigError: the file cannot be read, or a line has not a name and four numbers.
    """
    rows: dict[str, list[list[float]]] = defaultdict(list)
    try:
        text = bounded_content(path, MAX_BOXES_BYTES).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
        for number, row in enumerate(lines, start=1):
            if row and not (number == 1 and row[0].strip().lower() == "photo"):
                name, box = _box_of(row, f"{path.name}, line {number}")
                rows[name].append(box)
    except LineamentError:
        raise
    except Exception as error:
        raise ConfigError(
            f"The file of boxes {path} cannot be read ({reason_of(error)}). Give a text file with lines of "
            f"photo,x1,y1,x2,y2."
        ) from error
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


def boxes_of(photos: Sequence[Photo], boxes: Mapping[str, Array]) -> dict[Path, Array]:
    """The boxes of each photograph by its path; a line names it by its path, or by the end of it.

    Raises:
        ConfigError: a name fits no photograph, or several.
    """
    found: dict[Path, list[Array]] = defaultdict(list)
    for name, rows in boxes.items():
        fitting = _photos_called(name, photos)
        if len(fitting) != 1:
            which = f"several: {', '.join(str(photo.path) for photo in fitting[:4])}" if fitting else "none"
            raise ConfigError(
                f"The file of boxes has lines for {name!r}; of the {len(photos)} photographs given that fits "
                f"{which}. Write as much of the path as tells them apart, and leave out lines of others."
            )
        found[fitting[0].path].append(rows)
    return {path: np.concatenate(rows) for path, rows in found.items()}


def _photos_called(name: str, photos: Sequence[Photo]) -> list[Photo]:
    """The photographs whose path is `name`, or else those whose path ends in it."""
    exact = [photo for photo in photos if name in (str(photo.path), photo.path.as_posix())]
    parts = Path(name).parts
    ends = [photo for photo in photos if parts and photo.path.parts[-len(parts) :] == parts]
    return exact or ends
