"""The compiled twin of :mod:`lineament.geometry.raster`: z-buffer, attributes interpolated over its pixels.

Same rules (image frame; a pixel is sampled at its centre; smaller z is nearer; of equals the lower index),
tested against the readable one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.geometry.raster import Raster

Array = NDArray[Any]

_WIDE = 12  # px: of wider boxes most pixels lie outside their triangle and are not looked at
_EDGE = 1e-9  # as in geometry.raster: no crack opens along shared edges


def draw_mesh(vertices_image: Array, triangles: Array, *, size_hw: tuple[int, int]) -> Raster:
    """For each pixel the nearest triangle at its centre, its barycentric weights and its depth, in one pass.

    Args:
        vertices_image: (N, 3) float, px.
        triangles: (M, 3) int; both sides are drawn.
        size_hw: height and width of the picture, px.

    Returns:
        Raster of that size, as `lineament.geometry.raster.rasterize` gives it.
    """
    triangle_index = np.full(size_hw, -1, np.int32)
    weights = np.zeros((*size_hw, 3), np.float32)
    depth = np.full(size_hw, np.inf)
    corners = np.ascontiguousarray(vertices_image, np.float64)
    _draw(corners, np.ascontiguousarray(triangles, np.int32), triangle_index, weights, depth)
    return Raster(triangle_index, weights, depth.astype(np.float32))


def interpolate(raster: Raster, triangles: Array, attributes: Array) -> NDArray[np.float32]:
    """Attributes of the vertices at the pixels of a raster.

    Args:
        raster: (H, W).
        triangles: (M, 3) int, the ones that were drawn.
        attributes: (N, C) float.

    Returns:
        (H, W, C) float32, zero where no triangle is.
    """
    values = np.ascontiguousarray(attributes, np.float32)
    out = np.zeros((*raster.triangle_index.shape, values.shape[1]), np.float32)
    _interpolate(
        raster.triangle_index, raster.weights, np.ascontiguousarray(triangles, np.int32), values, out
    )
    return out


def facing_mask(raster: Raster, triangles: Array, vertices_image: Array) -> NDArray[np.bool_]:
    """(H, W) pixels whose nearest triangle shows the viewer its outside.

    Of an open mesh such as a face the inside can be nearest too, seen from behind or through its border.
    """
    out = np.zeros(raster.triangle_index.shape, np.bool_)
    corners = np.ascontiguousarray(vertices_image, np.float64)
    _facing(raster.triangle_index, np.ascontiguousarray(triangles, np.int32), corners, out)
    return out


def vertex_visibility(
    vertices_image: Array, triangles: Array, *, resolution: int = 160, tolerance: float = 0.02
) -> NDArray[np.float32]:
    """(N,) from 0, hidden by the mesh itself, to 1, seen; the twin of `geometry.raster.visible_vertices`.

    Args:
        vertices_image: (N, 3) float, px; finite.
        triangles: (M, 3) int, counter-clockwise seen from outside.
        resolution: px along the mesh's longer side in the depth picture that decides.
        tolerance: depth behind the visible surface, as a part of the mesh's longer side, that counts as
            visible.
    """
    vertices = np.asarray(vertices_image, np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    scale = resolution / max(float((high - low)[:2].max()), np.finfo(np.float64).tiny)
    small = (vertices - low) * scale
    width, height = (int(np.ceil(extent)) + 1 for extent in ((high - low) * scale)[:2])
    triangles = np.ascontiguousarray(triangles, np.int32)
    facing, front = np.zeros(len(vertices)), np.zeros(len(triangles), np.bool_)
    _toward_viewer(small, triangles, facing, front)
    depth = draw_mesh(small, triangles[front], size_hw=(height, width)).depth
    visible = np.empty(len(vertices), np.float32)
    _unoccluded(small, depth, resolution * max(tolerance, np.finfo(np.float64).tiny), facing, visible)
    return visible


@compiled(nogil=True)
def _draw(vertices: Array, triangles: Array, triangle_index: Array, weights: Array, depth: Array) -> None:
    height, width = triangle_index.shape
    for t in range(len(triangles)):
        ax, ay, az = vertices[triangles[t, 0]]
        bx, by, bz = vertices[triangles[t, 1]]
        cx, cy, cz = vertices[triangles[t, 2]]
        if not np.isfinite(ax + ay + az + bx + by + bz + cx + cy + cz):
            continue
        left = max(np.ceil(min(ax, bx, cx) - 0.5), 0.0)
        right = min(np.floor(max(ax, bx, cx) - 0.5), width - 1.0)
        top = max(np.ceil(min(ay, by, cy) - 0.5), 0.0)
        bottom = min(np.floor(max(ay, by, cy) - 0.5), height - 1.0)
        if right < left or bottom < top:
            continue
        # Weights are linear in x and y: their values at the box's first centre and their steps.
        ax, bx, cx = ax - (left + 0.5), bx - (left + 0.5), cx - (left + 0.5)
        ay, by, cy = ay - (top + 0.5), by - (top + 0.5), cy - (top + 0.5)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        scale = 1.0 / area
        u0, ux, uy = (bx * cy - cx * by) * scale, (by - cy) * scale, (cx - bx) * scale
        v0, vx, vy = (cx * ay - ax * cy) * scale, (cy - ay) * scale, (ax - cx) * scale
        w0, wx, wy = (ax * by - bx * ay) * scale, (ay - by) * scale, (bx - ax) * scale
        z0, zx, zy = u0 * az + v0 * bz + w0 * cz, ux * az + vx * bz + wx * cz, uy * az + vy * bz + wy * cz
        for row in range(int(top), int(bottom) + 1):
            down = row - top
            first, last = 0.0, right - left
            if last > _WIDE:
                first, last = _clipped(first, last, u0 + uy * down, ux)
                first, last = _clipped(first, last, v0 + vy * down, vx)
                first, last = _clipped(first, last, w0 + wy * down, wx)
            for column in range(int(left + first), int(left + last) + 1):
                step = column - left
                u, v, w = u0 + ux * step + uy * down, v0 + vx * step + vy * down, w0 + wx * step + wy * down
                if u < -_EDGE or v < -_EDGE or w < -_EDGE:
                    continue
                z = z0 + zx * step + zy * down
                if z < depth[row, column]:
                    depth[row, column] = z
                    triangle_index[row, column] = t
                    weights[row, column, 0] = min(max(u, 0.0), 1.0)
                    weights[row, column, 1] = min(max(v, 0.0), 1.0)
                    weights[row, column, 2] = min(max(w, 0.0), 1.0)


@compiled(nogil=True)
def _clipped(first: float, last: float, start: float, slope: float) -> tuple[float, float]:
    """The steps from `first` to `last` on which start + slope * step can be positive, with one to spare."""
    if slope > 0:
        return max(first, np.floor(-start / slope) - 1), last
    if slope < 0:
        return first, min(last, np.ceil(-start / slope) + 1)
    return first, last


@compiled(nogil=True)
def _interpolate(
    triangle_index: Array, weights: Array, triangles: Array, attributes: Array, out: Array
) -> None:
    height, width, channels = out.shape
    for row in range(height):
        for column in range(width):
            t = triangle_index[row, column]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v, w = weights[row, column, 0], weights[row, column, 1], weights[row, column, 2]
            for k in range(channels):
                out[row, column, k] = attributes[a, k] * u + attributes[b, k] * v + attributes[c, k] * w


@compiled(nogil=True)
def _facing(triangle_index: Array, triangles: Array, vertices: Array, out: Array) -> None:
    height, width = out.shape
    for row in range(height):
        for column in range(width):
            t = triangle_index[row, column]
            if t < 0:
                continue
            ax, ay, _ = vertices[triangles[t, 0]]
            bx, by, _ = vertices[triangles[t, 1]]
            cx, cy, _ = vertices[triangles[t, 2]]
            # Counter-clockwise to the viewer is clockwise in a frame whose y points down.
            out[row, column] = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) < 0


@compiled(nogil=True)
def _toward_viewer(vertices: Array, triangles: Array, facing: Array, front: Array) -> None:
    """Of each vertex how far the best of its triangles faces the viewer; which triangles do."""
    for t in range(len(triangles)):
        ax, ay, az = vertices[triangles[t, 0]]
        bx, by, bz = vertices[triangles[t, 1]]
        cx, cy, cz = vertices[triangles[t, 2]]
        bx, by, bz, cx, cy, cz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        if nz >= 0:
            continue
        front[t] = True
        cosine = -nz / np.sqrt(nx * nx + ny * ny + nz * nz)
        fading = min(cosine / 0.2, 1.0)  # over the last 12 degrees before the silhouette
        for corner in range(3):
            facing[triangles[t, corner]] = max(facing[triangles[t, corner]], fading)


@compiled(nogil=True)
def _unoccluded(vertices: Array, depth: Array, tolerance: float, facing: Array, visible: Array) -> None:
    """What faces the viewer and lies no deeper than the farthest of the four centres around it."""
    height, width = depth.shape
    for n in range(len(vertices)):
        column, row = int(np.floor(vertices[n, 0] - 0.5)), int(np.floor(vertices[n, 1] - 0.5))
        farthest = -np.inf
        for down in range(2):
            for right in range(2):
                y, x = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
                farthest = max(farthest, depth[y, x])
        behind = (vertices[n, 2] - farthest) / tolerance
        visible[n] = min(max(2.0 - behind, 0.0), 1.0) * facing[n]
