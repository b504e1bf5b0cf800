"""A closer pass over candidates, each alone: upright, mirrored and 96 px large.

A doubtful score becomes the mean of both passes, in logits, which halves the false faces on held-out mosaics
at the same fraction of faces found; a far lean has to be confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
MAX_CLOSEUPS = 512  # candidates; more than that are no faces
BATCH = 32
UPRIGHT_ODDS = 2.0  # faces of photographs stand upright more often than their first pass says
LEANING = np.radians(50)
"""Rolls beyond this are rare, and wrong as often as right: they are confirmed by a closer pass."""
LOWEST_SCORE = 0.01


def settle_doubts(
    infer: Infer, pictures: Sequence[Reduced], found: Array, *, doubtful_range: tuple[float, float]
) -> Array:
    """The same candidates (n, 6), best first, after a closer pass over the doubtful and the leaning ones.

    A doubtful candidate gets the score of two passes. One that seems to lean far is examined as it seems
    to stand and upright; it takes the roll that the better of the two closeups confirms.

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
    faces = []
    for start in range(0, len(passes), BATCH):
        batch = passes[start : start + BATCH]
        maps = infer(np.stack([_closeup(pictures, found[number], roll) for number, roll in batch]))
        faces += [_closeup_face(maps, row) for row in range(len(batch))]
    found = found.copy()
    for number in chosen:
        mine = [(roll, *face) for (n, roll), face in zip(passes, faces) if n == number]
        roll, score, lean = max(mine, key=_plausibility)
        if doubtful[number]:
            logit = (_logit(found[number, 4]) + _logit(score)) / 2
            found[number, 4] = 1 / (1 + np.exp(-logit))
        if leaning[number]:
            found[number, 5] = np.angle(np.exp(1j * (roll + lean)))
    return found


def _plausibility(infer: tuple[float, float, float]) -> float:
    """How likely a closeup (roll, score, remaining roll) shows its face upright."""
    roll, score, remaining = infer
    return score * (1 + float(np.cos(remaining))) * (UPRIGHT_ODDS if roll == 0 else 1.0)


def _closeup(pictures: Sequence[Reduced], candidate: Array, roll: float) -> Array:
    """The candidate (6,) turned by a roll and mirrored, its longer side CLOSEUP_FACE_PX: (S, S, 3) uint8."""
    face_px = float(longer_sides(candidate[None])[0])
    picture, factor = [(p, f) for p, f in pictures if f == 1 or face_px >= f * CLOSEUP_FACE_PX][-1]
    x, y = (centers(candidate[None])[0] / factor).tolist()
    side = face_px / factor * CLOSEUP_PX / CLOSEUP_FACE_PX
    return resample_crop(picture, CropBox((x, y), side, CLOSEUP_PX, float(roll)))[:, ::-1]


def _closeup_face(maps: Mapping[str, Array], row: int) -> tuple[float, float]:
    """Score and remaining roll of the best face that is where a closeup has it."""
    found = decode(maps, row, min_score=LOWEST_SCORE)
    edge = (CLOSEUP_PX - CLOSEUP_FACE_PX) / 2
    expected = np.array([edge, edge, CLOSEUP_PX - edge, CLOSEUP_PX - edge])
    there = found[overlap(expected, found[:, :4]) > SAME_FACE]
    if len(there) == 0:
        return LOWEST_SCORE, 0.0
    best = there[np.argmax(there[:, 4])]
    return float(best[4]), -float(best[5])  # closeups are mirrored


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
