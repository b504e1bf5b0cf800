"""The full perspective camera of methods that know how far away a head is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES, WeakPerspective

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Perspective:
    """Maps the model frame (mm) into a picture (px) as a pinhole camera does.

    ``p_camera = diag(1, -1, -1) @ rotation @ p_model + translation`` (frame `camera`: x right, y down, z away
    from the viewer, mm), then ``xy_image = center_xy + focal_px * xy_camera / z_camera``.

    Attributes:
        rotation: (3, 3) proper rotation of the model frame.
        translation: (3,) mm, frame `camera`: where the model's origin is; its z is positive.
        focal_px: focal length, px of the picture.
        center_xy: (2,) px, where the camera's axis meets the picture.
    """

    rotation: Array
    translation: Array
    focal_px: float
    center_xy: Array

    @classmethod
    def of_weak(cls, camera: WeakPerspective, *, focal_px: float, center_xy: Array) -> Self:
        """The camera of a focal length whose :attr:`weak` one is given."""
        xy = (np.asarray(camera.translation)[:2] - center_xy) / camera.scale
        return cls(camera.rotation, np.append(xy, focal_px / camera.scale), focal_px, center_xy)

    @property
    def distance_mm(self) -> float:
        """How far the model's origin is from the camera, along its axis."""
        return float(self.translation[2])

    @property
    def scale(self) -> float:
        """Px per mm at the model's origin."""
        return float(self.focal_px / self.translation[2])

    @property
    def weak(self) -> WeakPerspective:
        """The weak-perspective camera of the same pose, exact at the depth of the model's origin."""
        x, y = np.asarray(self.center_xy) + self.scale * np.asarray(self.translation)[:2]
        return WeakPerspective(self.rotation, self.scale, np.array([float(x), float(y), 0.0]))

    def image_from_model(self, points_model: Array) -> Array:
        """Map (..., 3) model points in mm to the picture.

        Returns:
            (..., 3) x and y in px, and the depth behind the model's origin in px, with the scale that holds
            there, as weak perspective has it; NaN for points that are not in front of the camera.
        """
        dtype = points_model.dtype
        linear = (PICTURE_AXES[:, None] * self.rotation).astype(dtype)
        points = points_model @ linear.T + np.asarray(self.translation).astype(dtype)
        depth = points[..., 2:]
        inverse = np.divide(self.focal_px, depth, out=np.full_like(depth, np.nan), where=depth > 0)
        xy = points[..., :2] * inverse + np.asarray(self.center_xy).astype(dtype)
        behind = np.where(depth > 0, (depth - self.distance_mm) * self.scale, np.nan)
        return np.concatenate([xy, behind], axis=-1).astype(dtype)

    def model_from_image(self, points_image: Array) -> Array:
        """The inverse of :meth:`image_from_model`, (..., 3)."""
        points = np.asarray(points_image, np.float64)
        depth = points[..., 2:] / self.scale + self.distance_mm
        xy = (points[..., :2] - self.center_xy) * depth / self.focal_px
        camera = np.concatenate([xy, depth], axis=-1) - self.translation
        model = camera @ (PICTURE_AXES[:, None] * np.asarray(self.rotation, np.float64))
        return model.astype(points_image.dtype if points_image.dtype.kind == "f" else np.float64)
