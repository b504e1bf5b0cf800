"""AFLW with its 21 points, of which only those seen are annotated; -1 marks the rest.

Two layouts: the set's own SQLite file, and the evaluation kit of 3DDFA (arrays, and crops of 120 x 120 px cut
from the photographs). AFLW does not say where its pixels begin; as everybody evaluates in Matlab's frame, its
points are taken to be counted from 1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import PhotoFile
from lineament.data.formats.item import (
    AnnotatedFace,
    box_from_matlab,
    box_of_points,
    points_from_matlab,
    read_each,
    without_absent,
)
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

SCHEME = "aflw-21"
POINTS = 21
CROP_SIZE = 120  # px of the kit's crops
KIT_FILES = {
    "pts21": "AFLW_GT_pts21.npy",
    "roi_box": "AFLW_GT_crop_roi_box.npy",
    "abs_yaw": "AFLW_GT_crop_yaws.npy",
}
KIT_LIST = "AFLW_GT_crop.list"

FACES = """
SELECT Faces.face_id, FaceImages.filepath, FacePose.yaw, FaceRect.x, FaceRect.y, FaceRect.w, FaceRect.h
FROM Faces
JOIN FaceImages ON Faces.file_id = FaceImages.file_id
LEFT JOIN FacePose ON Faces.face_id = FacePose.face_id
LEFT JOIN FaceRect ON Faces.face_id = FaceRect.face_id
GROUP BY Faces.face_id ORDER BY Faces.face_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AflwItem(AnnotatedFace):
    """A face of AFLW.

    Attributes:
        absolute_yaw: radians, as the set or the kit gives it; NaN where it does not.
    """

    absolute_yaw: float


def iterate_aflw(
    database: Path, photos: Path, *, errors: list[DataError] | None = None
) -> Iterator[AflwItem]:
    """The faces of AFLW by number, points in the whole photographs.

    Args:
        database: ``aflw.sqlite``.
        photos: folder or zip that holds ``0``, ``2`` and ``3``, in the set ``data/flickr``.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `database` is not that of AFLW, or a face has no points.
    """
    try:
        # A file that does not exist would otherwise be made.
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(FACES)
            yield from read_each((partial(_face, connection, photos, *row) for row in rows), errors=errors)
    except sqlite3.Error as error:
        raise DataError(f"{database} cannot be read as AFLW's SQLite file ({reason_of(error)}).") from error


def _face(
    connection: sqlite3.Connection,
    photos: Path,
    face: int,
    file: str,
    yaw: float | None,
    *box_xywh: float | None,
) -> AflwItem:
    marks = connection.execute("SELECT feature_id, x, y FROM FeatureCoords WHERE face_id = ?", (face,))
    points = np.full((POINTS, 2), -1.0)
    for feature, x, y in marks:
        if not 1 <= feature <= POINTS:
            raise DataError(f"Face {face} ({file}) of AFLW has a point {feature}; there are {POINTS}.")
        points[feature - 1] = x, y
    landmarks = points_from_matlab(without_absent(points))
    if np.isnan(landmarks).all():
        raise DataError(f"Face {face} ({file}) of AFLW has no points.")
    without_box = None in box_xywh
    return AflwItem(
        name=str(face),
        photo=PhotoFile(photos, file),
        landmarks=landmarks,
        scheme=SCHEME,
        box_xyxy=box_of_points(landmarks) if without_box else box_from_matlab(box_xywh),
        visible=np.isfinite(landmarks[:, 0]),
        subject=file,
        absolute_yaw=np.nan if yaw is None else abs(float(yaw)),
    )


def iterate_aflw_kit(
    labels: Path, photos: Path, *, errors: list[DataError] | None = None
) -> Iterator[AflwItem]:
    """The faces of the kit in its order, points in its crops of 120 x 120 px.

    Args:
        labels: folder with the kit's ``AFLW_GT_*.npy`` files and list, or one .npz file with the arrays
            ``names``, ``pts21`` (F, 2, 21), ``roi_box`` (F, 4) and ``abs_yaw`` (F,) in degrees.
        photos: folder or zip of the crops.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `labels` is neither, its arrays do not fit together, or a face has no points.
    """
    names, arrays = _kit_arrays(labels)
    count = len(names)
    shapes = {"pts21": (count, 2, POINTS), "roi_box": (count, 4), "abs_yaw": (count,)}
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise DataError(f"{key} of {labels} is {arrays[key].shape}; for {count} names expected {shape}.")
    rows = zip(names, arrays["pts21"], arrays["roi_box"], arrays["abs_yaw"])
    yield from read_each((partial(_crop, photos, *row) for row in rows), errors=errors)


def _kit_arrays(labels: Path) -> tuple[Sequence[str], dict[str, Array]]:
    try:
        if labels.is_dir():
            names = (labels / KIT_LIST).read_text(encoding="utf-8").split()
            return names, {key: np.load(labels / file) for key, file in KIT_FILES.items()}
        with np.load(labels) as data:
            return [str(name) for name in data["names"]], {key: data[key] for key in KIT_FILES}
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{labels} does not hold the labels of 3DDFA's AFLW kit ({reason_of(error)})."
        ) from error


def _crop(photos: Path, name: str, points: Array, roi: Array, yaw_deg: float) -> AflwItem:
    left, top, right, bottom = roi.astype(float)
    if right <= left or bottom <= top:
        raise DataError(f"{name} of the AFLW kit was cut from a box without area: {roi.tolist()}.")
    # The crop's first pixel is pixel `left` of the photograph, counted from zero.
    stretch = CROP_SIZE / np.array([right - left, bottom - top])
    landmarks = (points_from_matlab(without_absent(points.T)) - (left, top)) * stretch
    if np.isnan(landmarks).all():
        raise DataError(f"{name} of the AFLW kit has no points.")
    return AflwItem(
        name=Path(name).stem,
        photo=PhotoFile(photos, name),
        landmarks=landmarks,
        scheme=SCHEME,
        box_xyxy=box_of_points(landmarks),
        visible=np.isfinite(landmarks[:, 0]),
        absolute_yaw=abs(np.radians(float(yaw_deg))),
    )
