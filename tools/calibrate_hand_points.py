"""Measures the scheme ``ibug-68``, where people set points: ``python -m tools.calibrate_hand_points``.

On CFP (profiles and frontals, 30 points), FG-NET (13) and London (23), people who are for training, the
default weights' faces are compared with the points that were set by hand (:mod:`tools.landmark_offsets`).
Where nobody set a point it moves as its neighbours do. The scheme in ``lfm.npz`` is replaced.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from lineament.aligner import FaceAligner
from lineament.data.photographs.collections import shared_folder
from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.protocols.handset_points import SCHEMES
from lineament.evaluate.sets.handset import load_handset
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from tools.landmark_offsets import Regression, Seen, replace_scheme

MAX_DISTANCE = 0.12
"""Of a face's size: where a face lies so far from the points, it is another one or wrong."""
IBUG_68 = Regression(
    "ibug-68",
    ridge=0.3,
    of_neighbours={
        18: (17, 19),
        20: (19, 21),
        49: (48, 50),
        58: (57,),
        59: (48, 57),
        60: (48,),
        61: (62,),
        67: (66,),
    },
)


def faces_seen(items: Iterable[EvaluationItem], weights: str) -> Iterator[Seen]:
    """The weights' faces in the items' true boxes, where both agree roughly."""
    aligner = FaceAligner.from_pretrained(weights)
    for item in items:
        (points,) = item.landmarks.values()
        for face in aligner(item.photo.read(), boxes=[item.box_xyxy]):
            seen = Seen.of(face, SCHEMES[item.scheme], points)
            if seen.distance < MAX_DISTANCE * item.size:
                yield seen


def main() -> None:
    """Measure, report, replace the scheme."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=None)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--faces", type=int, default=2000, help="of each kind at most")
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    given = parser.parse_args()
    known = load_handset((given.shared or shared_folder()) / "photos", given.faces).calibration
    replace_scheme(list(faces_seen(known, given.weights)), load_model("lfm"), IBUG_68, given.out)


if __name__ == "__main__":
    main()
