"""Triangles as planes over the pixels of a picture: which pixels each covers, and which is nearest there.

The image frame: px, x right, y down, z away from the viewer; pixel i is sampled at its centre, i + 0.5.
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
_TOGETHER = 1 << 16  # pairs known to lie inside whose depths are compared together: these stay in the cache
_SIZES = np.array([2, 5, 12, 30, 75, 187])  # steps of boxes' sides, px: finer ones cost more than they save
_CLASS_OF = np.searchsorted(_SIZES, np.arange(_SIZES[-1] + 2)).astype(np.int16)
_EDGE = 1e-9  # weights this little below zero count as inside, so that no crack opens along shared edges


@dataclass(frozen=True, slots=True)
class TrianglePlanes:
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
    def of(
        cls,
        vertices: Array,
        triangles: IndexArray,
        size_hw: tuple[int, int],
        *,
        both_sides: bool = True,
        wanted: NDArray[np.bool_] | None = None,
    ) -> TrianglePlanes:
        """Planes of a mesh in a picture of the given size.

        Args:
            vertices: (N, 3) float64, px.
            triangles: (M, 3) int; those without area or with a coordinate that is not finite are left out.
            size_hw: height and width of the picture, px.
            both_sides: whether triangles clockwise in the picture, which turn away, are kept.
            wanted: (H, W) the pixels that are asked for; triangles whose boxes hold none are left out, and
                the others' pixels mean nothing then. None asks for all.
        """
        # `take` leaves the planes next to one another in memory, which fancy indices do not: twice as quick.
        corners = np.ascontiguousarray(vertices.T).take(triangles.T, axis=1)  # (xyz, corner, T)
        limit = np.array(size_hw[::-1])[:, None]
        low = np.minimum(np.minimum(corners[:, 0], corners[:, 1]), corners[:, 2])
        high = np.maximum(np.maximum(corners[:, 0], corners[:, 1]), corners[:, 2])
        with np.errstate(invalid="ignore"):  # infinity less infinity: left out like all that is not finite
            reaches = np.isfinite(high - low).all(axis=0)
            if not both_sides:
                reaches &= _turn(corners) < 0
        first = np.maximum(np.minimum(np.ceil(low[:2] - 0.5), limit), 0)
        last = np.maximum(np.minimum(np.floor(high[:2] - 0.5), limit - 1), -1)
        kept = np.flatnonzero(reaches & (last >= first).all(axis=0))
        if wanted is not None:
            boxes = (side.take(kept, axis=1).astype(np.int64) for side in (first, last))
            kept = kept[_holds_any(wanted, *boxes)]
        size = (last - first).take(kept, axis=1).astype(np.int64) + 1
        order = np.argsort(_box_class(size), kind="stable")
        triangle = kept[order]
        corners, first = corners.take(triangle, axis=2), first.take(triangle, axis=1).astype(np.int64)
        linear, regular = _linear(corners, first + 0.5)
        columns = (triangle, *first, *size.take(order, axis=1), linear)
        if not regular.all():
            columns = tuple(column[..., regular] for column in columns)
        return cls(*columns)

    def nearest(self, size_hw: tuple[int, int]) -> tuple[Array, NDArray[np.int64]]:
        """(H * W,) depth and plane nearest at each pixel; infinity and -1 where there is none."""
        depth = np.full(size_hw[0] * size_hw[1], np.inf)
        winner = np.full(depth.shape, -1, dtype=np.int64)
        for number, (plane, pixel, z) in enumerate(self._covered_pixels(size_hw)):
            # Of several writes to one pixel the last stays; who is nearer than that one writes again.
            # Surfaces lie over one another a few times, so this ends soon.
            if number == 0:  # nothing is nearer yet
                depth[pixel], winner[pixel] = z, plane
            while len(nearer := self._winners(plane, z, depth.take(pixel), winner.take(pixel))):
                plane, pixel, z = plane.take(nearer), pixel.take(nearer), z.take(nearer)
                depth[pixel], winner[pixel] = z, plane
        return depth, winner

    def _winners(self, plane: IndexArray, z: Array, depth: Array, winner: IndexArray) -> IndexArray:
        """Places of the planes nearer than those drawn so far, or as near and of a lower triangle."""
        wins = z < depth
        tied = ((z == depth) & (plane != winner)).nonzero()[0]
        wins[tied] = self.triangle[plane[tied]] < self.triangle[winner[tied]]
        return wins.nonzero()[0]

    def _covered_pixels(self, size_hw: tuple[int, int]) -> Iterator[tuple[IndexArray, IndexArray, Array]]:
        """Pairs of plane and covered pixel (flat index), and the depth there; as many as fit in memory."""
        found: list[IndexArray] = []
        for members, width, height in self._groups():
            found.append(self._covered(members, width, height))
            if sum(pairs.shape[1] for pairs in found) > _TOGETHER:
                yield self._placed(np.concatenate(found, axis=1), size_hw)
                found = []
        if found:
            yield self._placed(np.concatenate(found, axis=1), size_hw)

    def _groups(self) -> Iterator[tuple[slice, int, int]]:
        """Runs of planes whose boxes are about alike, and the largest width and height among them, px.

        Together they hold as many pixels as fit in memory.
        """
        box_class = _box_class(np.stack([self.width, self.height]))
        changes = np.flatnonzero(box_class[1:] != box_class[:-1]) + 1
        for first, last in pairwise([0, *changes.tolist(), len(box_class)]):
            width, height = (int(side[first:last].max(initial=1)) for side in (self.width, self.height))
            step = max(1, _CANDIDATES // (width * height))
            for start in range(first, last, step):
                yield slice(start, min(start + step, last)), width, height

    def _covered(self, members: slice, width: int, height: int) -> IndexArray:
        """(3, P) plane, row and column in its box of each covered pixel, for boxes of one size."""
        start, step_right, step_down = self.linear[:3, :, None, members].swapaxes(0, 1)
        # The planes come last: numpy is quick along the last axis when it is long.
        along = step_right * np.arange(width, dtype=np.float64)[:, None]
        minimum = -_EDGE - start - step_down * np.arange(height, dtype=np.float64)[:, None]
        inside = along[0] >= minimum[0][:, None]  # (height, width, T)
        for corner in (1, 2):
            inside &= along[corner] >= minimum[corner][:, None]
        place, member = np.divmod(inside.ravel().nonzero()[0], inside.shape[-1])
        row, column = np.divmod(np.arange(width * height), width)
        return np.stack([member + members.start, row.take(place), column.take(place)])

    def _placed(self, pairs: IndexArray, size_hw: tuple[int, int]) -> tuple[IndexArray, IndexArray, Array]:
        """Plane, pixel of the picture (flat index) and depth of (3, P) planes, rows and columns in boxes."""
        row, column = self.row.take(pairs[0]) + pairs[1], self.column.take(pairs[0]) + pairs[2]
        # Boxes of a group are as large as its largest, which may reach beyond the picture.
        within = (row < size_hw[0]) & (column < size_hw[1])
        if not within.all():
            pairs, row, column = pairs[:, within], row[within], column[within]
        start, step_right, step_down = self.linear[3].take(pairs[0], axis=1)
        down, right = pairs[1:].astype(np.float64)
        return pairs[0], row * size_hw[1] + column, start + step_right * right + step_down * down

    def values_at(self, linear: Array, plane: IndexArray, column: IndexArray, row: IndexArray) -> Array:
        """(C, P) values of (C, 3, T) linear functions of the given planes at the centres of given pixels.

        The functions are laid out as `linear` is; planes, columns and rows are (P,).
        """
        start, step_right, step_down = linear[:, 0], linear[:, 1], linear[:, 2]
        # From the picture's corner on, not from the box's: fewer look-ups a pixel.
        start = start - step_right * self.column - step_down * self.row
        right = step_right.take(plane, axis=1) * column.astype(np.float64)
        down = step_down.take(plane, axis=1) * row.astype(np.float64)
        values: Array = start.take(plane, axis=1) + right + down
        return values


def _holds_any(wanted: NDArray[np.bool_], first: IndexArray, last: IndexArray) -> NDArray[np.bool_]:
    """(T,) whether boxes hold a pixel that is asked for.

    Args:
        wanted: (H, W).
        first: (2, T) column and row of the boxes' first pixels.
        last: (2, T) of their last ones.
    """
    # Sums over all that is above and to the left give the sum over any box (Crow 1984).
    sums = np.zeros((wanted.shape[0] + 1, wanted.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(wanted, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    (left, top), (right, bottom) = first, last + 1
    flat, top, bottom = sums.ravel(), top * sums.shape[1], bottom * sums.shape[1]
    outside = flat.take(top + right) + flat.take(bottom + left)
    holds: NDArray[np.bool_] = flat.take(bottom + right) + flat.take(top + left) > outside
    return holds


def _turn(corners: Array) -> Array:
    """(M,) twice the area of triangles (2 or 3, 3, M) in the picture, negative if they face the viewer."""
    (xa, xb, xc), (ya, yb, yc) = corners[:2]
    turn: Array = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
    return turn


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
    np.multiply(linear[0], corners[2, 0], out=linear[3])
    linear[3] += linear[1] * corners[2, 1]
    linear[3] += linear[2] * corners[2, 2]
    return linear, regular
