"""The weak-perspective camera that all methods here share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.rotation import Angles, angles_from_matrix

Array = NDArray[np.floating]

PICTURE_AXES = np.array([1.0, -1.0, -1.0])
"""Signs between the model frame (y up, z to the viewer) and the picture's (y down, z away)."""
MIN_SCALE = 1e-6
"""Px per mm, below which a face is no picture: all of its points are one."""
MAX_SKEW = 0.1
MANY = 3000
"""So many numbers and more are moved an axis at a time: numpy adds rows of three at a third of the pace."""


@dataclass(frozen=True, slots=True)
class WeakPerspective:
    """Maps the model frame (mm) into a picture (px): turn, flip y and z, scale, move.

    ``p_image = scale * diag(1, -1, -1) @ rotation @ p_model + translation``. Depth is in pixels too, with the
    same scale, and grows away from the viewer; only differences of depth mean anything.

    Attributes:
        rotation: (3, 3) proper rotation of the model frame.
        scale: px per mm.
        translation: (3,) px, where the model's origin falls.
    """

    rotation: Array
    scale: float
    translation: Array

    @property
    def is_proper(self) -> bool:
        """Whether it is a camera: finite, of a positive scale, turned by a rotation that mirrors nothing.

        Networks round: rows may be a tenth off from being perpendicular and of length one.
        """
        rows = np.asarray(self.rotation, np.float64).tolist()
        if not all(map(math.isfinite, chain(*rows, np.asarray(self.translation).tolist()))):
            return False
        x, y, z = rows
        skews = (_dot(x, x) - 1, _dot(y, y) - 1, _dot(z, z) - 1, _dot(x, y), _dot(x, z), _dot(y, z))
        is_turned = max(map(abs, skews)) < MAX_SKEW and _dot(_cross(x, y), z) > 0
        return MIN_SCALE <= self.scale < math.inf and is_turned

    @property
    def angles(self) -> Angles:
        """Head angles in radians (see :class:`Angles` for the signs)."""
        return angles_from_matrix(self.rotation)

    @property
    def image_from_model_matrix(self) -> Array:
        """(3, 3) linear part of the map, a scaled rotation."""
        return self.scale * PICTURE_AXES[:, None] * self.rotation

    def image_from_model(self, points_model: Array) -> Array:
        """Map (..., 3) model points in mm to the picture: x, y in px and relative depth in px."""
        linear = self.image_from_model_matrix.astype(points_model.dtype)
        shift = self.translation.astype(points_model.dtype)
        turned = points_model @ linear.T
        if turned.size < MANY:
            return turned + shift
        for axis in range(3):
            turned[..., axis] += shift[axis]
        return turned

    def model_from_image(self, points_image: Array) -> Array:
        """The inverse of :meth:`image_from_model`."""
        linear = np.linalg.inv(self.image_from_model_matrix).astype(points_image.dtype)
        return (points_image - self.translation.astype(points_image.dtype)) @ linear.T


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two vectors, by hand: numpy takes ten times as long for nine numbers."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Of two vectors."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
