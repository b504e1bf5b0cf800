"""``.pts`` files: one point a line between braces, pixels counted from 1 (300W, 300VW, Menpo and others)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import Files, open_files
from lineament.data.formats.item import (
    JAW_2D,
    AnnotatedFace,
    box_of_points,
    points_from_matlab,
    read_each,
)
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

_LAYOUT = re.compile(r"n_points\s*:\s*(\d+)\s*\{([^{}]*)\}")


def parse_pts(content: bytes, *, name: str) -> Array:
    """(P, 2) px in the image frame.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is not in that format, or has fewer or more points than it says.
    """
    found = _LAYOUT.search(content.decode("ascii", errors="replace"))
    if found is None:
        raise DataError(f"{name} is no .pts file: expected `n_points: 68` and points between braces.")
    try:
        points = np.array([line.split() for line in found[2].strip().splitlines()], dtype=np.float64)
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{name} has a line that is not two numbers ({reason_of(error)}).") from error
    told = found[1].lstrip("0")[:20]  # Python makes no numbers of thousands of digits
    if points.ndim != 2 or points.shape[1] != 2 or told != str(len(points)) or not np.isfinite(points).all():
        raise DataError(f"{name} says it has {told} points of 2 numbers, but holds {points.shape}.")
    return points_from_matlab(points)


def iterate_pts(source: Path, *, errors: list[DataError] | None = None) -> Iterator[AnnotatedFace]:
    """The faces of a folder or zip in which each photograph has a .pts file beside it, by name.

    With 68 points the scheme is "68-outline", as in 300W; with another number it is ``pts-<number>``.

    Args:
        source: folder or zip, searched to the bottom.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `source` is neither, or a face cannot be read.
    """
    with open_files(source) as files:
        yield from read_each((partial(_read, files, name) for name in files.names(".pts")), errors=errors)


def scheme_of(points: Array) -> str:
    """The name of the scheme of so many points."""
    return JAW_2D if len(points) == 68 else f"pts-{len(points)}"


def _read(files: Files, name: str) -> AnnotatedFace:
    landmarks = parse_pts(files.read(name), name=str(files.root / name))
    stem = name.removesuffix(".pts")
    return AnnotatedFace(
        name=str(PurePosixPath(stem)),
        photo=files.photo(stem),
        landmarks=landmarks,
        scheme=scheme_of(landmarks),
        box_xyxy=box_of_points(landmarks),
    )
