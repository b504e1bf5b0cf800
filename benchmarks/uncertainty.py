"""What is `uncertainty_mm` worth? ``python -m benchmarks.uncertainty [--weights default] [--count 400]``.

Prints how uncertain the aligner is of faces on the training photographs, and of what its detector suspects on
pictures without faces: from these its limit was chosen (`MAX_UNCERTAINTY_MM` of
tools.update_weights_catalogue). Then how the error on AFLW2000-3D (validation only) grows with it, crops from
truth.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lineament as la
from lineament.data.photographs.backgrounds import WITH_CARVED_FACES, WITH_PEOPLE, read_backgrounds
from lineament.data.photographs.collections import shared_folder
from lineament.detect import overlap
from lineament.evaluate.scores.metrics import normalised_mean_error
from lineament.evaluate.sets.aflw2000 import load_aflw2000

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]

COLLECTIONS = ("congress", "ytf", "lfw_expressions")
FOUND = 0.5
PERCENTILES = (5, 50, 95, 99, 100)


def main() -> None:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--count", type=int, default=400, help="photographs of each collection")
    given = parser.parse_args()
    aligner, shared = la.FaceAligner.from_pretrained(given.weights), shared_folder()
    faces = [
        uncertainty
        for collection in COLLECTIONS
        for picture, box_xyxy in photographs(shared / "photos", collection, given.count)
        for uncertainty in of_the_face(aligner, picture, box_xyxy)
    ]
    print_fractions(f"{len(faces)} faces on training photographs", faces)
    suspected = list(on_backgrounds(aligner, shared / "backgrounds" / "bsds500_no_faces.zip"))
    print_fractions(f"{len(suspected)} suspicions on backgrounds without people", suspected)
    print_errors(*on_aflw2000(aligner, shared / "aflw2000_dev"))


def photographs(folder: Path, collection: str, count: int) -> Iterator[tuple[Picture, Array]]:
    """Photographs drawn at random and the box of MediaPipe's mesh on each."""
    with np.load(folder / f"{collection}_landmarks.npz") as labels:
        names, mesh = labels["names"].tolist(), labels["mesh478_q32"]
    chosen = np.random.default_rng(0).choice(len(names), min(count, len(names)), replace=False)
    with zipfile.ZipFile(folder / f"{collection}.zip") as archive:
        for number in chosen.tolist():
            picture = np.asarray(Image.open(io.BytesIO(archive.read(names[number]))).convert("RGB"))
            points_xy = mesh[number, :, :2] / 32
            yield picture, np.concatenate([points_xy.min(axis=0), points_xy.max(axis=0)])


def of_the_face(aligner: la.FaceAligner, picture: Picture, box_xyxy: Array) -> list[float]:
    """Uncertainty of what was found at the box, believed or not."""
    faces = aligner.align(picture, aligner.detector.detect(picture))
    at_box = [face for face in faces if overlap(face.detection.box_xyxy, box_xyxy[None])[0] >= FOUND]
    return [face.uncertainty_mm for face in at_box[:1]]


def on_backgrounds(aligner: la.FaceAligner, archive: Path) -> Iterator[float]:
    """Uncertainty of everything the detector suspects on pictures without faces."""
    for stem, picture in read_backgrounds(archive).items():
        if int(stem) not in WITH_PEOPLE | WITH_CARVED_FACES:
            for face in aligner.align(picture, aligner.detector.detect(picture)):
                yield face.uncertainty_mm


def on_aflw2000(aligner: la.FaceAligner, folder: Path) -> tuple[Array, Array]:
    """(400,) uncertainty, mm, and error against the original labels, percent."""
    uncertainty, error = [], []
    for item in load_aflw2000(folder).items:
        (face,) = aligner.align(item.photo.read(), [la.Detection(item.box_xyxy.astype(np.float32), 1.0)])
        truth_xy = item.landmarks["original"][:, :2]
        uncertainty.append(face.uncertainty_mm)
        error.append(100 * normalised_mean_error(face.landmarks("300w-lp")[:, :2], truth_xy))
    return np.array(uncertainty), np.array(error)


def print_fractions(title: str, uncertainty: list[float]) -> None:
    """A line of percentiles."""
    values = np.percentile(uncertainty, PERCENTILES).tolist()
    print(
        f"{title}: "
        + ", ".join(f"{fraction} % below {value:.1f} mm" for fraction, value in zip(PERCENTILES, values))
    )


def print_errors(uncertainty: Array, error: Array) -> None:
    """Mean error of each fifth by uncertainty, and how well one orders the other."""
    ranks = [np.argsort(np.argsort(values)) for values in (uncertainty, error)]
    correlation = np.corrcoef(ranks)[0, 1]
    print(f"AFLW2000-3D, {len(error)} faces: rank correlation of uncertainty and NME {correlation:.2f}")
    for part in np.array_split(np.argsort(uncertainty), 5):
        low, high = uncertainty[part].min(), uncertainty[part].max()
        print(f"  {low:.1f} to {high:.1f} mm: NME {error[part].mean():.2f} %")


if __name__ == "__main__":
    main()
