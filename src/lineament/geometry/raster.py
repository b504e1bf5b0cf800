"""Triangles to pixels: which triangle covers a pixel, at which weights and depth; which vertices are seen.

All in the image frame: px, x right, y down, z away from the viewer; pixel i covers [i, i + 1) and is
sampled at its centre, i + 0.5. Nearer is smaller z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.triangle_planes import TrianglePlanes

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]

SMALLEST = 1e-9
"""px: a mesh of less is a point, all of which is seen or none."""


@dataclass(frozen=True, slots=True)
class Raster:
    """What each pixel sees of a mesh."""

    triangle_index: NDArray[np.int32]  # (H, W), -1 where no triangle is
    weights: NDArray[np.float32]  # (H, W, 3) barycentric, zero where no triangle is
    depth: NDArray[np.float32]  # (H, W), infinite where no triangle is

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool: where a triangle is."""
        return self.triangle_index >= 0

    def interpolate(self, attributes: Array, triangles: IndexArray) -> Array:
        """Spread an attribute of the vertices over the pixels.

        Args:
            attributes: (..., N, C) float.
            triangles: (M, 3) int, the ones that were rasterised.

        Returns:
            (..., H, W, C) float, zero where no triangle is.
        """
        shown = np.flatnonzero(self.mask)
        corner_index = np.asarray(triangles).take(self.triangle_index.ravel()[shown], axis=0)
        weights = self.weights.reshape(-1, 3)[shown]
        terms = (
            attributes.take(corner_index[:, corner], axis=-2) * weights[:, corner, None]
            for corner in range(3)
        )
        first, second, third = terms
        spread = first + second + third
        height, width = self.triangle_index.shape
        lead, count = attributes.shape[:-2], attributes.shape[-1]
        flat = np.zeros((*lead, height * width, count), spread.dtype)
        flat[..., shown, :] = spread
        return flat.reshape(*lead, height, width, count)


def rasterize(vertices_image: Array, triangles: IndexArray, *, size_hw: tuple[int, int]) -> Raster:
    """For each pixel the nearest triangle at its centre.

    Both sides of a triangle are drawn; where two are equally near the one of lower index wins. Triangles
    without area or with a coordinate that is not finite are left out.

    Args:
        vertices_image: (N, 3) float, px.
        triangles: (M, 3) int.
        size_hw: height and width of the picture, px.

    Returns:
        Raster of that size.
    """
    planes = TrianglePlanes.of(np.asarray(vertices_image, dtype=np.float64), np.asarray(triangles), size_hw)
    depth, winner = planes.nearest(size_hw)
    visible = np.flatnonzero(winner >= 0)
    plane = winner[visible]
    triangle_index = np.full(depth.shape, -1, dtype=np.int32)
    triangle_index[visible] = planes.triangle[plane]
    weights = np.zeros((len(depth), 3), dtype=np.float32)
    row, column = np.divmod(visible, size_hw[1])
    weights[visible] = np.clip(planes.values_at(planes.linear[:3], plane, column, row), 0, 1).T
    return Raster(
        triangle_index.reshape(size_hw),
        weights.reshape(*size_hw, 3),
        depth.astype(np.float32).reshape(size_hw),
    )


def rasterize_values(
    vertices_image: Array,
    triangles: IndexArray,
    values: Array,
    *,
    size_hw: tuple[int, int],
    both_sides: bool = True,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Numbers of the vertices interpolated over the pixels of the mesh; quicker than by way of a Raster.

    Args:
        vertices_image: (N, 3) float, px.
        triangles: (M, 3) int.
        values: (N, C) float.
        size_hw: height and width of the picture, px.
        both_sides: whether triangles that turn away from the viewer are drawn, those clockwise in the picture
            of a mesh that is counter-clockwise seen from outside.

    Returns:
        (H, W) bool where the mesh is, and (C, H, W) float32, zero elsewhere.
    """
    vertices = np.asarray(vertices_image, dtype=np.float64)
    planes = TrianglePlanes.of(vertices, np.asarray(triangles), size_hw, both_sides=both_sides)
    _, winner = planes.nearest(size_hw)
    visible = np.flatnonzero(winner >= 0)
    row, column = np.divmod(visible, size_hw[1])
    corner_index = np.asarray(triangles).take(planes.triangle, axis=0).T  # (3, T)
    corners = np.asarray(values, dtype=np.float64).T.take(corner_index, axis=1)  # (C, 3, T)
    linear = np.stack([np.sum(planes.linear[:3] * of_value[:, None], axis=0) for of_value in corners])
    pictures = np.zeros((len(linear), len(winner)), np.float32)
    pictures[:, visible] = planes.values_at(linear, winner[visible], column, row)
    return (winner >= 0).reshape(size_hw), pictures.reshape(-1, *size_hw)


def visible_vertices(
    vertices_image: Array,
    triangles: IndexArray,
    *,
    of: IndexArray | None = None,
    resolution: int = 160,
    tolerance: float = 0.02,
) -> NDArray[np.float32]:
    """How far each vertex is seen: not behind the mesh, and of a triangle that faces the viewer.

    Nothing but the mesh hides anything here: what stands in front of it on a photo is not known.

    Args:
        vertices_image: (N, 3) float, image frame, px.
        triangles: (M, 3) int, counter-clockwise seen from outside.
        of: (K,) int, the vertices that are asked for; None asks for all. Of few it is quicker.
        resolution: px along the mesh's longer side in the small depth picture that decides.
        tolerance: depth behind the visible surface, as a part of the mesh's longer side, up to which a vertex
            is fully visible; at twice that it is hidden, between it fades.

    Returns:
        (N,) or (K,) float32 from 0, hidden, to 1, visible; zero for vertices that are not finite or in no
        triangle.
    """
    # The axes come first: numpy is quick along the last axis when it is long.
    planes = np.ascontiguousarray(np.asarray(vertices_image).T, dtype=np.float64)
    triangles = np.asarray(triangles)
    is_finite = np.isfinite(planes)
    finite: NDArray[np.bool_] | None = None if is_finite.all() else np.asarray(is_finite.all(axis=0))
    if finite is not None:
        if not finite.any():
            return np.zeros(len(finite if of is None else of), dtype=np.float32)
        triangles = triangles[finite[triangles].all(axis=-1)]
        planes = np.where(finite, planes, planes[:, np.argmax(finite), None])
    low, high = planes.min(axis=1), planes.max(axis=1)
    scale = resolution / max(float((high - low)[:2].max()), SMALLEST)
    small = (planes - low[:, None]) * scale
    width, height = (int(np.ceil(extent)) + 1 for extent in ((high - low) * scale)[:2])
    asked = small if of is None else small.take(of, axis=1)
    farthest = _farthest_around(asked[:2], small.T, triangles, (height, width), some=of is not None)
    behind = (asked[2] - farthest) / resolution
    unoccluded = np.clip(2 - behind / max(tolerance, np.finfo(np.float64).tiny), 0, 1)
    facing = _facing(small, triangles if of is None else _touching(of, triangles, small.shape[1]))
    if finite is not None:
        facing *= finite
    return (unoccluded * (facing if of is None else facing.take(of))).astype(np.float32)


def _facing(vertices: Array, triangles: IndexArray) -> Array:
    """(N,) from 0 to 1, how far the best of the triangles of each vertex (3, N) faces the viewer.

    Not their mean: the edge of an eyelid is seen, though behind it the lid turns away.
    """
    cosine = toward_viewer(vertices.T, triangles)
    front = np.flatnonzero(cosine > 0)
    fading = np.clip(cosine[front] / 0.2, 0, 1)  # over the last 12 degrees before the silhouette
    facing = np.zeros(vertices.shape[1])
    for corner in triangles.take(front, axis=0).T:
        np.maximum.at(facing, corner, fading)
    return facing


def _touching(vertices: IndexArray, triangles: IndexArray, count: int) -> IndexArray:
    """(T, 3) those of the triangles that have one of some of so many vertices."""
    is_meant = np.zeros(count, bool)
    is_meant[vertices] = True
    first, second, third = (is_meant.take(corner) for corner in triangles.T)
    return triangles.take(np.flatnonzero(first | second | third), axis=0)


def toward_viewer(vertices_image: Array, triangles: IndexArray) -> Array:
    """(M,) cosine between each triangle's outward normal and the direction to the viewer; 0 without area.

    Args:
        vertices_image: (N, 3) float, px, finite.
        triangles: (M, 3) int, counter-clockwise seen from outside.
    """
    a, b, c = np.ascontiguousarray(vertices_image.T).take(np.asarray(triangles).T, axis=1).transpose(1, 0, 2)
    (xb, yb, zb), (xc, yc, zc) = b - a, c - a
    nx, ny, nz = yb * zc - zb * yc, zb * xc - xb * zc, xb * yc - yb * xc
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    cosine: Array = np.divide(-nz, length, out=np.zeros_like(nz), where=length > 0)
    return cosine


def _farthest_around(
    points_xy: Array, vertices: Array, triangles: IndexArray, size_hw: tuple[int, int], *, some: bool
) -> Array:
    """(K,) the farthest depth, of a mesh in a picture, of the four pixel centres around each point (2, K).

    On a slope the nearest centre may lie in front of a visible vertex; one of the four never does. Behind
    what faces the viewer a solid's other side cannot be seen: only the former is drawn, and where only `some`
    points of the mesh are asked for, only what is there.
    """
    height, width = size_hw
    column, row = np.floor(points_xy - 0.5).astype(np.int64)
    columns = [np.minimum(np.maximum(column + right, 0), width - 1) for right in (0, 1)]
    rows = [np.minimum(np.maximum(row + down, 0), height - 1) * width for down in (0, 1)]
    around = [row + column for row in rows for column in columns]
    wanted: NDArray[np.bool_] | None = None
    if some:
        wanted = np.zeros(size_hw, bool)
        wanted.ravel()[np.concatenate(around)] = True
    planes = TrianglePlanes.of(vertices, triangles, size_hw, both_sides=False, wanted=wanted)
    depth, _ = planes.nearest(size_hw)
    depth = depth.astype(np.float32)  # as Raster has it
    farthest: Array = np.maximum.reduce([depth.take(pixel) for pixel in around])
    return farthest
