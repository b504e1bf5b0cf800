"""CPRFA's six numbers of a pose, and the cameras that they stand for (section 2 of the paper).

The ``unit`` frame is the crop with the signs of the model frame: x right, y up, z to the viewer, the origin
in the middle, a crop side the unit. ``Y = s R X' + t`` there, ``R = Rz(r_z) Ry(r_y) Rx(r_x)`` of right-handed
turns, and X' the face about the middle of the mean face's landmarks, scaled so that s = 1, R = 1, t = 0 is a
frontal mean face that fills an ordinary crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES, WeakPerspective
from lineament.geometry.face_mesh import FaceMesh

Array: TypeAlias = NDArray[Any]

POSE = ("r_x", "r_y", "r_z", "s", "t_x", "t_y")
START = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
LEAST_SCALE = 0.2
SCHEME = "300w-lp"


@dataclass(frozen=True, slots=True, eq=False)
class UnitFrame:
    """Where the unit frame has the face.

    Attributes:
        center_mm: (3,) of the model frame, what r turns about.
        units_per_mm: crop sides at s = 1.
    """

    center_mm: Array
    units_per_mm: float

    @classmethod
    def of(cls, mesh: FaceMesh, margin: float) -> Self:
        """Of a mean face in crops `margin` times as wide as the box of its landmarks."""
        points = mesh.schemes[SCHEME].points_model(mesh.mean_model.astype(np.float64))
        low, high = points.min(axis=0), points.max(axis=0)
        return cls((low + high) / 2, float(1 / (margin * (high - low)[:2].max())))

    def units(self, points_model: Array) -> Array:
        """(..., 3) X' of points of the model frame, mm."""
        return (points_model - self.center_mm) * self.units_per_mm

    def camera(self, pose: Array, size: int) -> WeakPerspective:
        """The camera of a (6,) pose in a crop of `size` px; the depth of its translation is 0."""
        pose = np.asarray(pose, np.float64)
        rotation = rotation_of_pose(pose)
        scale = float(pose[3]) * self.units_per_mm * size
        center = np.array([size * (0.5 + pose[4]), size * (0.5 - pose[5]), 0.0])
        moved = scale * PICTURE_AXES * (rotation @ self.center_mm)
        return WeakPerspective(rotation, scale, (center - moved) * [1, 1, 0])

    def pose(self, camera: WeakPerspective, size: int) -> Array:
        """(6,) the pose of a camera of a crop; inverse of :meth:`camera`."""
        x, y, _ = camera.image_from_model(self.center_mm)
        place = [x / size - 0.5, 0.5 - y / size]
        return np.array([*angles_of(camera.rotation), camera.scale / (self.units_per_mm * size), *place])


def unit_from_crop(points_crop: Array, size: int) -> Array:
    """(..., 2) px of the crop, in the unit frame."""
    return (points_crop / size - 0.5) * [1, -1]


def crop_from_unit(points_unit: Array, size: int) -> Array:
    """The inverse of :func:`unit_from_crop`."""
    return (points_unit * [1, -1] + 0.5) * size


def rotation_of_pose(pose: Array) -> Array:
    """(..., 3, 3) Rz Ry Rx of (..., 6) poses."""
    (sx, sy, sz), (cx, cy, cz) = (np.moveaxis(f(np.asarray(pose)[..., :3]), -1, 0) for f in (np.sin, np.cos))
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def angles_of(rotation: Array) -> Array:
    """(..., 3) r_x, r_y, r_z of rotations; r_y within a quarter turn."""
    x = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    y = -np.arcsin(np.clip(rotation[..., 2, 0], -1, 1))
    z = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.stack([x, y, z], axis=-1)
