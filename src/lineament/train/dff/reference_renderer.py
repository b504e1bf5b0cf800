"""The renderer as one would explain it: one face, a loop over its pixels, double precision.

What :mod:`lineament.train.dff.renderer` is tested against; nothing else uses it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.harmonics import harmonics
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.perspective import Perspective
from lineament.geometry.raster import rasterize

Array = NDArray[Any]


def lit_colors(albedo: Array, normals: Array, light: Array) -> Array:
    """(N, 3) colours: C = t * sum of r_b H_b(n) (section 3 of the paper).

    Args:
        albedo: (N, 3).
        normals: (N, 3) unit, as the camera sees them: x right, y up, z to the viewer.
        light: (9, 3) coefficients.
    """
    return np.asarray(albedo * (harmonics(normals) @ light))


def render_face(
    vertices_model: Array,
    triangles: Array,
    albedo: Array,
    light: Array,
    camera: Perspective,
    *,
    size: int,
    visible: Array | None = None,
) -> tuple[Array, Array, Array]:
    """A lit face.

    Args:
        vertices_model: (N, 3) mm.
        triangles: (M, 3), counter-clockwise seen from outside.
        albedo: (N, 3).
        light: (9, 3).
        camera: of the picture.
        size: S, px along a side.
        visible: (S, S) triangle of each pixel, to keep it while the face moves; None finds it.

    Returns:
        (S, S, 3) picture, (S, S) bool mask and (S, S) triangle of each pixel, -1 where there is none.
    """
    axes = np.array([1.0, -1.0, -1.0])
    turned = vertices_model @ camera.rotation.T
    x, y, depth = (turned * axes + camera.translation).T
    focal, (across, down) = camera.focal_px, camera.center_xy
    xy = np.stack([across + focal * x / depth, down + focal * y / depth], axis=1)
    if visible is None:  # 1 / depth is linear over the picture, depth is not
        visible = rasterize(np.column_stack([xy, -1 / depth]), triangles, size_hw=(size, size)).triangle_index
    colors = lit_colors(albedo, vertex_normals(turned, triangles), light)
    picture, mask = np.zeros((size, size, 3)), np.zeros((size, size), bool)
    for row in range(size):
        for column in range(size):
            if visible[row, column] < 0:
                continue
            corners = triangles[visible[row, column]]
            screen = np.stack([xy[corners, 0], xy[corners, 1], np.ones(3)])
            if np.linalg.det(screen) >= 0:  # seen from inside: y points down
                continue
            weights = np.linalg.solve(screen, [column + 0.5, row + 0.5, 1.0]) / depth[corners]
            picture[row, column] = weights / weights.sum() @ colors[corners]
            mask[row, column] = True
    return picture, mask, np.where(mask, visible, -1)
