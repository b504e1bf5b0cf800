"""Collections known by name: who is on a photograph, which points people set, who shows no expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.point_schemes import CFP_30, CFP_30_MIRRORED, FGNET_68, LONDON_189

Array = NDArray[Any]

PROFILE_YAW = float(np.radians(65))
"""Of what is called a profile: CFP's heads are turned by 42 to 86 degrees, says 3DDFA_V2 (5 %, 95 %)."""
_CFP_TIP, _CFP_EAR = 21, 0
_CFP_LOWER_LID = [16, 17]


@dataclass(frozen=True, slots=True)
class KnownCollection:
    """What a collection's file names and points mean.

    Attributes:
        person: pattern of a photograph's name without ending; its groups, joined, are who is on it. Empty
            where every photograph is somebody else.
        shares_identity: whether pictures of one person are of one shape (not of a child and a man).
        scheme: of the points in ``NAME_points.npz``; empty where there are none.
        neutral: pattern of photographs of people who were told to show no expression; empty for none.
        profile: pattern of photographs that are profiles; empty where names do not tell.
    """

    person: str = ""
    shares_identity: bool = False
    scheme: str = ""
    neutral: str = ""
    profile: str = ""

    def person_of(self, stem: str) -> str:
        """Who is on the photograph of a name without ending."""
        found = re.fullmatch(self.person, stem) if self.person else None
        return stem if found is None else "".join(group for group in found.groups() if group)

    def is_neutral(self, stem: str) -> bool:
        """Whether the person was told to show no expression."""
        return bool(self.neutral) and re.fullmatch(self.neutral, stem) is not None

    def told_yaw(self, stem: str, scheme: str) -> float:
        """Yaw of a photograph's head, radians, as far as its name and the side with points tell; or NaN."""
        if not self.profile or re.fullmatch(self.profile, stem) is None:
            return float("nan")
        return -PROFILE_YAW if scheme == CFP_30_MIRRORED else PROFILE_YAW

    def in_order(self, stem: str, points: Array) -> Array:
        """A photograph's points in the order of their scheme.

        CFP's frontal faces have both points of the lower lid the other way round than its profiles: drawn
        with their numbers, and 9 mm apart on the fitted faces.
        """
        if self.scheme != CFP_30 or self.told_yaw(stem, self.scheme) == PROFILE_YAW:
            return points
        ordered = points.copy()
        ordered[_CFP_LOWER_LID] = points[_CFP_LOWER_LID[::-1]]
        return ordered

    def scheme_of(self, points: Array) -> str:
        """The scheme of a photograph's points: CFP's are of the side that is seen."""
        looks_left = self.scheme == CFP_30 and bool(points[_CFP_TIP, 0] < points[_CFP_EAR, 0])
        return CFP_30_MIRRORED if looks_left else self.scheme


KNOWN: Mapping[str, KnownCollection] = {
    "ytf": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "lfw_expressions": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "congress": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "cfp": KnownCollection(r"(\d{3})_.*", True, CFP_30, profile=r"\d{3}_profile_.*"),
    "fgnet": KnownCollection(r"(\d{3}a).*", scheme=FGNET_68),
    "london": KnownCollection(
        r"(?:neutral|smiling)_(front_\d{3})(?:_.*)?|(canada_\d{3}).*",
        shares_identity=True,
        scheme=LONDON_189,
        neutral=r"neutral_.*|canada_.*",
    ),
    "mebeauty": KnownCollection(),
    "yawdd": KnownCollection(r"((?:no_)?yawn_\d*?)\d{1,2}"),  # frames of one person follow each other
    "uk_parliament": KnownCollection(),
    "utkface": KnownCollection(),
}
"""The collections of ``../shared/photos``."""


def find_known(path: Path) -> KnownCollection | None:
    """What is known of the collection in a zip of its name in a folder ``photos``; None of all others."""
    is_its_place = path.suffix == ".zip" and path.resolve().parent.name == "photos"
    return KNOWN.get(path.stem) if is_its_place else None
