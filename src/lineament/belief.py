"""Whom to believe: how uncertain a face may be, by what its detector says of it.

Two witnesses are heard, the detector's score and the method's uncertainty. Where the first is in doubt, the
second has to be a little more certain than its limit. Where either of them doubts, both are asked once more,
at the place that the first alignment says (:mod:`lineament.aligner.second_look`), and have to agree.
"""

from __future__ import annotations

import math

from lineament.errors import ConfigError
from lineament.ranges import check_kind
from lineament.result import FaceResult

LOW_SCORE = 0.5
"""Below it a detector doubts what it found."""
FAINT_SCORE, SURE_SCORE = 0.2, 0.7
STRICTER = 0.5
"""Part of the limit of uncertainty that holds for scores up to FAINT_SCORE; all of it from SURE_SCORE on.

On 2,084 photographs "open" suspects things scored 0.2 to 0.42, lettering, a microphone, a window, a necklace,
of which it expects 7 to 11 mm; of the faces among them mostly 4 to 6."""


CONFIRMING_SCORE, CONFIRMING_TURN, AGREEMENT = 0.33, math.radians(30), 0.07
"""What confirms a doubtful face: landmarks that are no more apart before and after, on average, in longer
sides of their box; and where the method was not certain, so high a score of the detector's look at where the
alignment has it, and a roll no further from the alignment's."""
WHEN_BEYOND, WHEN_BEYOND_BUT_SEEN = 0.75, 1.25
"""Parts of the limit of uncertainty that hold for the second alignment of a face whose first was beyond it:
where one of the detector's looks at it scores below LOW_SCORE, and where none does.

Chosen on 700 photographs that may be trained on, rotated, darkened or partly covered, many of them profiles,
and 1,000 pictures composed of what is beside other heads; the second was 1.5 then, with which "fast" believes
one of 250 backgrounds."""


def second_limit(score: float, max_uncertainty_mm: float, *, certain: bool) -> float:
    """How uncertain the second alignment of a doubtful face may be, mm.

    Args:
        score: the lower one of the detection and of the detector's look at where the first alignment has it.
        max_uncertainty_mm: the limit for faces whose detection is sure.
        certain: whether the first alignment was within its limit.
    """
    if certain:
        return max_uncertainty_mm
    return max_uncertainty_mm * (WHEN_BEYOND if score < LOW_SCORE else WHEN_BEYOND_BUT_SEEN)


def limit_at(score: float, max_uncertainty_mm: float) -> float:
    """How uncertain a face may be that a detector scored so, mm.

    Args:
        score: of the detection, 0 to 1.
        max_uncertainty_mm: the limit for faces whose detection is sure.
    """
    sure = min(max((score - FAINT_SCORE) / (SURE_SCORE - FAINT_SCORE), 0.0), 1.0)
    return max_uncertainty_mm * (STRICTER + (1 - STRICTER) * sure)


def is_beyond(face: FaceResult, limit_mm: float) -> bool:
    """Whether a face is less certain than a limit; what is not finite always is."""
    found_mm = uncertainty_mm(face)
    return found_mm > limit_mm or found_mm == math.inf


def uncertainty_mm(face: FaceResult) -> float:
    """Of a face; none where the method does not know, so that it is believed; no end where it broke."""
    if not face.is_finite:
        return math.inf
    return 0.0 if face.uncertainty_mm is None else face.uncertainty_mm


def check_limit(max_uncertainty_mm: float) -> None:
    """Refuse a limit of uncertainty that no face could keep.

    Raises:
        ConfigError: it is no number above 0.
    """
    check_kind("max_uncertainty_mm", max_uncertainty_mm)
    if not max_uncertainty_mm > 0:
        raise ConfigError(f"max_uncertainty_mm must be above 0, found {max_uncertainty_mm}. Try 6.")
