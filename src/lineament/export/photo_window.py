"""The part of a photo that shows a face: its colours are read there, without a copy of all the photo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.geometry.uv import bilinear
from lineament.image import Picture

Array = NDArray[Any]

MARGIN_PX = 2  # around the points, so that colours between pixels are the photo's
MAX_PX = 16_000_000
"""Pixels of a part, at most: of a face of more, several are averaged, and a texture still has fewer."""


@dataclass(frozen=True, slots=True, repr=False)
class PhotoWindow:
    """Some of a photo's pixels, and where they lie in it.

    Attributes:
        pixels: (h, w, 3) uint8 RGB.
        corner_xy: (2,) px of the photo, where the first pixel begins.
        step: photo px that each pixel covers along a side.
    """

    pixels: NDArray[np.uint8]
    corner_xy: Array
    step: int

    def places(self, points_image: Array) -> Array:
        """(..., 2) px of these pixels: places of the photo (..., 2 or more, x and y first)."""
        placed: Array = (np.asarray(points_image, np.float64)[..., :2] - self.corner_xy) / self.step
        return placed

    def colors_at(self, points_image: Array) -> Array:
        """(..., 3) float: the photo's colours at places; beyond the photo its border's colour goes on."""
        return bilinear(self.pixels, self.places(points_image))


def photo_window(photo: Picture, points_image: Array) -> PhotoWindow:
    """The part of a photo around some points; of an array all of it, which takes no memory.

    Args:
        photo: (H, W, 3) uint8 RGB, or Pillow's picture of mode RGB.
        points_image: (N, 2 or more) px, x and y first; those that are no numbers do not count.
    """
    if not isinstance(photo, Image.Image):
        return PhotoWindow(photo, np.zeros(2), 1)
    left, top, right, bottom = _box(np.asarray(points_image, np.float64)[:, :2], photo.size)
    step = math.ceil(math.sqrt((right - left) * (bottom - top) / MAX_PX))
    box = (left, top, right, bottom)
    part = photo.crop(box) if step <= 1 else photo.reduce(step, box=box)
    return PhotoWindow(np.asarray(part), np.array([left, top], np.float64), max(step, 1))


def _box(points_xy: Array, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom about the points, within the photo and of a pixel at least."""
    finite = points_xy[np.isfinite(points_xy).all(axis=1)]
    if len(finite) == 0:
        return 0, 0, 1, 1
    last = np.array(size_wh) - 1
    low = np.clip(np.floor(finite.min(axis=0)) - MARGIN_PX, 0, last).astype(int)
    high = np.clip(np.ceil(finite.max(axis=0)) + MARGIN_PX, low + 1, last + 1).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
