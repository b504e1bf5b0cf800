"""Which part of a photo shows a face itself, and nothing in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.uv import bilinear

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class FaceMask:
    """What a network said of the cells of a crop.

    Attributes:
        values: (A, A) float32 in 0..1: how surely each cell shows the face itself.
        box: the crop, in the photo.
    """

    values: Array
    box: CropBox

    def at(self, points_image: Array, *, extended: bool = False) -> Array:
        """(P,) float32 in 0..1 at places of the photo, between the centres of cells.

        Args:
            points_image: (P, 2 or 3) px; a place that is not finite gives 0.
            extended: what is given beyond the crop, where nothing is known: as the nearest cell has it, or 0.
        """
        points = self.box.crop_from_image(np.asarray(points_image, np.float64)[:, :2]) / self.box.size
        x, y = np.ascontiguousarray(points.T)
        known = np.isfinite(x) & np.isfinite(y)
        if not extended:
            known &= (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        if known.all():
            return _between_cells(self.values, points).astype(np.float32)
        found = np.zeros(len(points), np.float32)
        found[known] = _between_cells(self.values, points[known])
        return found

    def over(self, size_hw: tuple[int, int]) -> Array:
        """(H, W) float32 in 0..1, the mask over a photo of that size, 0 beyond the crop.

        Args:
            size_hw: height and width of the photo, px.
        """
        row, column = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
        return self.at(np.stack([column.ravel(), row.ravel()], axis=1)).reshape(size_hw)


def mask_at(mask: Array, places: Array) -> Array:
    """(P,) values of an (A, A) mask between the centres of its cells.

    Args:
        mask: of a square.
        places: (P, 2) x and y in sides of the square; what is not finite gives 0.
    """
    finite: Array = np.asarray(np.isfinite(places).all(axis=1))
    return np.where(finite, _between_cells(mask, np.where(finite[:, None], places, 0)), 0)


def _between_cells(mask: Array, places: Array) -> Array:
    """The same where all places are finite."""
    return bilinear(mask[..., None], places * len(mask))[:, 0]
