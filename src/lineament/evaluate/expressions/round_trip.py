"""What each key reads when it alone is raised, what its other side reads, and what else it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.expressions.pictures import COMPANIONS
from lineament.expression_keys import ARKIT_NAME_OF_SIDE

Array = NDArray[Any]

RAISED, OTHER_SIDE, CROSS_TALK = 0.7, 0.25, 0.3
"""A key passes that reads at least, whose other side reads at most, and all others at most that much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReading:
    """One key on the faces on which it alone was raised to 1; all values are medians over these faces.

    Attributes:
        name: of the key.
        faces: how many.
        raised: what it reads; NaN where no face was shown.
        low: its 10th percentile.
        at_rest: what it reads on faces at rest.
        other_side: name of its other side, or empty.
        other: what that reads; 0 where there is none.
        cross_key: which other key reads most, but for the other side.
        cross: what that one reads.
    """

    name: str
    faces: int
    raised: float
    low: float
    at_rest: float
    other_side: str
    other: float
    cross_key: str
    cross: float

    @property
    def passed(self) -> bool:
        """Whether it can be believed."""
        return self.raised >= RAISED and self.other <= OTHER_SIDE and self.cross <= CROSS_TALK


def other_side_of(name: str) -> str:
    """The same key of the other side of the face ("jawLeft" of "jawRight"); empty where there is none."""
    for end, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(end):
            return name.removesuffix(end) + other
    return ""


def key_readings(names: Sequence[str], weights: Array, key: NDArray[np.integer]) -> list[KeyReading]:
    """One reading a key, in the order of the names.

    Args:
        names: of the E keys.
        weights: (n, E) what was read; rows with NaN, faces that no network gave, do not count.
        key: (n,) which key was raised, -1 for none.
    """
    known = np.isfinite(weights).all(axis=1)
    weights, key = weights[known], key[known]
    rest = _medians(weights[key == -1])
    return [_reading(names, number, weights[key == number], rest[number]) for number in range(len(names))]


def passed_arkit_names(readings: Sequence[KeyReading]) -> list[str]:
    """ARKit's names that pass; of those that have two sides here, both have to."""
    merged: dict[str, list[bool]] = {}
    for reading in readings:
        merged.setdefault(ARKIT_NAME_OF_SIDE.get(reading.name, reading.name), []).append(reading.passed)
    return [name for name, passed in merged.items() if all(passed)]


def _reading(names: Sequence[str], number: int, weights: Array, at_rest: float) -> KeyReading:
    name, found = names[number], _medians(weights)
    other = other_side_of(names[number])
    left_out = {name, other, *COMPANIONS.get(name, ())}
    others = {each: float(value) for each, value in zip(names, found, strict=True) if each not in left_out}
    cross = max(others, key=lambda each: -np.inf if np.isnan(others[each]) else others[each])
    return KeyReading(
        name=name,
        faces=len(weights),
        raised=float(found[number]),
        low=float(np.percentile(weights[:, number], 10)) if len(weights) else float("nan"),
        at_rest=float(at_rest),
        other_side=other if other in names else "",
        other=float(found[names.index(other)]) if other in names else 0.0,
        cross_key=cross,
        cross=others[cross],
    )


def _medians(weights: Array) -> Array:
    """(E,) of (n, E); NaN where n is 0."""
    return np.median(weights, axis=0) if len(weights) else np.full(weights.shape[1], np.nan)
