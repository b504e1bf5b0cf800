"""Turns the face of a photograph to other poses, as 300W-LP did (Zhu et al. 2016, "face profiling").

The fitted mesh gives the face its depth; the surroundings fall away behind it. The whole picture becomes a
surface in space and is turned about the head, never so far back that the side hidden from the camera would
have to be shown. What the turned surface leaves open is filled from another picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.geometry.camera import PICTURE_AXES, WeakPerspective

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]
Image8 = NDArray[np.uint8]

CELL = 3
"""Side of the cells, in px, that the picture is cut into before it is turned."""
PIVOT_BEHIND_FACE = 0.15
FADE_PX = 60.0
FALL = 0.35
SMOOTHING_PX = 3.0


@dataclass(frozen=True, slots=True)
class TurnedView:
    """A turned picture.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        camera: the face's pose in this picture.
    """

    image: Image8
    camera: WeakPerspective


class PhotoSurface:
    """A square picture with one fitted face, as a surface in space.

    Args:
        image: (H, H, 3) uint8 RGB, the face near the middle.
        vertices_image: (N, 3) the fitted mesh in this picture, px, z away from the viewer.
        triangles: (M, 3).
        camera: the fitted pose in this picture.
    """

    def __init__(
        self, image: Image8, vertices_image: Array, triangles: IntArray, camera: WeakPerspective
    ) -> None:
        self._image = image
        self._camera = camera
        face_depth = depth_map(vertices_image.astype(np.float32), triangles, len(image))
        self._depth = _surroundings(face_depth)
        inside = np.isfinite(face_depth)
        rows, columns = np.nonzero(inside)
        near, far = np.percentile(face_depth[inside], [2, 98])
        self._pivot = np.array([columns.mean(), rows.mean(), far + PIVOT_BEHIND_FACE * (far - near)])

    def turned(self, rotation: Array, framed_model: Array, size: int, background: Image8) -> TurnedView:
        """The picture with the head at another pose.

        Args:
            rotation: (3, 3) the head's new rotation.
            framed_model: (P, 3) points of the head, mm, whose box shall lie in the middle of the new picture.
            size: side of the new picture, px; the scale stays.
            background: (size, size, 3) uint8 RGB, shown where the turned surface leaves holes.
        """
        turn_model = rotation @ self._camera.rotation.T
        turn = PICTURE_AXES[:, None] * turn_model * PICTURE_AXES
        moved = self._pivot + turn @ (self._camera.translation - self._pivot)
        camera = WeakPerspective(rotation, self._camera.scale, moved)
        framed_xy = camera.image_from_model(framed_model)[:, :2]
        shift = size / 2 - 0.5 * (framed_xy.min(axis=0) + framed_xy.max(axis=0))
        count = len(self._image) // CELL
        at = np.arange(count) * CELL + CELL / 2
        columns, rows = np.meshgrid(at, at)
        depth = self._depth[rows.astype(int), columns.astype(int)]
        surface = np.stack([columns, rows, depth], axis=-1) - self._pivot
        placed = surface @ turn.T + self._pivot
        placed[..., :2] += shift
        image, filled = _draw_surface(self._image, placed.astype(np.float32), float(at[0]), CELL, size)
        soft = ndimage.uniform_filter(filled.astype(np.float32), 3)[..., None] * filled[..., None]
        blended = image * soft + background * (1 - soft)
        translation = camera.translation + np.append(shift, 0.0)
        return TurnedView(blended.astype(np.uint8), WeakPerspective(rotation, camera.scale, translation))


def _surroundings(face_depth: Array) -> Array:
    """Depth everywhere: the face's own; outside it the nearest edge's, fading to a plane that falls back."""
    outside = ~np.isfinite(face_depth)
    distance, (rows, columns) = ndimage.distance_transform_edt(outside, return_indices=True)
    edge = face_depth[rows, columns]
    plane = np.percentile(face_depth[~outside], 95)
    share = np.clip(distance / FADE_PX, 0, 1)
    depth = edge * (1 - share) + plane * share + FALL * distance
    smooth = ndimage.gaussian_filter(depth, SMOOTHING_PX)
    # The face keeps its exact depth; smoothing only eases the surroundings.
    return np.where(outside, smooth, face_depth).astype(np.float32)


@numba.njit(cache=True)
def depth_map(vertices: Array, triangles: IntArray, size: int) -> Array:
    """(size, size) depth of the nearest surface at each pixel's centre, infinite where there is none."""
    depth = np.full((size, size), np.inf, np.float32)
    for t in range(len(triangles)):
        a, b, c = vertices[triangles[t, 0]], vertices[triangles[t, 1]], vertices[triangles[t, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        left = max(int(np.floor(min(a[0], b[0], c[0]) - 0.5)), 0)
        right = min(int(np.ceil(max(a[0], b[0], c[0]) - 0.5)), size - 1)
        top = max(int(np.floor(min(a[1], b[1], c[1]) - 0.5)), 0)
        bottom = min(int(np.ceil(max(a[1], b[1], c[1]) - 0.5)), size - 1)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5, row + 0.5
                u = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
                v = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
                if u >= 0 and v >= 0 and u + v <= 1:
                    z = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                    depth[row, column] = min(depth[row, column], z)
    return depth


@numba.njit(cache=True)
def _draw_surface(image: Image8, placed: Array, first: float, cell: int, size: int):  # noqa: ANN202
    """Draw the picture's cells where `placed` (R, C, 3) puts their corners, unless they turn away."""
    drawn = np.zeros((size, size, 3), np.float32)
    depth = np.full((size, size), np.inf, np.float32)
    filled = np.zeros((size, size), np.bool_)
    for row in range(placed.shape[0] - 1):
        for column in range(placed.shape[1] - 1):
            for half in range(2):
                a = placed[row, column] if half == 0 else placed[row + 1, column + 1]
                b = placed[row, column + 1] if half == 0 else placed[row + 1, column]
                c = placed[row + 1, column] if half == 0 else placed[row, column + 1]
                sx = first + cell * (column if half == 0 else column + 1)
                sy = first + cell * (row if half == 0 else row + 1)
                step = cell if half == 0 else -cell
                area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
                if area <= 0.05:
                    continue
                left = max(int(np.floor(min(a[0], b[0], c[0]) - 0.5)), 0)
                right = min(int(np.ceil(max(a[0], b[0], c[0]) - 0.5)), size - 1)
                top = max(int(np.floor(min(a[1], b[1], c[1]) - 0.5)), 0)
                bottom = min(int(np.ceil(max(a[1], b[1], c[1]) - 0.5)), size - 1)
                for y in range(top, bottom + 1):
                    for x in range(left, right + 1):
                        px, py = x + 0.5, y + 0.5
                        u = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area
                        v = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area
                        if u < -1e-4 or v < -1e-4 or u + v > 1.0001:
                            continue
                        z = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
                        if z < depth[y, x]:
                            depth[y, x] = z
                            filled[y, x] = True
                            _sample(image, sx + u * step, sy + v * step, drawn[y, x])
    return drawn, filled


@numba.njit(cache=True)
def _sample(image: Image8, x: float, y: float, out: Array) -> None:
    """Bilinear colour of a picture at (x, y) px, written into `out` (3,)."""
    x = min(max(x - 0.5, 0.0), image.shape[1] - 1.001)
    y = min(max(y - 0.5, 0.0), image.shape[0] - 1.001)
    column, row = int(x), int(y)
    fx, fy = x - column, y - row
    for k in range(3):
        upper = image[row, column, k] * (1 - fx) + image[row, column + 1, k] * fx
        lower = image[row + 1, column, k] * (1 - fx) + image[row + 1, column + 1, k] * fx
        out[k] = upper * (1 - fy) + lower * fy
