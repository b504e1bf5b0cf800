"""COFW, faces behind things: 29 points with occlusion flags, and the 68 points annotated later.

``COFW_test_color.mat`` and ``COFW_train_color.mat`` are Matlab 7.3 files, that is HDF5 with the axes
reversed: ``IsT`` cells of pictures, ``phisT`` (F, 87): 29 x, 29 y, 29 flags, 1 where the point is hidden,
``bboxesT`` (F, 4). The 68 points (cofw68-benchmark) are ``test_annotations/1_points.mat`` with ``Points``
(68, 2) and ``Occ`` (68, 1), and ``cofw68_test_bboxes.mat``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.item import (
    JAW_2D,
    AnnotatedFace,
    box_from_matlab,
    points_from_matlab,
    read_each,
)
from lineament.data.formats.matlab import extra_module, field, read_mat_file
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

SCHEME = "cofw-29"
POINTS = 29
BOXES_68 = "cofw68_test_bboxes.mat"
FOLDER_68 = "test_annotations"


@dataclass(frozen=True, slots=True)
class CofwPhoto:
    """A photograph inside a file of COFW, read from there when asked for.

    Attributes:
        path: the .mat file.
        index: which photograph, from zero.
    """

    path: Path
    index: int

    def read(self) -> NDArray[np.uint8]:
        """The photograph, (H, W, 3) uint8 RGB; grey ones with three equal channels.

        Raises:
            DataError: the file or the photograph is damaged.
        """
        with _open(self.path) as file:
            cells = _dataset(file, "Is", self.path)
            picture = np.asarray(file[np.ravel(cells)[self.index]]).T  # Matlab's axes from HDF5's
        grey = picture.ndim == 2
        if picture.dtype != np.uint8 or not (grey or picture.shape[2:] == (3,)):
            raise DataError(
                f"Photograph {self.index + 1} of {self.path} is {picture.shape} of {picture.dtype}."
            )
        return np.ascontiguousarray(np.repeat(picture[..., None], 3, axis=2) if grey else picture)


def iterate_cofw(path: Path, *, errors: list[DataError] | None = None) -> Iterator[AnnotatedFace]:
    """The faces of one file of COFW with 29 points.

    Args:
        path: ``COFW_test_color.mat`` or ``COFW_train_color.mat``.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: it is not a file of COFW, or h5py is missing.
    """
    with _open(path) as file:
        phis = np.asarray(_dataset(file, "phis", path), dtype=np.float64).T
        boxes = np.asarray(_dataset(file, "bboxes", path), dtype=np.float64).T
        photos = int(np.prod(_dataset(file, "Is", path).shape))
    if phis.shape != (photos, 3 * POINTS) or boxes.shape != (photos, 4):
        raise DataError(
            f"{path} has {photos} photographs, points {phis.shape} and boxes {boxes.shape}; expected "
            f"(photographs, {3 * POINTS}) and (photographs, 4). Is it a file of COFW?"
        )
    rows = enumerate(zip(phis, boxes))
    yield from read_each((partial(_face, path, index, *row) for index, row in rows), errors=errors)


def _face(path: Path, index: int, phi: Array, box_xywh: Array) -> AnnotatedFace:
    if not (np.isfinite(phi).all() and np.isfinite(box_xywh).all()):
        raise DataError(f"Face {index + 1} of {path} has points or a box that are not finite.")
    x, y, hidden = phi.reshape(3, POINTS)
    return AnnotatedFace(
        name=f"{path.stem}/{index + 1}",
        photo=CofwPhoto(path, index),
        landmarks=points_from_matlab(np.column_stack([x, y])),
        scheme=SCHEME,
        box_xyxy=box_from_matlab(box_xywh),
        visible=hidden == 0,
    )


def iterate_cofw68(
    path: Path, labels: Path, *, errors: list[DataError] | None = None
) -> Iterator[AnnotatedFace]:
    """The test faces of COFW with 68 points (scheme "68-outline").

    Args:
        path: ``COFW_test_color.mat``, for the photographs.
        labels: folder ``COFW68_Data`` of cofw68-benchmark.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: a file is missing or damaged.
    """
    boxes_path = labels / BOXES_68
    boxes = field(read_mat_file(boxes_path), "bboxes", (None, 4), name=str(boxes_path))
    with _open(path) as file:
        photos = int(np.prod(_dataset(file, "Is", path).shape))
    if photos != len(boxes):
        raise DataError(f"{path} has {photos} photographs, but {boxes_path} has {len(boxes)} boxes.")
    yield from read_each((partial(_face68, path, labels, *row) for row in enumerate(boxes)), errors=errors)


def _face68(path: Path, labels: Path, index: int, box_xywh: Array) -> AnnotatedFace:
    file = labels / FOLDER_68 / f"{index + 1}_points.mat"
    arrays = read_mat_file(file)
    return AnnotatedFace(
        name=f"{path.stem}/{index + 1}",
        photo=CofwPhoto(path, index),
        landmarks=points_from_matlab(field(arrays, "Points", (68, 2), name=str(file))),
        scheme=JAW_2D,
        box_xyxy=box_from_matlab(box_xywh),
        visible=field(arrays, "Occ", (68, 1), name=str(file))[:, 0] == 0,
    )


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """An HDF5 file, with the errors of reading it translated."""
    h5py = extra_module("h5py", purpose="Reading COFW", extra="data")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as Matlab 7.3 ({reason_of(error)}). Is it complete?"
        ) from error


def _dataset(file: Any, stem: str, path: Path) -> Any:  # noqa: ANN401 - of a module that may be missing
    """The array ``IsT`` of the test file, ``IsTr`` of the training file, and so on."""
    for ending in ("T", "Tr"):
        if stem + ending in file:
            return file[stem + ending]
    raise DataError(f"{path} has no {stem}T or {stem}Tr; it holds {', '.join(file)}. Is it a file of COFW?")
