"""A closer pass over candidates, each alone: upright, mirrored and 96 px large.

A doubtful score becomes the mean of both passes, in logits, which halves the false faces on held-out mosaics
at the same fraction of faces found; a far lean has to be confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox
from lineament.detect.candidates import centers, decode, longer_sides, overlap
from lineament.resample import resample_crop

Array: TypeAlias = NDArray[Any]
Infer: TypeAlias = Callable[[Array], Mapping[str, Array]]
"""The network on a batch of pictures."""
Reduced: TypeAlias = tuple[Image.Image, int]
"""The photo, and how many of its px along a side are averaged to one."""

CLOSEUP_PX, CLOSEUP_FACE_PX = 192, 96
SAME_FACE = 0.4  # overlap with where a closeup should have its face
AGREEING = 0.5  # overlap with the best box beyond which others of the closeup are of the same face
MAX_CLOSEUPS = 512  # candidates; more than that are no faces
BATCH = 32
UPRIGHT_ODDS = 2.0  # faces of photographs stand upright more often than their first pass says
LEANING = np.radians(50)
"""Rolls beyond this are rare, and wrong as often as right: they are confirmed by a closer pass."""
LOWEST_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class CloserLook:
    """What a closeup says of its candidate.

    Attributes:
        roll: by which the closeup was turned, radians.
        score: 0 to 1.
        lean: roll that remains, radians.
        box_xyxy: (4,) px of the photo; None where the closeup has no face.
    """

    roll: float
    score: float
    lean: float
    box_xyxy: Array | None = None

    @property
    def plausibility(self) -> float:
        """How likely the closeup shows its face upright."""
        return self.score * (1 + float(np.cos(self.lean))) * (UPRIGHT_ODDS if self.roll == 0 else 1.0)


def settle_doubts(
    infer: Infer, pictures: Sequence[Reduced], found: Array, *, doubtful_range: tuple[float, float]
) -> Array:
    """The same candidates (n, 6) after a closer pass over the doubtful and the leaning ones.

    A doubtful candidate gets the score of two passes. One that seems to lean far is examined as it seems
    to stand and upright; it takes the roll that the better of the two closeups confirms. Boxes are those of
    the closeup, which has the pixels and the face in its middle.

    Args:
        infer: the network.
        pictures: the photo as it is and reduced, finest first; a closeup is cut from the coarsest that has
            its pixels, for a large one of a large photo takes longer to cut than to examine.
        found: candidates (n, 6), px of the photo, best first.
        doubtful_range: scores between these two are doubtful.
    """
    low, high = doubtful_range
    doubtful = (found[:, 4] > low) & (found[:, 4] < high)
    leaning = (found[:, 4] > low) & (np.abs(found[:, 5]) > LEANING)
    chosen = np.flatnonzero(doubtful | leaning)[:MAX_CLOSEUPS]
    if len(chosen) == 0:
        return found
    rolls = {n: {found[n, 5], 0.0 if leaning[n] else found[n, 5]} for n in chosen}
    passes = [(number, roll) for number in chosen for roll in rolls[number]]
    looks: list[CloserLook] = []
    for start in range(0, len(passes), BATCH):
        boxes = [(*_around(found[number]), roll) for number, roll in passes[start : start + BATCH]]
        maps = infer(np.stack([_closeup(pictures, *box) for box in boxes]))
        looks += [_closer_look(maps, row, *box) for row, box in enumerate(boxes)]
    found = found.copy()
    for number in chosen:
        mine = [look for (n, _), look in zip(passes, looks) if n == number]
        best = max(mine, key=lambda look: look.plausibility)
        if best.box_xyxy is not None:
            both = np.stack([found[number, :4], best.box_xyxy])
            found[number, :4] = np.average(both, axis=0, weights=[found[number, 4], best.score])
        if doubtful[number]:
            logit = (_logit(found[number, 4]) + _logit(best.score)) / 2
            found[number, 4] = 1 / (1 + np.exp(-logit))
        if leaning[number]:
            found[number, 5] = np.angle(np.exp(1j * (best.roll + best.lean)))
    return found


def look_closer(infer: Infer, pictures: Sequence[Reduced], places: Array) -> Array:
    """Candidates (n, 6) of the closeups of places (n, 6) where something else has found faces.

    Args:
        infer: the network.
        pictures: as in :func:`settle_doubts`.
        places: box, score and roll, px of the photo; each is examined upright as its roll says.

    Returns:
        Box, score and roll as the closeups alone have them. A score of LOWEST_SCORE tells of no face, and its
        box is the place's.
    """
    found = places.copy()
    for start in range(0, len(places), BATCH):
        batch = places[start : start + BATCH]
        boxes = [(*_around(place), float(place[5])) for place in batch]
        maps = infer(np.stack([_closeup(pictures, *box) for box in boxes]))
        for row, box in enumerate(boxes):
            look = _closer_look(maps, row, *box)
            if look.box_xyxy is not None:
                found[start + row, :4] = look.box_xyxy
            found[start + row, 4:] = look.score, np.angle(np.exp(1j * (look.roll + look.lean)))
    return found


def _around(candidate: Array) -> tuple[Array, float]:
    """Center (2,) and side of what a closeup of a candidate (6,) shows, px of the photo."""
    face_px = float(longer_sides(candidate[None])[0])
    return centers(candidate[None])[0], face_px * CLOSEUP_PX / CLOSEUP_FACE_PX


def _closeup(pictures: Sequence[Reduced], center_xy: Array, side: float, roll: float) -> Array:
    """A square of the photo turned by a roll and mirrored: (S, S, 3) uint8."""
    face_px = side * CLOSEUP_FACE_PX / CLOSEUP_PX
    picture, factor = [(p, f) for p, f in pictures if f == 1 or face_px >= f * CLOSEUP_FACE_PX][-1]
    x, y = (center_xy / factor).tolist()
    return resample_crop(picture, CropBox((x, y), side / factor, CLOSEUP_PX, float(roll)))[:, ::-1]


def _closer_look(
    maps: Mapping[str, Array], row: int, center_xy: Array, side: float, roll: float
) -> CloserLook:
    """The best face that is where the closeup of that center, side and roll has it."""
    found = decode(maps, row, min_score=LOWEST_SCORE)
    edge = (CLOSEUP_PX - CLOSEUP_FACE_PX) / 2
    expected = np.array([edge, edge, CLOSEUP_PX - edge, CLOSEUP_PX - edge])
    there = found[overlap(expected, found[:, :4]) > SAME_FACE]
    if len(there) == 0:
        return CloserLook(roll, LOWEST_SCORE, 0.0)
    best = there[np.argmax(there[:, 4])]
    agreeing = there[overlap(best[:4], there[:, :4]) > AGREEING]
    box_crop = np.average(agreeing[:, :4], axis=0, weights=agreeing[:, 4])
    box_xyxy = _box_in_photo(box_crop, CropBox(tuple(center_xy.tolist()), side, CLOSEUP_PX, float(roll)))
    return CloserLook(roll, float(best[4]), -float(best[5]), box_xyxy)  # closeups are mirrored


def _box_in_photo(box_crop: Array, shown: CropBox) -> Array:
    """A box (4,) of the mirrored closeup in px of the photo.

    Of a turned closeup it is the box of the ellipse that the closeup's box holds: faces have no corners.
    """
    x, y = (box_crop[:2] + box_crop[2:]) / 2
    middle = shown.image_from_crop(np.array([CLOSEUP_PX - x, y]))
    axes = shown.image_from_crop_matrix[:2, :2] * (box_crop[2:] - box_crop[:2]) / 2
    half = np.hypot(axes[:, 0], axes[:, 1])
    return np.concatenate([middle - half, middle + half])


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
