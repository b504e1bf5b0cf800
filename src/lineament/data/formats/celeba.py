"""CelebA "in the wild": five points, a box, a part and a person for each of 202,599 photographs.

The lists are text: ``list_landmarks_celeba.txt`` and ``list_bbox_celeba.txt`` (a line with the count, a line
with the columns, then a photograph a line), ``list_eval_partition.txt`` (0 train, 1 validation, 2 test) and
``identity_CelebA.txt``. Their pixels are taken to be counted from 1; the points are whole numbers anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import PhotoFile
from lineament.data.formats.item import AnnotatedFace, box_from_matlab, points_from_matlab, read_each
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

SCHEME = "celeba-5"
"""Right and left eye (the person's own), nose, right and left corner of the mouth: from the image's left."""
LANDMARKS, BOXES = "list_landmarks_celeba.txt", "list_bbox_celeba.txt"
PARTITION, PEOPLE = "list_eval_partition.txt", "identity_CelebA.txt"
LIST_FOLDERS = ("", "Anno", "anno", "Eval", "eval")
PARTS = {"train": "0", "validation": "1", "test": "2"}


def iterate_celeba(
    lists: Path,
    photos: Path,
    *,
    part: Literal["train", "validation", "test"] | None = None,
    errors: list[DataError] | None = None,
) -> Iterator[AnnotatedFace]:
    """The faces of CelebA in the order of the list of landmarks.

    Args:
        lists: folder of the lists, or the one above ``Anno`` and ``Eval``. Without ``identity_CelebA.txt``
            items have no subject.
        photos: folder or zip of ``img_celeba``.
        part: only these; None takes all.
        errors: takes what goes wrong with single lines; None raises it.

    Raises:
        DataError: a list is missing, or a line of it cannot be read.
    """
    landmarks = _table(lists, LANDMARKS, headings=2)
    boxes = _table(lists, BOXES, headings=2)
    parts = _table(lists, PARTITION) if part else {}
    people = _table(lists, PEOPLE) if _find(lists, PEOPLE) else {}
    names = (name for name in landmarks if part is None or parts.get(name) == PARTS[part])
    rows = ((name, landmarks[name], boxes.get(name, ""), people.get(name, "")) for name in names)
    yield from read_each((partial(_read, photos, *row) for row in rows), errors=errors)


def _read(photos: Path, name: str, points: str, box: str, person: str) -> AnnotatedFace:
    landmarks = points_from_matlab(_numbers(points, 10, name, LANDMARKS).reshape(5, 2))
    return AnnotatedFace(
        name=Path(name).stem,
        photo=PhotoFile(photos, name),
        landmarks=landmarks,
        scheme=SCHEME,
        box_xyxy=box_from_matlab(_numbers(box, 4, name, BOXES)),
        subject=person,
    )


def _numbers(text: str, count: int, photo: str, table: str) -> Array:
    try:
        numbers = np.array(text.split(), dtype=np.float64)
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise DataError(f"{photo} in {table} has not {count} numbers but {text!r}.")
    return numbers


def _find(lists: Path, name: str) -> Path | None:
    paths = (lists / folder / name for folder in LIST_FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def _table(lists: Path, name: str, *, headings: int = 0) -> dict[str, str]:
    """The rest of each line by its first word."""
    path = _find(lists, name)
    if path is None:
        raise DataError(f"CelebA's {name} was looked for in {lists} and its folders Anno and Eval.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[headings:]
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{path} cannot be read ({reason_of(error)}).") from error
    pairs = (line.partition(" ") for line in lines if line.strip())
    return {first: rest.strip() for first, _, rest in pairs}
