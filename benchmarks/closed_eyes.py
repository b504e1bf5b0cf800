"""Do eyes that are shut come out shut? ``python -m benchmarks.closed_eyes [--weights regressor.onnx]``.

Photographs whose eyes were judged by looking at them (``evaluate/expressions/judged_photos.json``, by
hashes); none of these people takes part in training. The gap between the lids of the aligned mesh, in mm on
the head, is compared with that of the fit to MediaPipe's mesh and with the label. Also the opening of mouths
that are wide open.
"""

from __future__ import annotations

import argparse
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lineament as la
from lineament.data.fitting.fitter import Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.heads.lids import lid_margins
from lineament.data.photographs.collections import read_collection, read_member, shared_folder
from lineament.data.samples.held_out import key_of
from lineament.evaluate.expressions.photographs import judged_photos
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model

Array = NDArray[np.floating]

COLLECTIONS = ("lfw_expressions", "ytf")
EYE_LABELS = ("closed", "half", "open")
MIDDLE = slice(6, 16)
"""Pairs of lid points, of 22 from temple to nose, whose mean distance counts."""
WIDE = "wide open"


@dataclass(frozen=True, slots=True)
class Judged:
    """Coefficients of judged photographs, fitted and aligned.

    Attributes:
        labels: what a person saw.
        fitted: vertices (F, N, 3) of fits to MediaPipe's mesh, mm.
        aligned: vertices (F, N, 3) of the aligner, mm.
    """

    labels: tuple[str, ...]
    fitted: Array
    aligned: Array


def main() -> None:
    """Print gaps by label and how well a threshold tells shut eyes from open ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", help="weights file of the regressor; the built-in ones when left out")
    parser.add_argument("--folder", type=Path, help="folder of the collections; ../shared/photos if left out")
    given = parser.parse_args()
    model = load_model("lfm")
    aligner = (
        la.FaceAligner.from_pretrained(given.weights) if given.weights else la.FaceAligner.from_pretrained()
    )
    judged = judge_all(aligner, model, given.folder or shared_folder() / "photos")
    for name, vertices in (("fit to MediaPipe's mesh", judged.fitted), ("aligner", judged.aligned)):
        print(name)
        report_eyes(judged.labels, lid_gap_mm(vertices, model))
        mouths = lip_gap_mm(vertices, model)
        wide = np.array(judged.labels) == WIDE
        print(f"  lips of wide-open mouths {mouths[wide].mean():.1f} mm apart (n = {wide.sum()})")
    fitted, aligned = (lid_gap_mm(v, model).mean(axis=1) for v in (judged.fitted, judged.aligned))
    eyes = np.isin(judged.labels, EYE_LABELS)
    print(
        f"aligner against fit: mean distance {np.abs(fitted - aligned)[eyes].mean():.2f} mm, "
        f"correlation {np.corrcoef(fitted[eyes], aligned[eyes])[0, 1]:.2f}"
    )


def judge_all(aligner: la.FaceAligner, model: MorphableModel, folder: Path) -> Judged:
    """Fit and align every judged photograph, the latter from the box of its mesh."""
    label_of = judged_photos()
    fitter = Fitter(model, mesh_layout())
    labels, fitted, aligned = [], [], []
    for name in COLLECTIONS:
        collection = read_collection(folder, name)
        keys = [key_of(f"{name}/{photo}") for photo in collection.photo_names]
        numbers = [number for number, key in enumerate(keys) if key in label_of]
        fits = fitter.fit(collection.mesh_points[numbers])
        fitted.append(model.vertices_model(fits.identity, fits.expression))
        with zipfile.ZipFile(collection.archive) as photos:
            for number in numbers:
                points = collection.mesh_points[number, :468, :2]
                box = [[*points.min(axis=0), *points.max(axis=0)]]
                photo = np.asarray(read_member(photos, collection.photo_names[number]))
                face = aligner(photo, boxes=box)[0]
                assert isinstance(face, la.MorphableResult)
                aligned.append(model.vertices_model(face.identity, face.expression))
                labels.append(label_of[keys[number]])
    return Judged(tuple(labels), np.concatenate(fitted), np.stack(aligned))


def report_eyes(labels: tuple[str, ...], gap: Array) -> None:
    """Gaps (F, 2) of both eyes by label, and the best threshold between shut and open."""
    label = np.array(labels)
    for name in EYE_LABELS:
        own = gap[label == name].mean(axis=1)
        low, middle, high = np.percentile(own, [10, 50, 90])
        print(
            f"  {name:6} n = {len(own):2}: {middle:5.2f} mm in the middle, 10 % {low:5.2f}, 90 % {high:5.2f}"
        )
    shut, opened = (np.sort(gap[label == name].mean(axis=1)) for name in ("closed", "open"))
    threshold, right = best_threshold(shut, opened)
    area = np.mean(shut[:, None] < opened) + 0.5 * np.mean(shut[:, None] == opened)
    print(f"  a threshold of {threshold:.1f} mm is right on {right:.1%} of shut and open, area {area:.3f}")


def best_threshold(shut: Array, opened: Array) -> tuple[float, float]:
    """The gap that parts two groups best, and the mean of its hit rates on both."""
    every = np.sort(np.concatenate([shut, opened]))
    between = np.concatenate([every[:1] - 1, 0.5 * (every[1:] + every[:-1]), every[-1:] + 1])
    right = [0.5 * (np.mean(shut < t) + np.mean(opened >= t)) for t in between]
    best = int(np.argmax(right))
    return float(between[best]), float(right[best])


def lid_gap_mm(vertices: Array, model: MorphableModel) -> Array:
    """(F, 2) mean vertical distance of the lids' margins, left and right eye; below zero they overlap."""
    assert model.mirror is not None
    gaps = []
    for side in (lambda v: v, lambda v: model.mirror.vertex[v]):
        upper, lower = (side(margin)[MIDDLE] for margin in lid_margins(model))
        gaps.append((vertices[:, upper, 1] - vertices[:, lower, 1]).mean(axis=1))
    return np.stack(gaps, axis=1)


def lip_gap_mm(vertices: Array, model: MorphableModel) -> Array:
    """(F,) distance of the inner lips in the middle."""
    points = model.schemes["lfm-68"]
    upper, lower = (
        np.einsum("fck,c->fk", vertices[:, points.vertex_index[mark]], points.weights[mark])
        for mark in (62, 66)
    )
    return np.linalg.norm(upper - lower, axis=1)


if __name__ == "__main__":
    main()
