"""A rectangle of the photo that is drawn apart, finer or coarser than the photo, and laid on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.draw.canvas import Canvas

Array = NDArray[np.floating]
Color = tuple[int, int, int]
Part = tuple[slice, slice]
STRIP_PX = 4_000_000  # of the photo, that are blended at once


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

    def strips(self, layer: Image.Image) -> Iterator[tuple[Part, Image.Image]]:
        """The rectangle in parts of bounded size, from top to bottom: where they are, and the layer there.

        A face that fills a photo of hundreds of megapixels has no second picture of that size beside it.
        """
        rows = max(1, STRIP_PX // self.width)
        columns = slice(self.left, self.left + self.width)
        if self.zoom > 1:  # whole pixels are averaged; what the layer has beyond them is cut off
            layer = layer.reduce(round(self.zoom))
        for top in range(0, self.height, rows):
            bottom = min(top + rows, self.height)
            if self.zoom >= 1:
                strip = layer.crop((0, top, self.width, bottom))
            else:
                box = (0.0, top * self.zoom, self.width * self.zoom, bottom * self.zoom)
                strip = layer.resize((self.width, bottom - top), Image.Resampling.BILINEAR, box=box)
            yield (slice(self.top + top, self.top + bottom), columns), strip


def blend(picture: Canvas, part: Part, colors: Image.Image | Color, alpha: Image.Image) -> None:
    """Lay colours (RGB, of the part's size) on a part of a picture of our own, by alpha (L)."""
    below = Image.fromarray(picture[part])
    below.paste(colors, (0, 0, *below.size), alpha)
    picture[part] = np.asarray(below)
