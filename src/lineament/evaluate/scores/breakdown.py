"""Errors by what makes a face hard: how it is turned, and how much of it is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.scores.scoring import Score

Array = NDArray[Any]

EDGES: dict[str, tuple[float, ...]] = {
    "yaw": (0, 15, 30, 45, 60, 75, 90, 180),
    "pitch": (-90, -30, -15, 0, 15, 30, 90),
    "roll": (-180, -45, -15, 0, 15, 45, 180),
    "occlusion": (0, 10, 20, 30, 40, 100),
}
UNITS = {
    "yaw": "absolute yaw, degrees",
    "pitch": "pitch, degrees (nose down is positive)",
    "roll": "roll, degrees (counter-clockwise is positive)",
    "occlusion": "hidden part of the face, %",
}


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Mean errors in bins of one cause.

    Attributes:
        cause: key of :data:`EDGES`.
        groups: names of the bins that hold an image.
        counts: images in each.
        means: predictor -> mean error of each bin; NaN where nothing was found.
    """

    cause: str
    groups: tuple[str, ...]
    counts: tuple[int, ...]
    means: Mapping[str, tuple[float, ...]]


def breakdowns(items: Sequence[EvaluationItem], scores: Sequence[Score]) -> list[Breakdown]:
    """One a cause that the set knows and that differs between its faces."""
    found = (_breakdown(cause, _values(cause, items), scores) for cause in EDGES)
    return [breakdown for breakdown in found if breakdown is not None]


def _values(cause: str, items: Sequence[EvaluationItem]) -> Array:
    """(F,) in the unit of :data:`UNITS`; NaN where unknown."""
    if cause == "occlusion":
        return 100 * np.array([item.occlusion for item in items])
    column = ("pitch", "yaw", "roll").index(cause)
    angle = np.array([item.angles_deg[column] for item in items])
    if cause == "yaw":
        known = [next(iter(item.yaw_deg.values()), np.nan) for item in items]
        angle = np.where(np.isfinite(angle), angle, known)
    wrapped = (angle + 180.0) % 360.0 - 180.0
    return np.abs(wrapped) if cause == "yaw" else wrapped


def _breakdown(cause: str, values: Array, scores: Sequence[Score]) -> Breakdown | None:
    edges = EDGES[cause]
    inside = [(values >= low) & (values < high) for low, high in pairwise(edges)]
    expected = np.any([score.expected for score in scores], axis=0)
    counts = [int((chosen & expected).sum()) for chosen in inside]
    if sum(count > 0 for count in counts) < 2:
        return None
    kept = [number for number, count in enumerate(counts) if count]
    means = {
        score.predictor: tuple(_mean(score.errors[inside[number]]) for number in kept) for score in scores
    }
    groups = tuple(f"{edges[number]:g}..{edges[number + 1]:g}" for number in kept)
    return Breakdown(cause, groups, tuple(counts[number] for number in kept), means)


def _mean(errors: Array) -> float:
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else float("nan")
