"""A protocol as a value: the eight choices behind a published number, each of which changes it.

An enum's value is the sentence that reports print, so that no report can name a choice differently from what
was computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.topology import aflw21_from_68

Array = NDArray[Any]


class Quantity(StrEnum):
    """What is measured."""

    LANDMARKS = "distance of landmarks"
    POSE = "angles of the head"
    SURFACE = "distance of surfaces"
    OPENING = "openings of lids and lips"
    HAND_SET = "distance of points that people set, after constant offsets"


class Points(StrEnum):
    """Which points."""

    ALL_68 = "68 landmarks, the jaw fixed on the head (3D jaw)"
    OUTLINE_68 = "68 landmarks, the truth's jaw on the outline that is seen (2D jaw)"
    INNER_51 = "51 inner landmarks of the 68 (without the jaw)"
    AFLW_21 = "21 landmarks of AFLW that are annotated, built from the 68"
    AFLW_34 = "34 landmarks of AFLW-LFPA that are visible, at vertices found once on frontal photographs"
    DENSE = "every vertex that both meshes have"
    HAND_SET = (
        "points that people set and the 68 have too; each method's mean error of a point on other people's "
        "faces is taken off"
    )
    HAND_SET_INNER = (
        "points that people set and the 68 have too, without the jaw; each method's mean error of a point on "
        "other people's faces is taken off"
    )
    DETECTED = "those of the named points that the method detects in the picture"
    SURFACE = "nearest points of both surfaces"
    NONE = "none: the head's rotation"

    def of(self, landmarks: Array) -> Array:
        """(..., P, C) of 68 landmarks (..., 68, C); points that are this set already stay as they are."""
        if landmarks.shape[-2] != 68:
            return landmarks
        if self is Points.INNER_51:
            return landmarks[..., 17:, :]
        return aflw21_from_68(landmarks) if self is Points.AFLW_21 else landmarks


class Depth(StrEnum):
    """What is done about the distance to the camera."""

    UNUSED = "not used"
    CENTRED = "mean z of the points taken off prediction and truth"
    FITTED = "taken off by the fit"


class Normaliser(StrEnum):
    """By what errors are divided."""

    BOX_OF_POINTS = "square root of width x height of the upright box of the true points scored"
    BOX_OF_68 = "square root of width x height of the upright box of the 68 true landmarks"
    FACE_BOX = "square root of the area of the set's own face box"
    INTEROCULAR = "distance of the true outer eye corners in the picture"
    INTEROCULAR_3D = "distance of the true outer eye corners in space"
    BOX_OF_SURFACE = "square root of width x height of the upright box of the true surface"
    DEGREES = "nothing: degrees"
    MILLIMETRES = "nothing: mm"


class Average(StrEnum):
    """Which mean is the headline."""

    BINS = "mean of the three means by yaw"
    IMAGES = "mean over images"


class YawList(StrEnum):
    """Which yaws sort the images: 0-30, 30-60, above 60 degrees, absolute, upper ends included."""

    FITTED = "yaw of the fitted pose (1312 / 383 / 305 of AFLW2000-3D)"
    MANUAL = "AFLW's own yaw (1306 / 462 / 232 of AFLW2000-3D)"
    SET = "yaw that the set gives"
    NONE = "no bins"


class Crops(StrEnum):
    """Whose boxes the network gets."""

    TRUTH = "box of the 68 true landmarks, each method's own crop around it"
    DETECTOR = "the method's own detector; its face that overlaps the true box best, by half at least"
    FILE = "unknown: predictions came from a file"


class Exclusion(StrEnum):
    """Which images do not count."""

    NOTHING = "nothing"
    BEYOND_99 = "images with any true angle beyond +-99 degrees (1,969 of 2,000 stay)"
    BEYOND_99_AND_GIMBAL = (
        "images with any true angle beyond +-99 degrees, and those off by more than 20 degrees in pitch or "
        "roll but less than 5 in yaw"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One column of a published table, completely.

    Attributes:
        name: what the command line calls it.
        title: the table it is, in words.
        quantity: what is measured.
        measure: for SURFACE the name in :data:`lineament.evaluate.scores.surfaces.MEASURES`.
        labels: label set of the truth, such as "original".
        balanced: scores a random subset with this many images in each yaw bin (Zhou and Huang), if positive.
        spread: whether the standard deviation of the three bins' means is a column (divisor 2).
        note: what cannot be reproduced exactly, and our choice instead.
    """

    name: str
    title: str
    quantity: Quantity
    points: Points = Points.ALL_68
    dimensions: int = 2
    depth: Depth = Depth.UNUSED
    normaliser: Normaliser = Normaliser.BOX_OF_68
    average: Average = Average.BINS
    yaw_list: YawList = YawList.FITTED
    crops: Crops = Crops.TRUTH
    labels: str = "original"
    exclusion: Exclusion = Exclusion.NOTHING
    measure: str = ""
    balanced: int = 0
    spread: bool = False
    note: str = ""

    @property
    def unit(self) -> str:
        """Of the errors: "%", "deg" or "mm"."""
        return {Normaliser.DEGREES: "deg", Normaliser.MILLIMETRES: "mm"}.get(self.normaliser, "%")

    def choices(self, crops: Crops | None = None) -> tuple[tuple[str, str], ...]:
        """The eight choices in words.

        Args:
            crops: what a run really used, where it differs from the protocol's.
        """
        cropping = self.crops.value
        if crops not in (None, self.crops):
            cropping = f"{crops}. The published numbers have: {self.crops}"
        left_out = self.exclusion.value
        if self.balanced:
            left_out += f"; of each yaw bin {self.balanced} images stay, drawn with seed {SUBSET_SEED}"
        return (
            ("points", self.points.value),
            ("dimensions", "x, y" if self.dimensions == 2 else "x, y, z"),
            ("depth", self.depth.value),
            ("divided by", self.normaliser.value),
            ("average", self.average.value),
            ("yaw", self.yaw_list.value),
            ("crop", cropping),
            ("truth", f"{self.labels} labels; left out: {left_out}"),
        )


SUBSET_SEED = 20200829


def balanced_subset(bins: list[NDArray[np.bool_]], count: int) -> NDArray[np.bool_]:
    """(F,) mask with as many images of each bin: `count`, or what the smallest bin has; seeded."""
    rng = np.random.default_rng(SUBSET_SEED)
    smallest = min(count, *(int(inside.sum()) for inside in bins))
    chosen = np.zeros(len(bins[0]), dtype=bool)
    for inside in bins:
        chosen[rng.permutation(np.flatnonzero(inside))[:smallest]] = True
    return chosen
