"""Collections that are known by name: who is on a photograph, which points people set, who shows no expression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.point_schemes import CFP_30, CFP_30_MIRRORED, FGNET_68, LONDON_189

Array = NDArray[Any]

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
    """

    person: str = ""
    shares_identity: bool = False
    scheme: str = ""
    neutral: str = ""

    def person_of(self, stem: str) -> str:
        """Who is on the photograph of a name without ending."""
        found = re.fullmatch(self.person, stem) if self.person else None
        return stem if found is None else "".join(group for group in found.groups() if group)

    def is_neutral(self, stem: str) -> bool:
        """Whether the person was told to show no expression."""
        return bool(self.neutral) and re.fullmatch(self.neutral, stem) is not None


KNOWN: Mapping[str, KnownCollection] = {
    "ytf": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "lfw_expressions": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "congress": KnownCollection(r"(.*)_[^_]*", shares_identity=True),
    "cfp": KnownCollection(r"(\d{3})_.*", shares_identity=True, scheme=CFP_30),
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


def own_order(photo: str, points: Array, collection: str) -> Array:
    """A photograph's points in the order of its scheme.

    CFP's frontal faces have both points of the lower lid the other way round than its profiles: drawn with
    their numbers, and 9 mm apart on the fitted faces.
    """
    if collection != "cfp" or "_frontal_" not in photo:
        return points
    ordered = points.copy()
    ordered[_CFP_LOWER_LID] = points[_CFP_LOWER_LID[::-1]]
    return ordered


def scheme_of(photo_points: Array, collection: str) -> str:
    """The scheme of a photograph's points: CFP's are of the side that is seen."""
    scheme = KNOWN[collection].scheme
    looks_left = scheme == CFP_30 and bool(photo_points[_CFP_TIP, 0] < photo_points[_CFP_EAR, 0])
    return CFP_30_MIRRORED if looks_left else scheme


