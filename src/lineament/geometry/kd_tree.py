"""Points near to others: a balanced k-d tree (Bentley 1975) that answers all questions at once.

The tree is a few arrays, a level of it one row of boxes. Questions are taken in groups as they come. A search
carries pairs of group and node from level to level, and drops those whose boxes lie too far apart: no loop
runs over points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

LEAF = 12
"""Points of a leaf, at most: fewer make more boxes, more make more distances."""
GROUP = 16
"""Questions that are asked together, by their box."""
AT_ONCE = 8192
"""Pairs of group and leaf whose distances are in memory at once: questions in disorder meet every leaf."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Which of the points lie near to which question; sorted by question, then by distance.

    Attributes:
        query: (P,) int.
        point: (P,) int.
        distance: (P,) float64.
    """

    query: Array
    point: Array
    distance: Array

    def first_of_each(self) -> Array:
        """(Q',) places of the nearest pair of each question that has one."""
        if not len(self.query):
            return np.zeros(0, np.int64)
        return np.flatnonzero(np.r_[True, self.query[1:] != self.query[:-1]])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KdTree:
    """A tree over (N, D) points.

    Attributes:
        points: (L, m, D) of the L leaves; infinite where a leaf has fewer than m.
        index: (L, m) int, rows of the points; -1 where a leaf has fewer.
        low: a level each, (2^level, D) least coordinates of the nodes' points.
        high: the same, greatest.
    """

    points: Array
    index: Array
    low: tuple[Array, ...]
    high: tuple[Array, ...]

    @classmethod
    def of(cls, points: Array) -> KdTree:
        """A tree whose nodes are halved along the longer side of their box.

        Args:
            points: (N, D) finite, N at least 1.

        Raises:
            ValueError: there is no point, or one is not finite.
        """
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
            raise ValueError(f"A tree needs (N, D) finite points and at least one, found {points.shape}.")
        count, dimensions = points.shape
        levels = max(0, int(np.ceil(np.log2(count / LEAF))))
        width = -(-count // 2**levels) * 2**levels
        padded = np.full((width, dimensions), np.inf)
        padded[:count] = points
        index = np.full(width, -1)
        index[:count] = np.arange(count)
        padded, index = padded[None], index[None]
        low, high = [], []
        for level in range(levels + 1):
            real = index[..., None] >= 0
            low.append(np.where(real, padded, np.inf).min(axis=1))
            high.append(np.where(real, padded, -np.inf).max(axis=1))
            if level == levels:
                break
            side = np.argmax(np.nan_to_num(high[-1] - low[-1], neginf=0.0), axis=1)
            along = np.take_along_axis(padded, side[:, None, None], axis=2)[..., 0]
            half = padded.shape[1] // 2
            order = np.argpartition(along, half - 1, axis=1) if half > 0 else np.zeros(along.shape, int)
            padded = np.take_along_axis(padded, order[..., None], axis=1).reshape(-1, half, dimensions)
            index = np.take_along_axis(index, order, axis=1).reshape(-1, half)
        return cls(padded, index, tuple(low), tuple(high))

    def __len__(self) -> int:
        """How many points."""
        return int((self.index >= 0).sum())

    def __repr__(self) -> str:
        """Sizes."""
        return f"KdTree({len(self)} points, {len(self.points)} leaves)"

    def within(self, queries: Array, radius: float) -> Pairs:
        """All points that lie at most so far from each question.

        Args:
            queries: (Q, D); what is not finite is near to nothing. They may come in any order; it is quick
                where those that follow each other are near to each other.
            radius: of the ball around each.
        """
        groups, known = _groups(np.asarray(queries, np.float64))
        limit = radius * radius
        low, high = (
            np.nanmin(groups, axis=1, initial=np.inf),
            np.nanmax(groups, axis=1, initial=-np.inf),
        )
        group = np.flatnonzero(known.any(axis=1))
        node = np.zeros(len(group), np.int64)
        for level, (least, greatest) in enumerate(zip(self.low, self.high, strict=True)):
            if level:
                group, node = np.repeat(group, 2), np.repeat(2 * node, 2)
                node[1::2] += 1
            outside = np.maximum(np.maximum(least[node] - high[group], low[group] - greatest[node]), 0)
            kept = (outside * outside).sum(axis=1) <= limit
            group, node = group[kept], node[kept]
        parts = [
            self._near(groups, group[first : first + AT_ONCE], node[first : first + AT_ONCE], limit)
            for first in range(0, max(len(group), 1), AT_ONCE)
        ]
        query, point, near = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.lexsort((point, near, query))
        return Pairs(query[order], point[order], np.sqrt(near[order]))

    def _near(self, groups: Array, group: Array, node: Array, limit: float) -> tuple[Array, Array, Array]:
        """Question, point, squared distance of the near ones among all points of some groups and leaves."""
        square = np.zeros((len(group), groups.shape[1], self.points.shape[1]))
        for axis in range(groups.shape[2]):
            away = groups[group, :, axis, None] - self.points[node, None, :, axis]
            away *= away
            square += away
        row, place, column = np.nonzero(square <= limit)  # never where either is not finite
        query = group[row] * groups.shape[1] + place
        return query, self.index[node[row], column], square[row, place, column]

    def nearest(self, queries: Array, radius: float) -> tuple[Array, Array]:
        """(Q,) the nearest point of each question, -1 where none is within `radius`; (Q,) its distance."""
        pairs = self.within(queries, radius)
        first = pairs.first_of_each()
        index, distance = np.full(len(queries), -1), np.full(len(queries), np.inf)
        index[pairs.query[first]] = pairs.point[first]
        distance[pairs.query[first]] = pairs.distance[first]
        return index, distance


def _groups(queries: Array) -> tuple[Array, Array]:
    """(G, 16, D) questions as they come, NaN where there is none; and (G, 16) which are finite."""
    count, dimensions = queries.shape
    groups = np.full((-(-count // GROUP), GROUP, dimensions), np.nan)
    groups.reshape(-1, dimensions)[:count] = queries
    known = np.asarray(np.isfinite(groups).all(axis=2))
    groups[~known] = np.nan
    return groups, known
