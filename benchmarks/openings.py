"""How well lids and lips of aligned faces open and close: ``python -m benchmarks.openings``.

The photographs of lfw_expressions that were kept from training, aligned from the box of their labels with the
built-in weights, against fits of LFM to their 478-point labels.
"""

from __future__ import annotations

import zipfile

import numpy as np
from numpy.typing import NDArray

import lineament as la
from lineament.data.fitting.fitter import Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.photographs.collections import read_collection, read_member, shared_folder
from lineament.geometry.topology import LID_PAIRS_68, LIP_PAIRS_68
from lineament.models import load_model


def main() -> None:
    """Print correlation and mean error of both openings."""
    model = load_model("lfm")
    collection = read_collection(shared_folder() / "photos", "lfw_expressions")
    numbers = np.flatnonzero(collection.is_validation)
    fits = Fitter(model, mesh_layout()).fit(collection.mesh_points[numbers])
    aligner = la.FaceAligner.from_pretrained()
    found = []
    with zipfile.ZipFile(collection.archive) as photos:
        for number in numbers:
            points = collection.mesh_points[number, :468, :2]
            box = [[*points.min(axis=0), *points.max(axis=0)]]
            photo = la.read_image(read_member(photos, collection.photo_names[number]))
            face = aligner(photo, boxes=box)[0]
            assert isinstance(face, la.MorphableResult)
            found.append(model.landmarks_model(face.identity, face.expression, scheme="lfm-68"))
    labelled = model.landmarks_model(fits.identity, fits.expression, scheme="lfm-68")
    for name, pairs in (("lids", LID_PAIRS_68), ("lips", LIP_PAIRS_68)):
        truth, seen = opening_mm(labelled, pairs), opening_mm(np.array(found), pairs)
        low, high = np.percentile(truth, [2, 98])
        print(
            f"{name}: {len(numbers)} faces, correlation {np.corrcoef(truth, seen)[0, 1]:.2f}, mean error "
            f"{np.abs(truth - seen).mean():.1f} mm; labels from {low:.1f} to {high:.1f} mm"
        )


def opening_mm(landmarks: NDArray[np.floating], pairs: tuple[tuple[int, int], ...]) -> NDArray[np.floating]:
    """(F,) mean distance of pairs of (F, 68, 3) landmarks."""
    upper, lower = np.array(pairs).T
    return np.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=-1).mean(axis=1)


if __name__ == "__main__":
    main()
