"""AFLW2000-3D: photographs of 450 x 450 px and, in a .mat file each, the fit of the Basel model.

``Pose_Para`` = pitch, yaw, roll, tx, ty, tz, scale poses the model (µm) in pixels counted from 1 with y still
upwards; the photograph's y is H + 1 - y. With the Basel model's bases the camera built here meets ``pt3d_68``
within 1e-4 px, which a test shows without them: the landmarks are linear in the coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import Files, PhotoFile, open_files
from lineament.data.formats.item import (
    JAW_3D,
    AnnotatedFace,
    box_of_points,
    points_from_matlab,
    read_each,
    without_absent,
)
from lineament.data.formats.matlab import field, read_mat
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import Angles, matrix_from_angles

Array = NDArray[Any]

MICROMETRES = 1000.0  # a mm
CODE_FOLDER = "Code"  # the kits have programs and their own face model there, in .mat files too


@dataclass(frozen=True, slots=True)
class BaselCoefficients:
    """What a .mat file says of the face model, in its own raw units.

    The mesh in µm is ``mean + identity_basis @ identity + expression_mean + expression_basis @ expression``;
    no standard deviations come in.

    Attributes:
        identity: (199,) ``Shape_Para``.
        expression: (29,) ``Exp_Para``.
        texture: (199,) ``Tex_Para``.
        color: (7,) ``Color_Para``: gains, offsets and contrast.
        illumination: (10,) ``Illum_Para``: ambient, directional light and its direction, shininess.
        pose: (7,) ``Pose_Para``: pitch, yaw, roll (signs opposite to ours), tx, ty, tz, px a µm.
        roi: (4,) left, top, right, bottom of what was cut from the set's source photograph.
    """

    identity: Array
    expression: Array
    texture: Array
    color: Array
    illumination: Array
    pose: Array
    roi: Array

    @property
    def angles(self) -> Angles:
        """Head angles in radians with the signs of lineament; beyond a quarter turn as the file has them."""
        pitch, yaw, roll = -self.pose[:3]
        return Angles(yaw=yaw, pitch=pitch, roll=roll)

    def camera(self, height: int) -> WeakPerspective:
        """From the Basel model in mm (x right, y up, z to the viewer) to a photograph `height` px high."""
        pitch, yaw, roll = -self.pose[:3]
        x, y, z = self.pose[3:6]
        # y_matlab = height + 1 - y, and Matlab's pixel k has its centre at k - 0.5 here.
        translation = np.array([x - 0.5, height + 0.5 - y, -z])
        scale = float(self.pose[6]) * MICROMETRES
        return WeakPerspective(matrix_from_angles(yaw, pitch, roll), scale, translation)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselItem(AnnotatedFace):
    """A face to which the Basel model was fitted; `camera` is of that model in mm, to the photograph.

    Attributes:
        coefficients: of the fit.
        landmarks_annotated: points set by people, px, image frame, NaN where absent: (21, 2) of AFLW for
            AFLW2000-3D, (68, 2) with the jaw on the outline for 300W-LP.
    """

    coefficients: BaselCoefficients
    landmarks_annotated: Array


def read_coefficients(arrays: Mapping[str, Array], *, name: str) -> BaselCoefficients:
    """The face model's part of a .mat file.

    Raises:
        DataError: an array is missing or of the wrong shape.
    """
    return BaselCoefficients(
        identity=field(arrays, "Shape_Para", (199, 1), name=name)[:, 0],
        expression=field(arrays, "Exp_Para", (29, 1), name=name)[:, 0],
        texture=field(arrays, "Tex_Para", (199, 1), name=name)[:, 0],
        color=field(arrays, "Color_Para", (1, 7), name=name)[0],
        illumination=field(arrays, "Illum_Para", (1, 10), name=name)[0],
        pose=field(arrays, "Pose_Para", (1, 7), name=name)[0],
        roi=field(arrays, "roi", (1, 4), name=name)[0],
    )


def iterate_aflw2000(source: Path, *, errors: list[DataError] | None = None) -> Iterator[BaselItem]:
    """The faces of AFLW2000-3D in the order of their names, with 68 landmarks of three coordinates.

    A face whose photograph is there but damaged is given too: its labels are good, only the camera, which
    needs the photograph's height, is None. Reading the photograph tells what is wrong with it.

    Args:
        source: folder or zip with ``image00002.jpg``, ``image00002.mat`` and so on.
        errors: takes what goes wrong with single faces; None raises it.

    Raises:
        DataError: `source` is neither, or a face cannot be read.
    """
    with open_files(source) as files:
        names = (name for name in files.names(".mat") if CODE_FOLDER not in PurePosixPath(name).parts)
        yield from read_each((partial(_read, files, name) for name in names), errors=errors)


def _read(files: Files, name: str) -> BaselItem:
    stem = name.removesuffix(".mat")
    full_name = str(files.root / name)
    arrays = read_mat(files.read(name), name=full_name)
    coefficients = read_coefficients(arrays, name=full_name)
    x, y, z = field(arrays, "pt3d_68", (3, 68), name=full_name)
    landmarks = np.column_stack([points_from_matlab(np.column_stack([x, y])), -z])
    annotated = points_from_matlab(without_absent(field(arrays, "pt2d", (2, 21), name=full_name).T))
    photo = files.photo(stem)
    return BaselItem(
        name=PurePosixPath(stem).name,
        photo=photo,
        landmarks=landmarks,
        scheme=JAW_3D,
        box_xyxy=box_of_points(landmarks),
        camera=_camera(files, photo, coefficients),
        coefficients=coefficients,
        landmarks_annotated=annotated,
    )


def _camera(files: Files, photo: PhotoFile, coefficients: BaselCoefficients) -> WeakPerspective | None:
    """From the Basel model to the photograph; None where that is damaged."""
    try:
        return coefficients.camera(files.photo_height(photo))
    except DataError:
        return None
