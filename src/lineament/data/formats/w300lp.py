"""300W-LP: the photographs of 300W and their turned copies, with the fits they were turned by.

The .mat files are those of AFLW2000-3D without ``pt3d_68``, and ``pt2d`` has 68 points with the jaw on the
outline. The landmarks of the fit lie in a folder of their own, ``landmarks/AFW/AFW_134212_1_0_pts.mat``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from lineament.data.formats.aflw2000 import CODE_FOLDER, BaselItem, read_coefficients
from lineament.data.formats.files import Files, open_files
from lineament.data.formats.item import JAW_2D, JAW_3D, box_of_points, points_from_matlab, read_each
from lineament.data.formats.matlab import field, read_mat
from lineament.errors import DataError

Array = NDArray[Any]

LABEL_FOLDER = "landmarks"
FLIPPED = "_Flip"


def iterate_w300lp(source: Path, *, errors: list[DataError] | None = None) -> Iterator[BaselItem]:
    """The faces of 300W-LP by folder and name.

    Landmarks are those of the fit (scheme "300w-lp") where the folder ``landmarks`` is there, else the
    annotated ones (scheme "68-outline"). `subject` is the original photograph, the same for all of its turned
    and mirrored copies.

    Args:
        source: folder or zip.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `source` is neither, or a face cannot be read.
    """
    with open_files(source) as files:
        names = (name for name in files.names(".mat") if _is_fit(name))
        yield from read_each((partial(_read, files, name) for name in names), errors=errors)


def _is_fit(name: str) -> bool:
    return not {LABEL_FOLDER, CODE_FOLDER} & set(PurePosixPath(name).parts[:-1])


def _read(files: Files, name: str) -> BaselItem:
    stem = PurePosixPath(name.removesuffix(".mat"))
    full_name = str(files.root / name)
    arrays = read_mat(files.read(name), name=full_name)
    coefficients = read_coefficients(arrays, name=full_name)
    annotated = points_from_matlab(field(arrays, "pt2d", (2, 68), name=full_name).T)
    fitted = _fitted_landmarks(files, stem)
    landmarks = annotated if fitted is None else fitted
    photo = files.photo(str(stem))
    return BaselItem(
        name=f"{stem.parent.name}/{stem.name}",
        photo=photo,
        landmarks=landmarks,
        scheme=JAW_2D if fitted is None else JAW_3D,
        box_xyxy=box_of_points(landmarks),
        camera=coefficients.camera(files.photo_height(photo)),
        subject=original_photo(stem),
        coefficients=coefficients,
        landmarks_annotated=annotated,
    )


def original_photo(stem: PurePosixPath) -> str:
    """What ``AFW_Flip/AFW_134212_1_3`` was made of: ``AFW/AFW_134212_1``."""
    return f"{stem.parent.name.removesuffix(FLIPPED)}/{stem.name.rpartition('_')[0] or stem.name}"


def _fitted_landmarks(files: Files, stem: PurePosixPath) -> Array | None:
    """(68, 2) px of the fit, image frame; None where the set came without them."""
    name = str(stem.parent.parent / LABEL_FOLDER / stem.parent.name / f"{stem.name}_pts.mat")
    if name not in files:  # the mirrored copies have the names of the others: never take those
        return None
    full_name = str(files.root / name)
    arrays = read_mat(files.read(name), name=full_name)
    return points_from_matlab(field(arrays, "pts_3d", (68, 2), name=full_name))
