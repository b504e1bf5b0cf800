"""Which vertices the matrices are made of: often seen and well found, apart from each other (section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError

Array = NDArray[Any]

GOOD = 0.02
"""Of the landmarks' box: a detection that is off by less counts as a good one."""
CLOSER = 0.8
"""Where too few vertices lie apart, the spacing is cut to so much of itself."""
LEAST_MM = 0.2


class DetectionCounts:
    """How often each of V vertices is detected, and how often well.

    Args:
        count: V.
    """

    def __init__(self, count: int) -> None:
        self.faces = 0
        self.detected, self.good = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def add(self, found: Array, truth: Array, size: float) -> None:
        """Count a face.

        Args:
            found: (V, 2) px; NaN where not detected.
            truth: (V, 2) px.
            size: of the landmarks' box, px.
        """
        error = np.linalg.norm(found - truth, axis=1)
        self.faces += 1
        self.detected += np.isfinite(error)
        self.good += np.nan_to_num(error, nan=np.inf) < GOOD * size

    @property
    def score(self) -> Array:
        """(V,) p1 p2: the frequency of detection times the share of good ones among them."""
        return self.good / max(self.faces, 1)


def choose_vertices(score: Array, places_mm: Array, side: int, *, spacing_mm: float, seed: int = 0) -> Array:
    """(2 side,) chosen vertices: so many of either side of the face, each side shuffled once.

    Args:
        score: (V,) higher is better.
        places_mm: (V, 3) on the mean face, x to the viewer's right.
        side: N.
        spacing_mm: least distance of two chosen ones; less where the face is too small for so many.
        seed: of the shuffle.

    Raises:
        DataError: a side has fewer vertices than that.
    """
    rng = np.random.default_rng(seed)
    sides = [np.flatnonzero(places_mm[:, 0] < 0), np.flatnonzero(places_mm[:, 0] >= 0)]
    if min(map(len, sides)) < side:
        raise DataError(
            f"{side} vertices of either side are wanted, the face model has {len(sides[0])} and "
            f"{len(sides[1])}: set network.cpr.side lower."
        )
    return np.concatenate(
        [rng.permutation(_spaced(own, score, places_mm, side, spacing_mm)) for own in sides]
    )


def _spaced(candidates: Array, score: Array, places_mm: Array, count: int, spacing_mm: float) -> Array:
    """The best candidates, one after the other, of which none lies too close to a better one."""
    ranked = candidates[np.argsort(-score[candidates], kind="stable")]
    while spacing_mm > LEAST_MM:
        free = np.ones(len(ranked), bool)
        chosen: list[int] = []
        for number in range(len(ranked)):
            if len(chosen) == count:
                break
            if free[number]:
                chosen.append(ranked[number])
                free &= np.linalg.norm(places_mm[ranked] - places_mm[ranked[number]], axis=1) >= spacing_mm
        if len(chosen) == count:
            return np.array(chosen)
        spacing_mm *= CLOSER
    return ranked[:count]
