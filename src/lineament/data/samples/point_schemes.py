"""Which of the 68 landmarks annotated points are, and what a mirror makes of them.

Whoever annotates photographs has an order of points of his own. All that training needs of one is written
here: which point of the 68 (scheme "300w-lp") each of them is, and which point it becomes in a mirror.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lineament.data.formats.item import JAW_2D, JAW_3D
from lineament.errors import DataError
from lineament.geometry.topology import MIRROR_68

AFLW_21 = "aflw-21"
CFP_30, CFP_30_MIRRORED = "cfp-30", "cfp-30-mirrored"
NONE = -1
"""In :attr:`PointScheme.of_68`: a point that is none of the 68."""


@dataclass(frozen=True, slots=True)
class PointScheme:
    """An order of annotated points.

    Attributes:
        name: of the scheme.
        of_68: of each of the P points the number of the landmark of "300w-lp" it is; -1 for none of them.
        mirror: of each point of the mirrored scheme the number of the point that it was.
        mirrored: name of the scheme that mirrored points belong to; mostly the scheme itself.
    """

    name: str
    of_68: tuple[int, ...]
    mirror: tuple[int, ...]
    mirrored: str

    def __len__(self) -> int:
        """Number of points."""
        return len(self.of_68)


# Of AFLW's points those between the corners of an eye and of the mouth, and the lobes of the ears, are none
# of the 68; 2D outlines are no fixed places on the head.
_AFLW_OF_68 = (17, 19, 21, 22, 24, 26, 36, -1, 39, 42, -1, 45, -1, 31, 30, 35, -1, 48, -1, 54, 8)
_AFLW_MIRROR = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 16, 15, 14, 13, 12, 19, 18, 17, 20)
# The side of a profile that is seen, its nose to the picture's right.
_CFP_OF_68 = (
    *range(9),
    *(17, 19, 21),
    *(36, 37, 38, 39, 41, 40),
    *(27, 28, 29, 30),
    *(33, 32, 31),
    *(48, 51, 62, 57, 66),
)
_CFP_SAME_ORDER = tuple(range(len(_CFP_OF_68)))

POINT_SCHEMES: Mapping[str, PointScheme] = {
    scheme.name: scheme
    for scheme in (
        PointScheme(JAW_3D, tuple(range(68)), MIRROR_68, JAW_3D),
        PointScheme(JAW_2D, (NONE,) * 17 + tuple(range(17, 68)), MIRROR_68, JAW_2D),
        PointScheme(AFLW_21, _AFLW_OF_68, _AFLW_MIRROR, AFLW_21),
        PointScheme(CFP_30, _CFP_OF_68, _CFP_SAME_ORDER, CFP_30_MIRRORED),
        PointScheme(CFP_30_MIRRORED, tuple(MIRROR_68[n] for n in _CFP_OF_68), _CFP_SAME_ORDER, CFP_30),
    )
}


def find_point_scheme(name: str) -> PointScheme:
    """A scheme by its name; DataError where there is none."""
    if name not in POINT_SCHEMES:
        raise DataError(
            f"There is no scheme of annotated points {name!r}: choose {', '.join(POINT_SCHEMES)}, or write "
            f"the points as {JAW_3D!r} with NaN for those that are not annotated."
        )
    return POINT_SCHEMES[name]
