"""The loops around the triangles of each vertex, which say how normals turn when vertices move.

The area vectors of triangles that hang together add up to a sum over the border they share: by Stokes'
theorem, twice the sum is that of ``a x b`` over the border's edges from a to b. What moves inside of the
border, and how the triangles lie there, does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.integer]

USUAL = 6
"""Vertices on the loop around a vertex, as most have them in a mesh of triangles."""


@dataclass(frozen=True, slots=True, eq=False)
class LoopPlaces:
    """Places on loops: a vertex there, the one before it and the one after it, of any shape."""

    own: IntArray
    before: IntArray
    after: IntArray

    def steps(self, planes: Array) -> Array:
        """(3, ...) from the vertices before to those after; of (3, N) vertices."""
        return planes.take(self.after, axis=1) - planes.take(self.before, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class VertexLoops:
    """The borders of the triangles around each of N vertices.

    When vertices move by d, twice the sum of a vertex' area vectors grows by that of
    ``d(own) x (after - before) + d(own) x d(after)`` over the places on its loop.

    Attributes:
        usual: (USUAL, N) the first places on the loop of each vertex. Where a loop has fewer, a place is at
            the vertex itself, and adds nothing.
        centers: (R,) ascending, whose loops have more places than these.
        more: (R,) these places.
    """

    usual: LoopPlaces
    centers: IntArray
    more: LoopPlaces

    @classmethod
    def of(cls, triangles: IntArray, count: int) -> Self:
        """Of a mesh, open or closed.

        Args:
            triangles: (M, 3) int, consistently oriented.
            count: N.
        """
        center, start, end = _borders(np.asarray(triangles, np.int64), count)
        # As many edges of a border leave a vertex as arrive there: both orders list the same places.
        leaving, arriving = np.lexsort((start, center)), np.lexsort((end, center))
        center, own = center[leaving], start[leaving]
        before, after = start[arriving], end[leaving]
        rank = np.arange(len(center)) - np.searchsorted(center, center)
        tables = []
        for values in (own, before, after):
            table = np.tile(np.arange(count), (USUAL, 1))
            table[rank[rank < USUAL], center[rank < USUAL]] = values[rank < USUAL]
            tables.append(table)
        is_more = rank >= USUAL
        more = LoopPlaces(own[is_more], before[is_more], after[is_more])
        return cls(LoopPlaces(*tables), center[is_more], more)

    def around_any(self, moved: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,) the vertices whose loops have a place that moves, where moving ones are (N,) marked."""
        is_place = self.usual.own != self.usual.after  # no edge ends where it starts
        turned: NDArray[np.bool_] = (moved[self.usual.own] & is_place).any(axis=0)
        turned[self.centers[moved[self.more.own]]] = True
        return turned


def _borders(triangles: IntArray, count: int) -> tuple[IntArray, IntArray, IntArray]:
    """(E,) vertices, and of each edge of the border of their triangles where it starts and where it ends."""
    center = np.repeat(triangles.ravel(), 3)
    start = np.repeat(triangles, 3, axis=0).ravel()
    end = np.repeat(np.roll(triangles, -1, axis=1), 3, axis=0).ravel()
    low, high = np.minimum(start, end), np.maximum(start, end)
    numbers, place = np.unique((center * count + low) * count + high, return_inverse=True)
    # An edge inside is gone along once each way.
    ways = np.bincount(place, weights=np.sign(end - start), minlength=len(numbers)).astype(int)
    times = np.abs(ways)
    center, low, high = np.stack(np.unravel_index(numbers, (count, count, count))).repeat(times, axis=1)
    forth = ways.repeat(times) > 0
    return center, np.where(forth, low, high), np.where(forth, high, low)
