"""Measures the landmark scheme ``300w-lp`` on what a network sees: ``python -m tools.calibrate_landmarks``.

`tools.face_model` measures it on fits. A network's faces differ from fits in habits of their own: they lie
nearer to the mean, a little lower, a little turned. So the labels of our photographs in 300W-LP's convention
(``photos/*_landmarks68_300wlp.npz``) are compared with the default weights' faces there, and the scheme in
``lfm.npz`` is replaced. Run it when the default weights change. Neither a validation set nor people who are
kept from training take part.
"""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.data.fitting.fitter import Fits
from lineament.data.photographs.collections import (
    COLLECTIONS,
    Collection,
    read_collection,
    read_member,
    shared_folder,
)
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from lineament.result import MorphableResult
from tools.face_model.calibrate import (
    UPRIGHT,
    Labelled,
    label_scheme,
    read_labels,
    scheme_errors,
)

MAX_DISTANCE = 0.05
"""Of the labels' box: where network and labels disagree by more, one of them saw something else."""
PREDICTION_RIDGE = 300.0
"""Ten times that of fits: predicted coefficients are correlated, and small slopes serve other weights too."""


def predictions(shared: Path, weights: str, step: int) -> Labelled:
    """Aligned faces of :func:`training_photos` beside the labels, where both agree roughly."""
    aligner = FaceAligner.from_pretrained(weights)
    faces: list[MorphableResult] = []
    labels, numbers, errors = [], [], []
    for number, name in enumerate(COLLECTIONS):
        collection = read_collection(shared / "photos", name)
        with zipfile.ZipFile(collection.archive) as photos:
            every_label = read_labels(shared, collection)
            for index in training_photos(collection, step):
                points = every_label[index]
                image = np.asarray(read_member(photos, collection.photo_names[index]))
                visible = (points * UPRIGHT)[:, :2]
                low, high = visible.min(axis=0), visible.max(axis=0)
                for face in aligner(image, boxes=[[*low, *high]]):
                    distance = np.linalg.norm(face.landmarks("300w-lp")[:, :2] - visible, axis=1).mean()
                    faces.append(face)
                    labels.append(points)
                    numbers.append(number)
                    errors.append(distance / np.sqrt(np.prod(high - low)))
    keep = np.flatnonzero(np.array(errors) < MAX_DISTANCE)
    chosen = [faces[n] for n in keep]
    fits = Fits(
        rotation=np.array([face.pose.rotation for face in chosen], float),
        scale=np.array([face.pose.scale for face in chosen], float),
        translation=np.array([face.pose.translation for face in chosen], float),
        identity=np.array([face.identity for face in chosen]),
        expression=np.array([face.expression for face in chosen]),
        residual=np.zeros(len(keep)),
    )
    return Labelled(fits, np.array(labels)[keep], np.array(numbers)[keep])


def training_photos(collection: Collection, step: int) -> NDArray[np.intp]:
    """Numbers of every `step`-th photograph of people who are not kept from training."""
    return np.flatnonzero(~collection.is_validation)[::step]


def main() -> None:
    """Measure, report, replace the scheme."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=None)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--step", type=int, default=2, help="every so many-th photograph")
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    given = parser.parse_args()
    model = load_model("lfm")
    labelled = predictions(given.shared or shared_folder(), given.weights, given.step)
    raw, constant, regressed = scheme_errors(labelled, model, ridge=PREDICTION_RIDGE)
    print(
        f"{len(labelled.landmarks)} faces; distance of the labels from the landmarks, of their box's size: "
        f"registered {raw:.2%}, with a constant {constant:.2%}, with a regression {regressed:.2%} "
        f"(cross-validated)"
    )
    scheme = label_scheme(labelled, model, ridge=PREDICTION_RIDGE)
    model = replace(model, schemes={**model.schemes, scheme.name: scheme})
    with np.load(BUILTIN_PATH) as present:
        arrays = dict(present)
    for name in ("offset_model", "identity_offset", "expression_offset"):
        arrays[f"scheme/{scheme.name}/{name}"] = getattr(scheme, name)
    np.savez_compressed(given.out, **arrays)
    print(f"{given.out}: scheme {scheme.name} replaced")


if __name__ == "__main__":
    main()
