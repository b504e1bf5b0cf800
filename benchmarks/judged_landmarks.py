"""Does `landmark_visibility` agree with the eye? ``python -m benchmarks.judged_landmarks [--weights NAME]``.

On 60 photographs of AFLW2000-3D (``judged_landmarks.json``; validation only) it was judged of each of the 68
landmarks whether something in front covers it. Prints for each weights the share of landmarks told rightly,
that of covered and that of free ones, and the average precision of covered ones. Crops from truth. Landmarks
that the head itself hides do not count (by the mean head, laid on the true landmarks), nor unclear ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lineament as la
from lineament.data.photographs.collections import shared_folder
from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.scores.parts import average_precision
from lineament.evaluate.sets.aflw2000 import load_aflw2000
from lineament.evaluate.sets.face_regions import truth_behind

Array = NDArray[Any]
Judged = dict[str, dict[str, list[int]]]

LABELS = Path(__file__).with_suffix(".json")
SEEN = 0.5


def main() -> None:
    """Print a line for each weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", action="append", help="name or file; may be given several times")
    given = parser.parse_args()
    judged = read_labels(LABELS)
    items = [item for item in load_aflw2000(shared_folder() / "aflw2000_dev").items if item.name in judged]
    truth = [of_item(item, judged[item.name]) for item in items]
    counted, covered = (np.concatenate(parts) for parts in zip(*truth, strict=True))
    print(f"{len(items)} photographs, {counted.sum()} landmarks judged, {(covered & counted).sum()} covered")
    for name in given.weights or ["default"]:
        aligner = la.FaceAligner.from_pretrained(name, landmarks=None)
        visibility = np.concatenate([visibility_of(aligner, item) for item in items])
        print(f"{Path(name).stem}: {agreement(visibility[counted], covered[counted])}")


def read_labels(path: Path) -> Judged:
    """Covered and unclear landmarks of photographs by name."""
    photographs: Judged = json.loads(path.read_text(encoding="utf-8"))["photographs"]
    return photographs


def of_item(
    item: EvaluationItem, judged: dict[str, list[int]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(68,) which landmarks count, and (68,) which are covered."""
    counted = truth_behind(item, np.zeros(item.photo.read().shape[:2], bool))[0].copy()
    counted[judged["unclear"]] = False
    covered = np.zeros(68, bool)
    covered[judged["covered"]] = True
    return counted, covered


def visibility_of(aligner: la.FaceAligner, item: EvaluationItem) -> Array:
    """(68,) `landmark_visibility` at the true box."""
    (face,) = aligner.align(item.photo.read(), [la.Detection(item.box_xyxy.astype(np.float32), 1.0)])
    return face.with_landmarks("300w-lp").landmark_visibility


def agreement(visibility: Array, covered: NDArray[np.bool_]) -> str:
    """How well (n,) visibilities tell (n,) covered landmarks, in words."""
    right = (visibility <= SEEN) == covered
    parts = {"all": right, "covered": right[covered], "free": right[~covered]}
    told = ", ".join(f"{name} {100 * values.mean():.1f} %" for name, values in parts.items())
    return f"told rightly {told}; average precision {100 * average_precision(1 - visibility, covered):.1f} %"


if __name__ == "__main__":
    main()
