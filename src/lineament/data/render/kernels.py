"""The renderer's compiled loops: normals, triangles on a shared z-buffer, strands, shading.

All work on a picture that is finer than the result by a whole factor; shading averages that away.
Colours are linear light here; a picture's codes are their square roots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled

Array = NDArray[Any]

SKIN, EYE, MOUTH, TEETH, BODY = range(5)
"""Materials of triangles."""
NO_STRAND, SCALP_HAIR, FACE_HAIR = range(3)
"""What the strand on a pixel is."""


@compiled(nogil=True, error_model="numpy")
def normals_of(vertices: Array, triangles: Array, out: Array) -> None:
    """Unit normals (V, 3) of vertices (V, 3), weighted by area, written into `out`."""
    out[:] = 0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in range(3):
            n = triangles[t, corner]
            out[n, 0] += nx
            out[n, 1] += ny
            out[n, 2] += nz
    for n in range(len(out)):
        length = np.sqrt(out[n, 0] ** 2 + out[n, 1] ** 2 + out[n, 2] ** 2)
        if length > 0:
            for k in range(3):
                out[n, k] /= length


@compiled(nogil=True, error_model="numpy")
def draw_onto(
    vertices: Array, triangles: Array, first: int, culled: bool, index: Array, weights: Array, depth: Array
) -> None:
    """Add triangles to a z-buffer.

    Args:
        vertices: (V, 3) float32, px, z away from the viewer.
        triangles: (M, 3) int32.
        first: number that the first of them gets in `index`.
        culled: leave out those that show their inside.
        index: (H, W) int32, -1 where nothing is.
        weights: (H, W, 2) float32, barycentric weights of the first two corners.
        depth: (H, W) float32.
    """
    height, width = index.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or (culled and area > 0):
            continue
        left, right = int(np.ceil(min(ax, bx, cx) - 0.5)), int(np.floor(max(ax, bx, cx) - 0.5))
        top, bottom = int(np.ceil(min(ay, by, cy) - 0.5)), int(np.floor(max(ay, by, cy) - 0.5))
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width - 1), min(bottom, height - 1)
        scale = 1 / area
        ux, uy, vx, vy = (by - cy) * scale, (cx - bx) * scale, (cy - ay) * scale, (ax - cx) * scale
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                u = ux * (x - cx) + uy * (y - cy)
                v = vx * (x - cx) + vy * (y - cy)
                if u < -1e-5 or v < -1e-5 or u + v > 1.00001:
                    continue
                z = u * az + v * bz + (1 - u - v) * cz
                if z < depth[row, column]:
                    depth[row, column] = z
                    index[row, column] = first + t
                    weights[row, column, 0] = u
                    weights[row, column, 1] = v


@compiled(nogil=True, error_model="numpy")
def draw_depth(vertices: Array, triangles: Array, depth: Array) -> None:
    """Nearest depth (H, W) of triangles, for shadows; what faces away from the light is left out."""
    height, width = depth.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        cx, cy, cz = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:
            continue
        left, right = int(np.ceil(min(ax, bx, cx) - 0.5)), int(np.floor(max(ax, bx, cx) - 0.5))
        top, bottom = int(np.ceil(min(ay, by, cy) - 0.5)), int(np.floor(max(ay, by, cy) - 0.5))
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width - 1), min(bottom, height - 1)
        scale = 1 / area
        ux, uy, vx, vy = (by - cy) * scale, (cx - bx) * scale, (cy - ay) * scale, (ax - cx) * scale
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                x, y = column + 0.5 - cx, row + 0.5 - cy
                u, v = ux * x + uy * y, vx * x + vy * y
                if u < -1e-5 or v < -1e-5 or u + v > 1.00001:
                    continue
                z = u * az + v * bz + (1 - u - v) * cz
                depth[row, column] = min(depth[row, column], z)


@compiled(nogil=True, error_model="numpy")
def lit_fraction(x: float, y: float, z: float, to_light: Array, shadow: Array, bias: float) -> float:
    """How much of the key light reaches a place: 0 in shadow, 1 in light, between at a shadow's edge.

    Args:
        x: px of the fine picture.
        y: the same.
        z: the same.
        to_light: (3, 4) from there to places and depth of the shadow map.
        shadow: (D, D) nearest depth.
        bias: depth that a surface may lie behind what the map holds.
    """
    sx = to_light[0, 0] * x + to_light[0, 1] * y + to_light[0, 2] * z + to_light[0, 3] - 0.5
    sy = to_light[1, 0] * x + to_light[1, 1] * y + to_light[1, 2] * z + to_light[1, 3] - 0.5
    sz = to_light[2, 0] * x + to_light[2, 1] * y + to_light[2, 2] * z + to_light[2, 3] - bias
    column, row = int(np.floor(sx)), int(np.floor(sy))
    if column < 0 or row < 0 or column >= shadow.shape[1] - 1 or row >= shadow.shape[0] - 1:
        return 1.0
    right, down = sx - column, sy - row
    lit = 0.0
    if sz <= shadow[row, column]:
        lit += (1 - right) * (1 - down)
    if sz <= shadow[row, column + 1]:
        lit += right * (1 - down)
    if sz <= shadow[row + 1, column]:
        lit += (1 - right) * down
    if sz <= shadow[row + 1, column + 1]:
        lit += right * down
    return lit
