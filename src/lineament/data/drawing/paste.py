"""Pasting one picture onto another through an affine map and a soft mask, without resampling twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]
Owner = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Mask:
    """A superellipse in the pasted picture: power 2 is an ellipse, 20 nearly a rectangle.

    Attributes:
        center_xy: px of the pasted picture.
        half_xy: half axes, px of the pasted picture.
        power: exponent of the superellipse.
        feather: fraction of the radius over which the mask fades to nothing.
    """

    center_xy: tuple[float, float]
    half_xy: tuple[float, float]
    power: float = 2.5
    feather: float = 0.2


def affine(*, scale: float, angle: float, mirrored: bool, source_xy: Array, target_xy: Array) -> Array:
    """(2, 3) map that turns by `angle` (counter-clockwise to the viewer), scales, and moves one point.

    Args:
        scale: target px a source px.
        angle: radians; y runs down in both pictures.
        mirrored: left and right are exchanged before turning.
        source_xy: (2,) the point of the source that arrives at `target_xy`.
        target_xy: (2,).
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = scale * np.array([[cosine, sine], [-sine, cosine]])
    if mirrored:
        linear = linear * np.array([-1.0, 1.0])
    return np.column_stack([linear, np.asarray(target_xy) - linear @ np.asarray(source_xy)])


def move(map_2x3: Array, points_xy: Array) -> Array:
    """Points (..., 2) through an affine map (2, 3)."""
    return points_xy @ map_2x3[:, :2].T + map_2x3[:, 2]


def invert(map_2x3: Array) -> Array:
    """The affine map (2, 3) that undoes another."""
    linear = np.linalg.inv(map_2x3[:, :2])
    return np.column_stack([linear, -linear @ map_2x3[:, 2]])


def paste(
    canvas: Picture,
    owner: Owner,
    picture: Picture,
    canvas_from_picture: Array,
    mask: Mask,
    *,
    label: int,
    reflect: bool = False,
) -> None:
    """Blend a picture into the canvas, in place, and write `label` where it covers more than half.

    Args:
        canvas: (H, W, 3) uint8, changed.
        owner: (H, W) int16, changed: which paste is on top.
        picture: (h, w, 3) uint8.
        canvas_from_picture: (2, 3) affine map.
        mask: what of the picture is shown.
        label: number written into `owner`.
        reflect: whether the picture goes on, mirrored, beyond its border; otherwise it ends there.
    """
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * mask.half_xy + mask.center_xy
    if not reflect:
        corners = np.clip(corners, 0.0, (picture.shape[1], picture.shape[0]))
    corners = move(canvas_from_picture, corners)
    low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)), (canvas.shape[1], canvas.shape[0])).astype(int)
    if np.any(high <= low):
        return
    shape = np.array([*mask.center_xy, *mask.half_xy, mask.power, max(mask.feather, 1e-3)])
    window = np.array([low[0], low[1], high[0], high[1]])
    _blend(canvas, owner, picture, invert(canvas_from_picture), shape, window, label, reflect)


@compiled(fastmath=True)
def _blend(
    canvas: Picture,
    owner: Owner,
    picture: Picture,
    source: Array,
    shape: Array,
    window: NDArray[np.int_],
    label: int,
    reflect: bool,
) -> None:
    height, width = picture.shape[0], picture.shape[1]
    inner = 0.999 * (1.0 - shape[5]) / 2.0 ** (1.0 / shape[4])  # nearer to the middle all is opaque
    for y in range(window[1], window[3]):
        for x in range(window[0], window[2]):
            u = source[0, 0] * (x + 0.5) + source[0, 1] * (y + 0.5) + source[0, 2]
            v = source[1, 0] * (x + 0.5) + source[1, 1] * (y + 0.5) + source[1, 2]
            if not reflect and (u < 0 or v < 0 or u > width or v > height):
                continue
            across, down = abs((u - shape[0]) / shape[2]), abs((v - shape[1]) / shape[3])
            if max(across, down) >= 1.0:
                continue
            alpha = 1.0
            if max(across, down) > inner:  # powers are slow, and most of a mask is opaque
                ring = across ** shape[4] + down ** shape[4]
                if ring >= 1.0:
                    continue
                alpha = min(1.0, (1.0 - ring ** (1.0 / shape[4])) / shape[5])
                alpha = alpha * alpha * (3.0 - 2.0 * alpha)
            _mix(canvas, y, x, picture, u - 0.5, v - 0.5, alpha)
            if alpha > 0.5:
                owner[y, x] = label


@compiled(fastmath=True)
def _mix(canvas: Picture, y: int, x: int, picture: Picture, u: float, v: float, alpha: float) -> None:
    height, width = picture.shape[0], picture.shape[1]
    left, top = int(np.floor(u)), int(np.floor(v))
    du, dv = u - left, v - top
    x0, x1 = _fold(left, width), _fold(left + 1, width)
    y0, y1 = _fold(top, height), _fold(top + 1, height)
    for channel in range(3):
        upper = (1 - du) * picture[y0, x0, channel] + du * picture[y0, x1, channel]
        lower = (1 - du) * picture[y1, x0, channel] + du * picture[y1, x1, channel]
        value = (1 - dv) * upper + dv * lower
        canvas[y, x, channel] = np.uint8(alpha * value + (1 - alpha) * canvas[y, x, channel] + 0.5)


@compiled()
def _fold(index: int, size: int) -> int:
    if 0 <= index < size:
        return index
    period = 2 * size
    index = index % period
    return index if index < size else period - 1 - index
