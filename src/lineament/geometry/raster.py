"""Triangles to pixels: which triangle covers a pixel, at which weights and depth; which vertices are seen.

All in the image frame: px, x right, y down, z away from the viewer; pixel i covers [i, i + 1) and is
sampled at its centre, i + 0.5. Nearer is smaller z.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]

_CANDIDATES = 1 << 20  # pairs of triangle and pixel looked at together: bounds the memory
_SIZES = np.array([2, 3, 5, 8, 12, 18, 27, 41, 61, 92, 138, 207, 311])  # steps of boxes' sides, px
_CLASS_OF = np.searchsorted(_SIZES, np.arange(_SIZES[-1] + 2)).astype(np.int16)
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
    depth, winner = planes.nearest(size_hw)
    seen = np.flatnonzero(winner >= 0)
    plane = winner[seen]
    triangle_index = np.full(depth.shape, -1, dtype=np.int32)
    triangle_index[seen] = planes.triangle[plane]
    weights = np.zeros((len(depth), 3), dtype=np.float32)
    row, column = np.divmod(seen, size_hw[1])
    weights[seen] = np.clip(planes.values_at(planes.linear[:3], plane, column, row), 0, 1).T
    return Raster(
        triangle_index.reshape(size_hw),
        weights.reshape(*size_hw, 3),
        depth.astype(np.float32).reshape(size_hw),
    )


def rasterize_values(
    vertices_image: Array, triangles: IndexArray, values: Array, *, size_hw: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Numbers of the vertices spread over the pixels that see the mesh; quicker than by way of a Raster.

    Args:
        vertices_image: (N, 3) float, px.
        triangles: (M, 3) int.
        values: (N, C) float.
        size_hw: height and width of the picture, px.

    Returns:
        (H, W) bool where the mesh is, and (C, H, W) float32, zero elsewhere.
    """
    planes = _Planes.of(np.asarray(vertices_image, dtype=np.float64), np.asarray(triangles), size_hw)
    _, winner = planes.nearest(size_hw)
    seen = np.flatnonzero(winner >= 0)
    row, column = np.divmod(seen, size_hw[1])
    corner_index = np.asarray(triangles).take(planes.triangle, axis=0).T  # (3, T)
    corners = np.asarray(values, dtype=np.float64).T.take(corner_index, axis=1)  # (C, 3, T)
    linear = np.stack([np.sum(planes.linear[:3] * of_value[:, None], axis=0) for of_value in corners])
    pictures = np.zeros((len(linear), len(winner)), np.float32)
    pictures[:, seen] = planes.values_at(linear, winner[seen], column, row)
    return (winner >= 0).reshape(size_hw), pictures.reshape(-1, *size_hw)


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
    cosine = toward_viewer(small, triangles)
    # Behind what faces the viewer a solid's other side cannot be seen: only the former need drawing.
    front = cosine > 0
    depth, _ = _Planes.of(small, triangles[front], (height, width)).nearest((height, width))
    depth = depth.astype(np.float32)  # as Raster has it
    behind = (small[:, 2] - _farthest_around(depth.reshape(height, width), small[:, :2])) / resolution
    unoccluded = np.clip(2 - behind / max(tolerance, np.finfo(np.float64).tiny), 0, 1)
    # The best of a vertex's triangles counts, not their mean: the edge of an eyelid is seen, though behind it
    # the lid turns away.
    facing = np.zeros(len(vertices))
    fading = np.clip(cosine[front] / 0.2, 0, 1)  # over the last 12 degrees before the silhouette
    np.maximum.at(facing, triangles[front].T.ravel(), np.tile(fading, 3))
    return (unoccluded * facing * finite).astype(np.float32)


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
    """Triangles that can reach a pixel: box of pixels, weights and depth as linear functions of x and y.

    Sorted by the size of their boxes, so that those of one size are looked at together.
    """

    triangle: NDArray[np.int64]  # (T,) index among all triangles
    column: NDArray[np.int64]  # (T,) of the box's first pixel
    row: NDArray[np.int64]  # (T,)
    width: NDArray[np.int64]  # (T,) of the box, px
    height: NDArray[np.int64]  # (T,)
    linear: Array  # (4, 3, T): w0, w1, w2, depth; each at the box's first centre, its steps right and down

    @classmethod
    def of(cls, vertices: Array, triangles: IndexArray, size_hw: tuple[int, int]) -> _Planes:
        """Planes of a mesh in a picture of the given size."""
        # `take` leaves the planes next to one another in memory, which fancy indices do not: twice as quick.
        corners = np.ascontiguousarray(vertices.T).take(triangles.T, axis=1)  # (xyz, corner, T)
        limit = np.array(size_hw[::-1])[:, None]
        low = np.minimum(np.minimum(corners[:, 0], corners[:, 1]), corners[:, 2])
        high = np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2])
        with np.errstate(invalid="ignore"):  # infinity less infinity: left out like all that is not finite
            reaches = np.isfinite(high - low).all(axis=0)
        first = np.maximum(np.minimum(np.ceil(low[:2] - 0.5), limit), 0)
        last = np.maximum(np.minimum(np.floor(high[:2] - 0.5), limit - 1), -1)
        kept = np.flatnonzero(reaches & (last >= first).all(axis=0))
        size = (last - first).take(kept, axis=1).astype(np.int64) + 1
        order = np.argsort(_box_class(size), kind="stable")
        triangle = kept[order]
        corners, first = corners.take(triangle, axis=2), first.take(triangle, axis=1).astype(np.int64)
        linear, regular = _linear(corners, first + 0.5)
        columns = (triangle, *first, *size.take(order, axis=1), linear)
        return cls(*(column if regular.all() else column[..., regular] for column in columns))

    def nearest(self, size_hw: tuple[int, int]) -> tuple[Array, NDArray[np.int64]]:
        """(H * W,) depth and plane nearest at each pixel; infinity and -1 where there is none."""
        depth = np.full(size_hw[0] * size_hw[1], np.inf)
        winner = np.full(depth.shape, -1, dtype=np.int64)
        for members in self._groups():
            plane, pixel, z = self._covered(members, size_hw)
            # Of several writes to one pixel the last stays; who is nearer than that one writes again.
            # Surfaces lie over one another a few times, so this ends soon.
            while len(plane := plane[nearer := self._wins(plane, z, depth[pixel], winner[pixel])]):
                pixel, z = pixel[nearer], z[nearer]
                depth[pixel], winner[pixel] = z, plane
        return depth, winner

    def _wins(self, plane: IndexArray, z: Array, depth: Array, winner: IndexArray) -> NDArray[np.bool_]:
        """Which planes are nearer than those drawn so far, or as near and of a lower triangle."""
        wins = z < depth
        equal = np.flatnonzero(z == depth)
        wins[equal] = self.triangle[plane[equal]] < self.triangle[winner[equal]]
        return wins

    def _groups(self) -> Iterator[slice]:
        """Runs of planes whose boxes are about alike and together hold as many pixels as fit in memory."""
        box_class = _box_class(np.stack([self.width, self.height]))
        bounds = np.flatnonzero(np.diff(box_class, prepend=-1, append=-1))
        for first, last in pairwise(bounds.tolist()):
            area = int(self.width[first:last].max() * self.height[first:last].max())
            step = max(1, _CANDIDATES // area)
            yield from (slice(start, min(start + step, last)) for start in range(first, last, step))

    def _covered(self, members: slice, size_hw: tuple[int, int]) -> tuple[IndexArray, IndexArray, Array]:
        """Pairs of plane and covered pixel (flat index), and the depth there."""
        width, height = int(self.width[members].max()), int(self.height[members].max())
        start, step_right, step_down = self.linear[:3, :, None, members].swapaxes(0, 1)
        # The planes come last: numpy is quick along the last axis when it is long.
        along = (step_right * np.arange(width)[:, None])[:, None]
        weights = (start + step_down * np.arange(height)[:, None])[
            :, :, None
        ] + along  # (3, height, width, T)
        place, member = np.divmod(np.flatnonzero(weights.min(axis=0) >= -_EDGE), weights.shape[-1])
        row, column = np.divmod(place, width)
        plane = member + members.start
        row_image, column_image = self.row.take(plane) + row, self.column.take(plane) + column
        # Boxes of a group are as large as its largest, which may reach beyond the picture.
        inside = (row_image < size_hw[0]) & (column_image < size_hw[1])
        if not inside.all():
            plane, column, row = plane[inside], column[inside], row[inside]
            row_image, column_image = row_image[inside], column_image[inside]
        start, step_right, step_down = self.linear[3].take(plane, axis=1)
        return plane, row_image * size_hw[1] + column_image, start + step_right * column + step_down * row

    def values_at(self, linear: Array, plane: IndexArray, column: IndexArray, row: IndexArray) -> Array:
        """(C, P) values of (C, 3, T) linear functions of the given planes at the centres of given pixels."""
        start, step_right, step_down = linear[:, 0], linear[:, 1], linear[:, 2]
        # From the picture's corner on, not from the box's: fewer look-ups a pixel.
        start = start - step_right * self.column - step_down * self.row
        return (
            start.take(plane, axis=1)
            + step_right.take(plane, axis=1) * column
            + step_down.take(plane, axis=1) * row
        )


def _box_class(size_wh: NDArray[np.int64]) -> NDArray[np.int16]:
    """(T,) one number for boxes of about the same (2, T) width and height."""
    width, height = _CLASS_OF.take(np.minimum(size_wh, len(_CLASS_OF) - 1))
    return width * np.int16(len(_SIZES) + 1) + height


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
    np.sum(linear[:3] * corners[2][:, None], axis=0, out=linear[3])
    return linear, regular
