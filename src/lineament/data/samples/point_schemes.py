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
FGNET_68, LONDON_189 = "fgnet-68", "london-189"
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
# The older scheme of FG-NET: jaw 0-14, brows 15-26, eyes with pupils 27-36, nose 37-47, mouth 48-66, tip 67.
_FGNET_SAME = {27: 36, 29: 39, 34: 42, 32: 45, 41: 33, 48: 48, 51: 51, 54: 54, 57: 57}
_FGNET_MIRROR = (
    *range(14, -1, -1),
    *range(21, 27),
    *range(15, 21),
    *(32, 33, 34, 35, 36),
    *(27, 28, 29, 30, 31),
    *range(45, 36, -1),
    *(47, 46),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *(62, 61, 60),
    *(65, 64, 63),
    *(66, 67),
)
# Psychomorph's template; what a mirror makes of a point was read off the mean of its faces.
# fmt: off
_LONDON_MIRROR = (
    1, 0, 10, 17, 16, 15, 14, 13, 12, 11, 2, 9, 8, 7, 6, 5, 4, 3, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18,
    33, 32, 31, 30, 29, 28, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 49, 48, 47, 46, 45, 44, 56, 57, 58,
    59, 60, 55, 50, 51, 52, 53, 54, 66, 67, 68, 69, 70, 61, 62, 63, 64, 65, 82, 81, 80, 79, 78, 77, 76,
    75, 74, 73, 72, 71, 86, 85, 84, 83, 93, 92, 91, 90, 89, 88, 87, 98, 97, 96, 95, 94, 103, 102, 101,
    100, 99, 108, 107, 106, 105, 104, 112, 113, 114, 109, 110, 111, 120, 121, 122, 123, 124, 115, 116,
    117, 118, 119, 133, 132, 131, 130, 129, 128, 127, 126, 125, 144, 143, 142, 141, 140, 139, 138, 137,
    136, 135, 134, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 161, 162, 163, 158,
    159, 160, 167, 168, 169, 164, 165, 166, 172, 173, 170, 171, 174, 175, 178, 177, 176, 182, 181, 180,
    179, 184, 183, 187, 188, 185, 186,
)
# fmt: on
_LONDON_SAME = {18: 36, 22: 39, 23: 42, 27: 45, 71: 17, 82: 26, 55: 33, 64: 31, 69: 35}
_LONDON_SAME |= {87: 48, 89: 50, 90: 51, 91: 52, 93: 54, 106: 57, 129: 8}


def _of_68(count: int, same: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(same.get(point, NONE) for point in range(count))


POINT_SCHEMES: Mapping[str, PointScheme] = {
    scheme.name: scheme
    for scheme in (
        PointScheme(JAW_3D, tuple(range(68)), MIRROR_68, JAW_3D),
        PointScheme(JAW_2D, (NONE,) * 17 + tuple(range(17, 68)), MIRROR_68, JAW_2D),
        PointScheme(AFLW_21, _AFLW_OF_68, _AFLW_MIRROR, AFLW_21),
        PointScheme(FGNET_68, _of_68(68, _FGNET_SAME), _FGNET_MIRROR, FGNET_68),
        PointScheme(LONDON_189, _of_68(189, _LONDON_SAME), _LONDON_MIRROR, LONDON_189),
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
