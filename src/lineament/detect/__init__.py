"""Finding faces: what a detector is, and the one we ship.

The shipped network gets the whole photo at 320 px first, which finds every face above about a twentieth
of it and leaves faint traces of smaller ones; at these places it is applied again, at the scale that the
smallest face asked for needs (:mod:`lineament.detect.finer`). Where that scale is far from the first one, the
whole photo is examined once in between. What is examined does not depend on which faces are found elsewhere.

Faces scored neither high nor low, and faces that seem to lean far, are examined once more, each alone:
upright, mirrored and 96 px large (:mod:`lineament.detect.closeup`). Whoever aligned a face and doubts it can
ask for the same look at the place where the alignment has it.
"""

from lineament.detect.candidates import BASES_PX, OUTPUTS, STRIDES, decode_level, keep_best, overlap
from lineament.detect.closeup import (
    AGREEING,
    CLOSEUP_FACE_PX,
    CLOSEUP_PX,
    LEANING,
    LOWEST_SCORE,
    MAX_CLOSEUPS,
    SAME_FACE,
    UPRIGHT_ODDS,
)
from lineament.detect.detector import MIN_FRACTION, PORTRAIT_PX, CloserDetector, Detector, OnnxDetector
from lineament.detect.finer import MIN_REFINEMENT
from lineament.detect.options import CELL, DetectorOptions

__all__ = [
    "AGREEING",
    "BASES_PX",
    "CELL",
    "CLOSEUP_FACE_PX",
    "CLOSEUP_PX",
    "LEANING",
    "LOWEST_SCORE",
    "MAX_CLOSEUPS",
    "MIN_FRACTION",
    "MIN_REFINEMENT",
    "OUTPUTS",
    "PORTRAIT_PX",
    "SAME_FACE",
    "STRIDES",
    "UPRIGHT_ODDS",
    "CloserDetector",
    "Detector",
    "DetectorOptions",
    "OnnxDetector",
    "decode_level",
    "keep_best",
    "overlap",
]
