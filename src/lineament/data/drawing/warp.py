"""Resampling of pictures by similarity transforms, compiled."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Image8 = NDArray[np.uint8]


@numba.njit(cache=True, nogil=True)
def warp_reflecting(image: Image8, matrix: Array, size: int) -> Image8:
    """A square picture sampled bilinearly from another, which continues as its own mirror image.

    Args:
        image: (H, W, C) uint8.
        matrix: (2, 3), source position in px of a target position (x, y, 1) in px; pixel i covers [i, i + 1).
        size: side of the result, px.

    Returns:
        (size, size, C) uint8.
    """
    height, width, channels = image.shape
    out = np.empty((size, size, channels), np.uint8)
    for row in range(size):
        for column in range(size):
            tx, ty = column + 0.5, row + 0.5
            x = matrix[0, 0] * tx + matrix[0, 1] * ty + matrix[0, 2] - 0.5
            y = matrix[1, 0] * tx + matrix[1, 1] * ty + matrix[1, 2] - 0.5
            left, top = int(np.floor(x)), int(np.floor(y))
            fx, fy = x - left, y - top
            x0, x1 = reflected(left, width), reflected(left + 1, width)
            y0, y1 = reflected(top, height), reflected(top + 1, height)
            for k in range(channels):
                upper = image[y0, x0, k] * (1 - fx) + image[y0, x1, k] * fx
                lower = image[y1, x0, k] * (1 - fx) + image[y1, x1, k] * fx
                out[row, column, k] = int(upper * (1 - fy) + lower * fy + 0.5)
    return out


@numba.njit(cache=True, nogil=True)
def reflected(index: int, count: int) -> int:
    """The index inside [0, count) that any index shows when a row continues as its own mirror image."""
    period = 2 * count
    index = index % period
    return index if index < count else period - 1 - index
