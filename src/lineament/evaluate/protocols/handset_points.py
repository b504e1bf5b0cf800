"""Points that people set, and which of the 68 landmarks they are compared with.

The tables were made by drawing the points with their numbers on photographs of each set. A point of a set is
one of its own or the mean of several; it is compared with one of the 68 or with the mean of several: the
middle of a lid lies between two of the 68.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.topology import MIRROR_68

Array = NDArray[Any]
Pair = tuple[tuple[int, ...], tuple[int, ...]]

PARTS_68 = {"jaw": 17, "brows": 27, "nose": 36, "eyes": 48, "mouth": 68}
"""First index after each part of the 68."""


@dataclass(frozen=True, slots=True)
class HandSetScheme:
    """Which points of a set are compared with which of the 68 landmarks.

    Attributes:
        name: of the scheme; `EvaluationItem.scheme` of the photographs.
        pairs: for each of P compared points the set's own numbers and the numbers of the 68, from zero; of
            several the mean is taken.
        is_mirrored: the faces look the other way than most: offsets are mirrored for them.
    """

    name: str
    pairs: tuple[Pair, ...]
    is_mirrored: bool = False

    def of_set(self, points: Array) -> Array:
        """(P, C) compared points of the set's own points (M, C)."""
        return np.array([points[list(own)].mean(axis=0) for own, _ in self.pairs])

    def of_68(self, landmarks: Array) -> Array:
        """(P, C) compared points of the 68 landmarks (68, C)."""
        return np.array([landmarks[list(ours)].mean(axis=0) for _, ours in self.pairs])

    @property
    def parts(self) -> tuple[str, ...]:
        """(P,) key of :data:`PARTS_68` of each compared point."""
        return tuple(next(part for part, end in PARTS_68.items() if ours[0] < end) for _, ours in self.pairs)

    @property
    def inner(self) -> NDArray[np.bool_]:
        """(P,) compared points that do not belong to the jaw."""
        return np.array([part != "jaw" for part in self.parts])

    @property
    def outer_eye_corners(self) -> tuple[int, int] | None:
        """Rows of the compared points that are the outer corners of both eyes; None where one is missing."""
        rows = {ours: row for row, (_, ours) in enumerate(self.pairs)}
        right, left = rows.get((36,)), rows.get((45,))
        return None if right is None or left is None else (right, left)


def _single(*pairs: tuple[int, int]) -> tuple[Pair, ...]:
    return tuple(((own,), (ours,)) for own, ours in pairs)


FGNET_13 = HandSetScheme(
    "fgnet-13",
    # The 68 of FG-NET: 0-14 jaw, 15-26 brows, 27-36 eyes and pupils, 37-47 nose, 48-66 mouth, 67 tip. Taken
    # are corners and lids of the eyes, corners and outer middles of the mouth, and the nose's base: they mean
    # the same in both. Left out: jaw and brows, whose points have other places along their lines; wings and
    # tip of the nose and the inner lips, which people set least alike.
    (
        *_single((27, 36), (29, 39), (34, 42), (32, 45)),
        *(((28,), (37, 38)), ((30,), (40, 41)), ((33,), (43, 44)), ((35,), (46, 47))),
        *_single((41, 33), (48, 48), (51, 51), (54, 54), (57, 57)),
    ),
)
LONDON_23 = HandSetScheme(
    "london-23",
    # Psychomorph's template of 189 points. Mouths are shut: one point is the middle of both inner lips.
    (
        *_single((18, 36), (22, 39), (23, 42), (27, 45)),
        *(((20,), (37, 38)), ((29,), (40, 41)), ((25,), (43, 44)), ((32,), (46, 47))),
        *_single((71, 17), (82, 26), (55, 33), (64, 31), (69, 35)),
        *(((75, 76), (21,)), ((77, 78), (22,)), ((96, 101), (62, 66))),
        *_single((87, 48), (89, 50), (90, 51), (91, 52), (93, 54), (106, 57), (129, 8)),
    ),
)
_CFP_68 = (
    *range(9),
    *(17, 19, 21),
    *(36, 37, 38, 39, 41, 40),
    *range(27, 31),
    *(33, 32, 31),
    *(48, 51, 62, 57, 66),
)
CFP_30 = HandSetScheme("cfp-30", _single(*enumerate(_CFP_68)))
CFP_30_MIRRORED = HandSetScheme(
    "cfp-30-mirrored", _single(*enumerate(MIRROR_68[number] for number in _CFP_68)), is_mirrored=True
)
SCHEMES = {scheme.name: scheme for scheme in (FGNET_13, LONDON_23, CFP_30, CFP_30_MIRRORED)}
