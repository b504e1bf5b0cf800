"""Triangles to pixels: which triangle covers a pixel, at which weights and depth; which vertices are seen.

All in the image frame: px, x right, y down, z away from the viewer; pixel i covers [i, i + 1) and is
sampled at its centre, i + 0.5. Nearer is smaller z.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]

_CANDIDATES = 1 << 20  # pairs of triangle and pixel looked at together: bounds the memory
_EDGE = 1e-9  # weights this little below zero count as inside, so that no crack opens along shared edges


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
        corner_index = np.asarray(triangles)[np.maximum(self.triangle_index, 0)]
        return sum(  # type: ignore[return-value]
            attributes[..., corner_index[..., corner], :] * self.weights[..., corner, None]
            for corner in range(3)
        )


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
    planes = _Planes.of(np.asarray(vertices_image, dtype=np.float64), np.asarray(triangles), size_hw)
    depth = np.full(size_hw[0] * size_hw[1], np.inf)
    winner = np.full(depth.shape, -1, dtype=np.int64)
    for part in planes.chunks():
        plane, pixel, z = planes.covered(part, size_hw[1])
        nearer = z < depth[pixel]
        plane, pixel, z = plane[nearer], pixel[nearer], z[nearer]
        np.minimum.at(depth, pixel, z)
        best = z == depth[pixel]
        # Of several writes to one pixel the last stays: backwards, that is the lowest index.
        winner[pixel[best][::-1]] = plane[best][::-1]
    seen = np.flatnonzero(winner >= 0)
    triangle_index = np.full(depth.shape, -1, dtype=np.int32)
    triangle_index[seen] = planes.triangle[winner[seen]]
    weights = np.zeros((len(depth), 3), dtype=np.float32)
    weights[seen] = planes.weights_at(winner[seen], seen % size_hw[1], seen // size_hw[1])
    return Raster(
        triangle_index.reshape(size_hw),
        weights.reshape(*size_hw, 3),
        depth.astype(np.float32).reshape(size_hw),
    )


def visible_vertices(
    vertices_image: Array, triangles: IndexArray, *, resolution: int = 160, tolerance: float = 0.02
) -> NDArray[np.float32]:
    """How far each vertex is seen: not behind the mesh, and of a triangle that faces the viewer.

    Args:
        vertices_image: (N, 3) float, image frame, px.
        triangles: (M, 3) int, counter-clockwise seen from outside.
        resolution: px along the mesh's longer side in the small depth picture that decides.
        tolerance: depth behind the surface seen, as a part of the mesh's longer side, up to which a vertex
            is fully visible; at twice that it is hidden, between it fades.

    Returns:
        (N,) float32 from 0, hidden, to 1, seen; zero for vertices that are not finite or in no triangle.
    """
    vertices = np.asarray(vertices_image, dtype=np.float64)
    finite = np.asarray(np.isfinite(vertices).all(axis=-1))
    if not finite.any():
        return np.zeros(len(vertices), dtype=np.float32)
    triangles = np.asarray(triangles)[finite[triangles].all(axis=-1)] if not finite.all() else triangles
    low, high = vertices[finite].min(axis=0), vertices[finite].max(axis=0)
    scale = resolution / max(float((high - low)[:2].max()), np.finfo(np.float64).tiny)
    small = np.where(finite[:, None], (vertices - low) * scale, 0)
    width, height = (int(np.ceil(extent)) + 1 for extent in ((high - low) * scale)[:2])
    toward_viewer = _toward_viewer(small, triangles)
    # Behind what faces the viewer a solid's other side cannot be seen: only the former need drawing.
    front = toward_viewer > 0
    depth = rasterize(small, triangles[front], size_hw=(height, width)).depth
    behind = (small[:, 2] - _farthest_around(depth, small[:, :2])) / resolution
    unoccluded = np.clip(2 - behind / max(tolerance, np.finfo(np.float64).tiny), 0, 1)
    # The best of a vertex's triangles counts, not their mean: the edge of an eyelid is seen, though behind it
    # the lid turns away.
    facing = np.zeros(len(vertices))
    fading = np.clip(toward_viewer[front] / 0.2, 0, 1)  # over the last 12 degrees before the silhouette
    np.maximum.at(facing, triangles[front].T.ravel(), np.tile(fading, 3))
    return (unoccluded * facing * finite).astype(np.float32)


def _toward_viewer(vertices_image: Array, triangles: IndexArray) -> Array:
    """(M,) cosine between each triangle's outward normal and the direction to the viewer; 0 without area."""
    a, b, c = np.ascontiguousarray(vertices_image.T)[:, np.asarray(triangles).T].transpose(1, 0, 2)
    (xb, yb, zb), (xc, yc, zc) = b - a, c - a
    nx, ny, nz = yb * zc - zb * yc, zb * xc - xb * zc, xb * yc - yb * xc
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    cosine: Array = np.divide(-nz, length, out=np.zeros_like(nz), where=length > 0)
    return cosine


def _farthest_around(depth: Array, points_xy: Array) -> Array:
    """(N,) the farthest depth of the four pixel centres around each point (N, 2).

    On a slope the nearest centre may lie in front of a vertex that is seen; one of the four never does.
    """
    height, width = depth.shape
    column, row = np.floor(points_xy - 0.5).astype(np.int64).T
    around = [
        depth[np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)]
        for down in (0, 1)
        for right in (0, 1)
    ]
    return np.max(around, axis=0)


@dataclass(frozen=True, slots=True)
class _Planes:
    """Triangles that can reach a pixel: box of pixels, weights and depth as linear functions of x and y."""

    triangle: NDArray[np.int64]  # (T,) index among all triangles
    column: NDArray[np.int64]  # (T,) of the box's first pixel
    row: NDArray[np.int64]  # (T,)
    width: NDArray[np.int64]  # (T,) of the box, px
    height: NDArray[np.int64]  # (T,)
    linear: Array  # (4, 3, T): w0, w1, w2, depth; each at the box's first centre, its steps right and down

    @classmethod
    def of(cls, vertices: Array, triangles: IndexArray, size_hw: tuple[int, int]) -> _Planes:
        """Planes of a mesh in a picture of the given size."""
        finite = np.asarray(np.isfinite(vertices).all(axis=-1))
        triangle = np.arange(len(triangles))
        if not finite.all():
            triangle = np.flatnonzero(finite[triangles].all(axis=-1))
        corners = np.ascontiguousarray(vertices.T)[:, triangles[triangle].T]  # (xyz, corner, T)
        limit = np.array(size_hw[::-1])[:, None]
        first = np.clip(np.ceil(corners[:2].min(axis=1) - 0.5), 0, limit).astype(np.int64)
        last = np.clip(np.floor(corners[:2].max(axis=1) - 0.5), -1, limit - 1).astype(np.int64)
        kept = np.flatnonzero((last >= first).all(axis=0))
        corners, first, last = corners[..., kept], first[:, kept], last[:, kept]
        linear, regular = _linear(corners, first + 0.5)
        width, height = last - first + 1
        columns = (triangle[kept], *first, width, height, linear)
        return cls(*(column if regular.all() else column[..., regular] for column in columns))

    def chunks(self) -> Iterator[slice]:
        """Runs of triangles whose boxes together hold about as many pixels as fit in memory."""
        total = np.cumsum(self.width * self.height)
        start = 0
        while start < len(total):
            before = total[start - 1] if start else 0
            stop = max(int(np.searchsorted(total, before + _CANDIDATES, side="right")), start + 1)
            yield slice(start, stop)
            start = stop

    def covered(self, part: slice, picture_width: int) -> tuple[IndexArray, IndexArray, Array]:
        """Pairs of plane and covered pixel (flat index), and the depth there."""
        count = self.width[part] * self.height[part]
        plane = np.repeat(np.arange(part.start, part.start + len(count)), count)
        place = np.arange(len(plane)) - np.repeat(np.cumsum(count) - count, count)
        down, right = np.divmod(place, self.width[plane])
        inside = np.ones(len(plane), dtype=bool)
        for corner in range(3):
            inside &= self._value(corner, plane, right, down) >= -_EDGE
        plane, right, down = plane[inside], right[inside], down[inside]
        pixel = (self.row[plane] + down) * picture_width + self.column[plane] + right
        return plane, pixel, self._value(3, plane, right, down)

    def weights_at(self, plane: IndexArray, column: IndexArray, row: IndexArray) -> Array:
        """(P, 3) weights of the given planes at the centres of the given pixels."""
        right, down = column - self.column[plane], row - self.row[plane]
        weights = np.stack([self._value(corner, plane, right, down) for corner in range(3)], axis=-1)
        return np.clip(weights, 0, 1)

    def _value(self, quantity: int, plane: IndexArray, right: IndexArray, down: IndexArray) -> Array:
        start, step_right, step_down = self.linear[quantity]
        return start[plane] + step_right[plane] * right + step_down[plane] * down


def _linear(corners: Array, origin_xy: Array) -> tuple[Array, NDArray[np.bool_]]:
    """(4, 3, T) values at the origin and steps in x and y of weights and depth; which triangles have area."""
    x, y = corners[:2] - origin_xy[:, None]
    doubled_area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
    regular = doubled_area != 0
    scale = np.divide(1.0, doubled_area, out=np.zeros_like(doubled_area), where=regular)
    linear = np.empty((4, 3, len(scale)))
    for corner, (second, third) in enumerate(((1, 2), (2, 0), (0, 1))):
        linear[corner, 0] = (x[second] * y[third] - y[second] * x[third]) * scale
        linear[corner, 1] = (y[second] - y[third]) * scale
        linear[corner, 2] = (x[third] - x[second]) * scale
    linear[3] = np.einsum("kst,kt->st", linear[:3], corners[2])
    return linear, regular
