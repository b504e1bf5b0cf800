"""The weak-perspective camera that all methods here share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.rotation import Angles, angles_from_matrix

Array = NDArray[np.floating]

PICTURE_AXES = np.array([1.0, -1.0, -1.0])
"""Signs between the model frame (y up, z to the viewer) and the picture's (y down, z away)."""
MIN_SCALE = 1e-6
"""Px per mm, below which a face is no picture: all of its points are one."""
MAX_SKEW = 0.1


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
        rotation = np.asarray(self.rotation, np.float64)
        if not (np.isfinite(rotation).all() and np.isfinite(self.translation).all()):
            return False
        skew = np.abs(rotation @ rotation.T - np.eye(3)).max()
        return bool(MIN_SCALE <= self.scale < np.inf and skew < MAX_SKEW and np.linalg.det(rotation) > 0)

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
        return points_model @ linear.T + self.translation.astype(points_model.dtype)

    def model_from_image(self, points_image: Array) -> Array:
        """The inverse of :meth:`image_from_model`."""
        linear = np.linalg.inv(self.image_from_model_matrix).astype(points_image.dtype)
        return (points_image - self.translation.astype(points_image.dtype)) @ linear.T
