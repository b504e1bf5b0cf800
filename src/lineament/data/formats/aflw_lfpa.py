"""AFLW-LFPA (also called AFLW-PIFA): 34 points with visibility on 1,299 test and 3,901 training photographs.

The layout is that of its authors' Matlab kit: ``Landmark.mat`` with ``phisT`` and ``phisTr`` (F, 102): 34 x,
34 y, 34 flags, 1 where the point is seen; ``BoundingBox.mat`` with ``bboxesT`` and ``bboxesTr`` (F, 4): left,
top, width, height; photographs ``TestImages/1.jpg`` and ``TrainImages/1.jpg``, numbered as the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import Files, open_files
from lineament.data.formats.item import (
    AnnotatedFace,
    box_from_matlab,
    points_from_matlab,
    read_each,
    without_absent,
)
from lineament.data.formats.matlab import field, read_mat
from lineament.errors import DataError

Array = NDArray[Any]

SCHEME = "aflw-34"
POINTS = 34
LABELS, BOXES = "Landmark.mat", "BoundingBox.mat"
PARTS = {"test": ("T", "TestImages"), "train": ("Tr", "TrainImages")}


def iterate_aflw_lfpa(
    source: Path, *, part: Literal["test", "train"] = "test", errors: list[DataError] | None = None
) -> Iterator[AnnotatedFace]:
    """The faces of one part of AFLW-LFPA, in the order of their numbers; only visible points are scored.

    Args:
        source: folder or zip with the two .mat files and the folders of photographs at its top.
        part: which.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `source` is neither, labels and boxes do not fit together, or a face cannot be read.
    """
    ending, folder = PARTS[part]
    with open_files(source) as files:
        phis = _rows(files, LABELS, f"phis{ending}", 3 * POINTS)
        boxes = _rows(files, BOXES, f"bboxes{ending}", 4)
        if len(phis) != len(boxes):
            raise DataError(f"{source} has landmarks of {len(phis)} faces but boxes of {len(boxes)}.")
        stems = (f"{folder}/{number}" for number in range(1, len(phis) + 1))
        rows = zip(stems, phis, boxes)
        yield from read_each((partial(_read, files, *row) for row in rows), errors=errors)


def _rows(files: Files, name: str, key: str, width: int) -> Array:
    full_name = str(files.root / name)
    return field(read_mat(files.read(name), name=full_name), key, (None, width), name=full_name)


def _read(files: Files, stem: str, phi: Array, box_xywh: Array) -> AnnotatedFace:
    x, y, flags = phi.reshape(3, POINTS)
    landmarks = points_from_matlab(without_absent(np.column_stack([x, y])))
    return AnnotatedFace(
        name=stem,
        photo=files.photo(stem),
        landmarks=landmarks,
        scheme=SCHEME,
        box_xyxy=box_from_matlab(box_xywh),
        visible=(flags > 0) & np.isfinite(landmarks[:, 0]),
    )
