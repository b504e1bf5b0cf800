"""A rectangle of the photo that is drawn apart, finer or coarser than the photo, and laid on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.draw.canvas import Canvas

Array = NDArray[np.floating]
Color = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the photo and the size of the layer it is drawn on."""

    left: int
    top: int
    width: int
    height: int
    zoom: float = 1.0  # px of the layer for one of the photo

    @classmethod
    def around(cls, points: Array, photo: Canvas, *, margin: float) -> Patch | None:
        """The part of the photo around (N, 2 or 3) points, or None where the photo does not reach."""
        places = np.ascontiguousarray(points[:, :2].T)
        finite = np.isfinite(places)
        if not finite.all():
            places = places[:, finite.all(axis=0)]
        if places.size == 0:
            return None
        size_wh = np.array(photo.shape[1::-1])
        low = np.clip(np.floor(places.min(axis=1) - margin), 0, size_wh).astype(int)
        high = np.clip(np.ceil(places.max(axis=1) + margin), 0, size_wh).astype(int)
        width, height = (int(side) for side in high - low)
        if width <= 0 or height <= 0:
            return None
        return cls(int(low[0]), int(low[1]), width, height)

    @property
    def extent(self) -> int:
        """The longer side, px of the photo."""
        return max(self.width, self.height)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the layer, px."""
        return max(1, math.ceil(self.height * self.zoom)), max(1, math.ceil(self.width * self.zoom))

    def from_image(self, points_image: Array) -> Array:
        """(..., 2 or 3) points of the photo on the layer; depth scales with it."""
        points = np.array(points_image, dtype=np.float64)
        points[..., 0] -= self.left
        points[..., 1] -= self.top
        return points * self.zoom

    def lay_on(self, picture: Canvas, colors: Image.Image | Color, alpha: Image.Image) -> None:
        """Blend colours (RGB, the layer's or the rectangle's size) into a picture of our own by alpha (L)."""
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        below = Image.fromarray(picture[rows, columns])
        above = colors if isinstance(colors, tuple) else self.resampled(colors)
        below.paste(above, (0, 0, *below.size), self.resampled(alpha))
        picture[rows, columns] = np.asarray(below)

    def resampled(self, layer: Image.Image) -> Image.Image:
        """A layer at the size of the rectangle in the photo."""
        size_wh = (self.width, self.height)
        if layer.size == size_wh:
            return layer
        if self.zoom > 1:  # whole pixels are averaged; what the layer has beyond them is cut off
            return layer.reduce(round(self.zoom)).crop((0, 0, *size_wh))
        box = (0.0, 0.0, self.width * self.zoom, self.height * self.zoom)
        return layer.resize(size_wh, Image.Resampling.BILINEAR, box=box)
