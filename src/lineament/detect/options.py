"""How thoroughly a detector searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from lineament.errors import ConfigError
from lineament.ranges import check_kind

CELL = 32
"""The sides of what the network sees are multiples of it, px."""
MAX_FIRST_SIDE = 4096
MIN_FACE_RANGE = (8.0, 4096.0)
WIDE = 2.0
"""Longer side by shorter: pictures beyond are panoramas, whose faces are small for their longer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorOptions:
    """How thoroughly to search.

    Attributes:
        min_score: faces scored lower are not reported.
        doubtful: faces scored between these two are examined more closely.
        first_side: longer side of the photo at the first pass, px; of panoramas more, see `first_side_in`.
        min_face: longer side of the smallest faces to search for, px of the photo; None chooses by its
            size: a fortieth of it (of the root of its area), at least 16 and at most 60 px, and not beside a
            large face on a photo of up to 640 px. Smaller faces than asked for may be found too.
        max_overlap: of two boxes that overlap more (intersection over union) the better one stays.
    """

    min_score: float = 0.46
    doubtful: tuple[float, float] = (0.25, 0.7)
    first_side: int = 320
    min_face: float | None = None
    max_overlap: float = 0.4

    def __post_init__(self) -> None:
        """Refuse options that cannot work."""
        check_kind("min_score", self.min_score)
        if self.min_face is not None:
            check_kind("min_face", self.min_face)
        if not 0 < self.min_score < 1:
            raise ConfigError(f"min_score must lie between 0 and 1, found {self.min_score}. Try 0.46.")
        if not CELL <= self.first_side <= MAX_FIRST_SIDE:
            raise ConfigError(
                f"first_side must lie between {CELL} and {MAX_FIRST_SIDE} px, found {self.first_side}. "
                f"Try 320."
            )
        low, high = MIN_FACE_RANGE
        if self.min_face is not None and not low <= self.min_face <= high:
            raise ConfigError(
                f"min_face must lie between {low:.0f} and {high:.0f} px, found {self.min_face}. "
                f"Leave it out to choose by the photo's size."
            )

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> DetectorOptions:
        """The options that weights state for their detector; the others keep their defaults.

        Raises:
            ConfigError: an option is unknown or no number.
        """
        known = {option.name for option in fields(cls)}
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
        for name, value in values.items():
            numbers = value if isinstance(value, tuple) else (value,)
            count = 2 if name == "doubtful" else 1
            if name not in known or len(numbers) != count or not all(_is_number(n) for n in numbers):
                raise ConfigError(
                    f"Weights state {name!r} = {value!r} for their detector; known are numbers for "
                    f"{', '.join(sorted(known))}, two for doubtful. Upgrade lineament, or "
                    f"correct the weights."
                )
        return cls(**values)

    def changed(self, *, min_face: float | None = None, min_score: float | None = None) -> DetectorOptions:
        """The same options but for those given.

        Raises:
            ConfigError: a value is out of its range.
        """
        return replace(
            self,
            min_face=self.min_face if min_face is None else min_face,
            min_score=self.min_score if min_score is None else min_score,
        )

    def first_side_in(self, size_wh: tuple[int, int]) -> int:
        """Longer side at the first look of a photo of that size, px; the shorter is at least that of 2:1."""
        ratio = max(size_wh) / max(1, min(size_wh))
        return min(MAX_FIRST_SIDE, round(self.first_side * max(1.0, ratio / WIDE)))

    def min_face_in(self, size_wh: tuple[int, int]) -> float:
        """Longer side of the smallest faces to search for in a photo of that size, px."""
        if self.min_face is not None:
            return self.min_face
        return min(60.0, max(16.0, math.sqrt(size_wh[0] * size_wh[1]) / 40))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
