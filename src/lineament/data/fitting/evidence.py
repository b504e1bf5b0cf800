"""What is known of faces beside the mesh of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.photographs.point_sets import PointSet

Array = NDArray[Any]

FIRM_EXPRESSION = 40.0
"""How much dearer an expression is on the face of somebody who was told to show none."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the F faces beside the mesh of a detector.

    Attributes:
        sets: of each face any number of point sets.
        is_neutral: (F,) whether the person was told to show no expression; None is nobody.
        told_yaw: (F,) radians, how far the head is turned as far as the photograph's name or the user says
            ("profile"); NaN where nothing is told, None nowhere. Few points of one side do not tell a profile
            from a half profile of a longer face.
    """

    sets: Sequence[Sequence[PointSet]]
    is_neutral: NDArray[np.bool_] | None = None
    told_yaw: Array | None = None

    def firmness(self) -> Array:
        """(F,) factor on the cost of expressions."""
        count = len(self.sets)
        neutral = np.zeros(count, bool) if self.is_neutral is None else self.is_neutral
        return np.where(neutral, FIRM_EXPRESSION, 1.0)

    def yaw(self) -> Array:
        """(F,) radians, NaN where nothing is told."""
        return np.full(len(self.sets), np.nan) if self.told_yaw is None else self.told_yaw
