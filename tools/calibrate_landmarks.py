"""Measures the landmark scheme ``300w-lp`` on what a network sees: ``python -m tools.calibrate_landmarks``.

`tools.face_model` measures it on fits. A network's faces differ from fits in habits of their own: they lie
nearer to the mean, a little lower, a little turned. So the labels of our photographs in 300W-LP's convention
(``photos/*_landmarks68_300wlp.npz``, of a small network: right on average, not one by one, and on profiles
not even that) are compared with the default weights' faces there (:mod:`tools.landmark_offsets`), and the
scheme in ``lfm.npz`` is replaced. Run it when the default weights change. Neither a validation set nor people
who are kept from training take part.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.data.photographs.collections import (
    UNITS_PER_PX,
    is_validation,
    read_member,
    shared_folder,
)
from lineament.data.photographs.known import KNOWN
from lineament.evaluate.protocols.handset_points import HandSetScheme
from lineament.geometry.rotation import angles_from_matrix
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from tools.landmark_offsets import Regression, Seen, replace_scheme

PHOTOGRAPHS = {
    "cfp": 1400,
    "fgnet": 400,
    "mebeauty": 500,
    "yawdd": 150,
    "ytf": 700,
    "lfw_expressions": 400,
    "congress": 300,
    "london": 100,
}
"""How many of each collection, spread evenly over it."""
MAX_DISTANCE = 0.08
"""Of the labels' box: where network and labels disagree by more, one of them saw something else."""
MAX_YAW = np.radians(60)
"""Beyond, the labels are hardly better than the faces that are compared with them."""
ALL_68 = HandSetScheme("300w-lp", tuple(((number,), (number,)) for number in range(68)))
W300LP = Regression(
    "300w-lp",
    ridge=100.0,
    follows_turn=False,
    plain=frozenset(range(36, 48)),
)
"""The eyelids follow no expression: 300W-LP has almost no closed eyes, so its labels keep them open, and that
habit is not wanted. The jaw is fixed on the head: nothing follows the turn."""


def faces_seen(shared: Path, weights: str) -> Iterator[Seen]:
    """The weights' faces on photographs of :data:`PHOTOGRAPHS` and the labels, where both agree roughly."""
    aligner = FaceAligner.from_pretrained(weights)
    for collection, most in PHOTOGRAPHS.items():
        with np.load(shared / "photos" / f"{collection}_landmarks68_300wlp.npz") as data:
            names = [str(name) for name in data["names"]]
            labels = data["landmarks68_q32"][..., :2] / UNITS_PER_PX
        with zipfile.ZipFile(shared / "photos" / f"{collection}.zip") as photos:
            for number in training_photos(collection, names, most):
                points = labels[number]
                low, high = points.min(axis=0), points.max(axis=0)
                image = np.asarray(read_member(photos, names[number]))
                for face in aligner(image, boxes=[[*low, *high]]):
                    seen = Seen.of(face, ALL_68, points)
                    size = float(np.sqrt(np.prod(high - low)))
                    is_turned = abs(float(angles_from_matrix(seen.rotation).yaw)) > MAX_YAW
                    if not is_turned and seen.distance < MAX_DISTANCE * size:
                        yield seen


def training_photos(collection: str, names: list[str], most: int) -> NDArray[np.intp]:
    """Numbers of at most so many photographs of people who are not kept from training."""
    person_of = KNOWN[collection].person_of
    people = [f"{collection}/{person_of(PurePosixPath(name).stem)}" for name in names]
    usable = np.flatnonzero([not is_validation(person) for person in people])
    return usable[np.unique(np.linspace(0, len(usable) - 1, min(most, len(usable))).astype(int))]


def main() -> None:
    """Measure, report, replace the scheme."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=None)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    given = parser.parse_args()
    seen = list(faces_seen(given.shared or shared_folder(), given.weights))
    replace_scheme(seen, load_model("lfm"), W300LP, given.out)


if __name__ == "__main__":
    main()
