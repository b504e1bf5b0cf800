"""How much of a face in a photograph is hidden, judged by its colours alone."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import ConvexHull

from lineament.data.drawing.warp import warp_reflecting

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]

WINDOW = 72  # px: faces are looked at in this size
FEATURES = (slice(36, 42), slice(42, 48), slice(48, 60))
"""Eyes and mouth: not of the colour of skin even when nothing hides them."""
MIN_COLOR_STD, MIN_LIGHT_STD = 0.08, 0.45
"""Smallest standard deviations of the logarithms of colour and brightness within a skin."""
UNLIKE = 3.2


def unlike_skin(image: Image8, landmarks_xy: Array) -> float:
    """Fraction of a face's skin that looks unlike the rest of it: hair, glasses, things, hard shadows.

    Args:
        image: (H, W, 3) uint8.
        landmarks_xy: (68, 2) px.
    """
    window, points = _window(image, landmarks_xy)
    skin = _skin_region(points)
    values = _log_colors(window)
    middle = np.median(values[skin], axis=0)
    std = 1.48 * np.median(np.abs(values[skin] - middle), axis=0)
    std = np.maximum(std, [MIN_LIGHT_STD, MIN_COLOR_STD, MIN_COLOR_STD])
    distance = np.sqrt((((values - middle) / std) ** 2).sum(axis=-1))
    # Highlights lose their colour and are still skin.
    distance[values[..., 0] > middle[0] + 0.2] /= 2
    unlike = ndimage.median_filter((distance > UNLIKE).astype(np.uint8), 5).astype(bool)
    return float(unlike[skin].mean())


def hull_mask(size_hw: tuple[int, int], points_xy: Array) -> Mask:
    """(H, W) the convex hull of points (P, 2) px."""
    height, width = size_hw
    corners = points_xy[ConvexHull(points_xy).vertices] - 0.5
    picture = Image.new("1", (width, height))
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in corners], fill=1)
    return np.asarray(picture, bool)


def _window(image: Image8, landmarks_xy: Array) -> tuple[Image8, Array]:
    """The square around a face at a small size, and the landmarks in it."""
    low, high = landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)
    step = 1.1 * float((high - low).max()) / WINDOW
    shrink = max(int(step), 1)  # averaged first, so that single pixels do not decide
    small = np.asarray(Image.fromarray(image).reduce(shrink))
    corner = (low + high) / 2 - step * WINDOW / 2
    matrix = np.column_stack([np.eye(2) * step / shrink, corner / shrink])
    return warp_reflecting(small, matrix, WINDOW), (landmarks_xy - corner) / step


def _skin_region(points: Array) -> Mask:
    region = ndimage.binary_erosion(hull_mask((WINDOW, WINDOW), points), iterations=3)
    for feature in FEATURES:
        part = hull_mask((WINDOW, WINDOW), points[feature])
        region &= ~ndimage.binary_dilation(part, iterations=3)
    brows = np.zeros((WINDOW, WINDOW), bool)
    x, y = np.clip(np.round(points[17:27] - 0.5), 0, WINDOW - 1).astype(int).T
    brows[y, x] = True
    return region & ~ndimage.binary_dilation(brows, iterations=4)


def _log_colors(window: Image8) -> Array:
    """(S, S, 3) brightness and two colours, logarithms; dark pixels have little colour to speak of."""
    values = np.log(window.astype(np.float64) + 12.0)
    return np.stack(
        [values.mean(axis=-1), values[..., 0] - values[..., 1], values[..., 1] - values[..., 2]], axis=-1
    )
