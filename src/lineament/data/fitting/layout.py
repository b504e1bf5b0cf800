"""Which points of a face model a detector's points are, and which say how far eyes and mouth open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Opening:
    """An eye or a mouth: pairs of points on its two rims, whose distance is fitted as such.

    A detector's mesh rarely closes all the way. Its gap over its width tells what is seen: below `shut`
    nothing is open, above `open` the gap is as the detector says, between the two it grows evenly.

    Attributes:
        upper: (G,) points on the upper rim.
        lower: (G,) their opposites on the lower one.
        corners: the two points whose distance is the width.
        middle: positions in `upper` of the pairs whose mean gap is compared with the width.
        shut: greatest gap over width that means shut.
        open: least gap over width that is believed as it is.
        upper_fraction: fraction of a correction that moves the upper rim.
        shut_shapes: blendshapes which, at one, shut it on the mean face; none if it is shut at rest.
        hidden_points: points that are not visible when it is shut (the iris).
        hidden_shapes: first part of the names of blendshapes that cannot be seen then (gaze).
    """

    upper: IntArray
    lower: IntArray
    corners: tuple[int, int]
    middle: slice
    shut: float
    open: float
    upper_fraction: float
    shut_shapes: tuple[str, ...] = ()
    hidden_points: tuple[int, ...] = ()
    hidden_shapes: tuple[str, ...] = ()

    def openness(self, points: Array) -> Array:
        """(...) factor in [0, 1] on the gaps of (..., P, 3) points: 0 is shut, 1 is as the detector says."""
        gap = np.linalg.norm(points[..., self.upper, :] - points[..., self.lower, :], axis=-1)
        first, last = (points[..., corner, :] for corner in self.corners)
        width = np.maximum(np.linalg.norm(first - last, axis=-1), 1e-9)
        ratio = gap[..., self.middle].mean(axis=-1) / width
        observed = self.open * np.clip((ratio - self.shut) / (self.open - self.shut), 0, None)
        return np.where(ratio >= self.open, 1.0, observed / np.maximum(ratio, 1e-9))


@dataclass(frozen=True, slots=True)
class PointLayout:
    """Which points of the face model a landmark detector's points are.

    Attributes:
        vertex_index: (P, 3) corners on the model's mesh.
        weights: (P, 3) barycentric weights.
        trust: (P,) least-squares weight of each point in the picture's plane.
        depth_trust: (P,) factor on that weight for the depth, 0 where the detector's depth means nothing.
        openings: eyes and mouth.
    """

    vertex_index: IntArray
    weights: Array
    trust: Array
    depth_trust: Array
    openings: tuple[Opening, ...] = ()
