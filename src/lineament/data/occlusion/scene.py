"""A face in a picture as those who put things before it need to know it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.shell import HeadShell
from lineament.data.occlusion.accessories import Accessory, draw_accessory
from lineament.data.occlusion.drawing import Layer, Light
from lineament.geometry.camera import WeakPerspective

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]

CHEEK = (2, 14, 31, 35, 48, 54, 29, 30)
"""Landmarks around which a face's own skin is looked up."""


@dataclass(frozen=True, slots=True, repr=False)
class Donor:
    """Another person's face: a picture and the part of it that is to be shown.

    Attributes:
        image: (H, W, 3) uint8.
        center_xy: px, middle of the face.
        size: px, longer side of its 68 landmarks' box.
    """

    image: Image8
    center_xy: tuple[float, float]
    size: float


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """A face in a picture, and what things may be made of.

    Attributes:
        image: (H, W, 3) uint8.
        camera: of the head.
        landmarks_model: (68, 3) mm.
        landmarks_image: (68, 3) px.
        front: (H, W) depth of the head, px, infinite where it is not.
        shell: of the head.
        light: what shades things.
        pictures: textures, (h, w, 3) uint8 each.
        donors: other people's faces.
    """

    image: Image8
    camera: WeakPerspective
    landmarks_model: Array
    landmarks_image: Array
    front: Array
    shell: HeadShell
    light: Light
    pictures: Sequence[Image8]
    donors: Sequence[Donor]

    @property
    def size_hw(self) -> tuple[int, int]:
        """Of the picture."""
        height, width = self.image.shape[:2]
        return height, width

    @property
    def up_angle(self) -> float:
        """Radians, clockwise to the viewer, from the picture's up to the head's."""
        x, y = self.camera.image_from_model_matrix[:2, 1]
        return float(np.arctan2(x, -y))

    def color_at(self, points_xy: Array) -> Array:
        """(3,) median colour of the picture around points (P, 2) px."""
        height, width = self.size_hw
        x = np.clip(points_xy[:, 0].astype(int), 0, width - 1)
        y = np.clip(points_xy[:, 1].astype(int), 0, height - 1)
        return np.median(self.image[y, x].astype(np.float32), axis=0)

    def accessory(self, thing: Accessory) -> Layer:
        """A worn thing, drawn."""
        return draw_accessory(thing, self.camera, self.size_hw, self.front, self.light)


Kind: TypeAlias = Callable[[Scene, np.random.Generator], Layer]
"""Draws something before a face by chance."""
