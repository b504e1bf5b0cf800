"""Compiled drawing of textured surfaces: a z-buffer with cut-out, then colours averaged down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled

Array = NDArray[Any]
Image8 = NDArray[np.uint8]


@compiled(nogil=True)
def draw_cut_out(vertices: Array, alpha: Array, triangles: Array, size: int) -> tuple[Array, Array]:
    """For each pixel the nearest triangle that faces the viewer and is not cut out there.

    Args:
        vertices: (N, 3) float, px, z away from the viewer.
        alpha: (N,) a pixel whose interpolated value is below a half is left open.
        triangles: (M, 3) int, counter-clockwise to a viewer of the outside.
        size: of the square picture, px.

    Returns:
        (size, size) int32 triangle, -1 where none is, and (size, size, 2) float32 weights of its first two
        corners.
    """
    triangle_index = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    depth = np.full((size, size), np.inf, np.float32)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        fi, fj, fk = alpha[i], alpha[j], alpha[k]
        if max(fi, fj, fk) < 0.5:
            continue
        ax, ay, bx, by = vertices[i, 0], vertices[i, 1], vertices[j, 0], vertices[j, 1]
        cx, cy = vertices[k, 0], vertices[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:  # counter-clockwise to the viewer is clockwise in a frame whose y points down
            continue
        left, right = (
            max(np.ceil(min(ax, bx, cx) - 0.5), 0.0),
            min(np.floor(max(ax, bx, cx) - 0.5), size - 1.0),
        )
        top, bottom = (
            max(np.ceil(min(ay, by, cy) - 0.5), 0.0),
            min(np.floor(max(ay, by, cy) - 0.5), size - 1.0),
        )
        scale = 1.0 / area
        ux, uy = (by - cy) * scale, (cx - bx) * scale
        vx, vy = (cy - ay) * scale, (ax - cx) * scale
        az, bz, cz = vertices[i, 2], vertices[j, 2], vertices[k, 2]
        for row in range(int(top), int(bottom) + 1):
            for column in range(int(left), int(right) + 1):
                x, y = column + 0.5 - cx, row + 0.5 - cy
                u, v = ux * x + uy * y, vx * x + vy * y
                w = 1.0 - u - v
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z < depth[row, column] and fi * u + fj * v + fk * w >= 0.5:
                    depth[row, column] = z
                    triangle_index[row, column] = t
                    weights[row, column, 0], weights[row, column, 1] = u, v
    return triangle_index, weights


@compiled(nogil=True)
def colored(
    triangle_index: Array, weights: Array, triangles: Array, values: Array, image: Image8, background: Image8
) -> Image8:
    """The picture of what was drawn, averaged down to the size of the background.

    Args:
        triangle_index: (F S, F S) as :func:`draw_cut_out` gives it.
        weights: (F S, F S, 2).
        triangles: (M, 3) the ones that were drawn.
        values: (N, 6) of each vertex x and y in `image`, px; trust in it, 0 to 1; the colour to use instead.
        image: (H, W, 3) uint8 RGB.
        background: (S, S, 3) uint8 RGB, shown where nothing was drawn.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    size = len(background)
    finer = len(triangle_index) // size
    out = np.empty((size, size, 3), np.uint8)
    fraction = 1.0 / (finer * finer)
    for row in range(size):
        for column in range(size):
            red = green = blue = 0.0
            for n in range(finer * finer):
                y, x = row * finer + n // finer, column * finer + n % finer
                t = triangle_index[y, x]
                if t < 0:
                    red += background[row, column, 0]
                    green += background[row, column, 1]
                    blue += background[row, column, 2]
                    continue
                a, b, c = values[triangles[t, 0]], values[triangles[t, 1]], values[triangles[t, 2]]
                u, v = weights[y, x, 0], weights[y, x, 1]
                w = 1 - u - v
                trust = min(a[2] * u + b[2] * v + c[2] * w, 1.0)
                if trust < 1:
                    red += (a[3] * u + b[3] * v + c[3] * w) * (1 - trust)
                    green += (a[4] * u + b[4] * v + c[4] * w) * (1 - trust)
                    blue += (a[5] * u + b[5] * v + c[5] * w) * (1 - trust)
                if trust > 0:
                    sx, sy = a[0] * u + b[0] * v + c[0] * w, a[1] * u + b[1] * v + c[1] * w
                    r, g, s = sampled(image, sx, sy)
                    red, green, blue = red + r * trust, green + g * trust, blue + s * trust
            out[row, column, 0] = int(min(max(red * fraction + 0.5, 0.0), 255.0))
            out[row, column, 1] = int(min(max(green * fraction + 0.5, 0.0), 255.0))
            out[row, column, 2] = int(min(max(blue * fraction + 0.5, 0.0), 255.0))
    return out


@compiled(nogil=True)
def sampled(image: Image8, x: float, y: float) -> tuple[float, float, float]:
    """Bilinear colour of a picture at (x, y) px; beyond its border that of the border."""
    x = min(max(x - 0.5, 0.0), image.shape[1] - 1.001)
    y = min(max(y - 0.5, 0.0), image.shape[0] - 1.001)
    column, row = int(x), int(y)
    fx, fy = x - column, y - row
    a, b, c, d = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    upper, lower = image[row], image[row + 1]
    red = upper[column, 0] * a + upper[column + 1, 0] * b + lower[column, 0] * c + lower[column + 1, 0] * d
    green = upper[column, 1] * a + upper[column + 1, 1] * b + lower[column, 1] * c + lower[column + 1, 1] * d
    blue = upper[column, 2] * a + upper[column + 1, 2] * b + lower[column, 2] * c + lower[column + 1, 2] * d
    return red, green, blue


@compiled(nogil=True)
def kept_lattice(points_image: Array, max_px: float) -> Array:
    """(R, C) a cut-out for a lattice: 1 where it is not stretched, through a half at a given length, to 0.

    Args:
        points_image: (R, C, 3) px.
        max_px: distance between neighbours at which the lattice is cut.
    """
    rows, columns, _ = points_image.shape
    out = np.ones((rows, columns), np.float32)
    for row in range(rows):
        for column in range(columns):
            longest = 0.0
            for n in range(4):
                r, c = row + (n == 0) - (n == 1), column + (n == 2) - (n == 3)
                if r < 0 or c < 0 or r >= rows or c >= columns:
                    continue
                dx = points_image[r, c, 0] - points_image[row, column, 0]
                dy = points_image[r, c, 1] - points_image[row, column, 1]
                longest = max(longest, np.hypot(dx, dy))
            out[row, column] = min(max(1.5 - longest / max_px, 0.0), 1.0)
    return out
