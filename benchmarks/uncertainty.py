"""What is `uncertainty_mm` worth? ``python -m benchmarks.uncertainty [--weights default] [--count 400]``.

Prints how uncertain the aligner is of faces on the training photographs, and of what its detector suspects on
pictures without faces. Then how the error on AFLW2000-3D (validation only) grows with it, crops from truth,
and how many errors are gross where boxes do not tell how a face is turned. Last what it believes: things on
pictures without people, second faces on portraits that tools.calibrate_uncertainty leaves out, and how many
profiles of CFP people (validation) it finds.
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
from lineament.aligner.second_look import landmark_box
from lineament.data.formats.files import open_files
from lineament.data.photographs.backgrounds import WITH_CARVED_FACES, WITH_PEOPLE, read_backgrounds
from lineament.data.photographs.collections import shared_folder
from lineament.data.photographs.face_sets import hash_fraction
from lineament.detect import overlap
from lineament.evaluate.scores.metrics import normalised_mean_error, rank_correlation
from lineament.evaluate.sets.aflw2000 import load_aflw2000

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]

COLLECTIONS = ("congress", "ytf", "lfw_expressions")
FOUND = 0.5
GROSS = 15  # percent
LEFT_OUT = 0.5  # from that hash of their names on, photographs teach nobody what is no face
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
    for quarters in range(4):
        gross = gross_errors(aligner, shared / "aflw2000_dev", quarters)
        print(f"  turned by {90 * quarters} degrees: {gross} of its faces have an error above {GROSS} %")
    believed = sum(
        len(aligner(picture))
        for stem, picture in read_backgrounds(shared / "backgrounds" / "bsds500_no_faces.zip").items()
        if int(stem) not in WITH_PEOPLE | WITH_CARVED_FACES
    )
    print(f"{believed} things taken for faces on backgrounds without people")
    with open_files(shared / "photos" / "congress.zip") as files:
        portraits = [name for name in files.names(".jpg") if hash_fraction(name) >= LEFT_OUT]
        several = sum(len(aligner(files.image(name))) > 1 for name in portraits)
    print(f"{several} of {len(portraits)} portraits with a second face")
    boxed = list(cfp_profiles(shared / "photos"))
    found = sum(is_found(aligner(picture), box_xyxy) for picture, box_xyxy in boxed)
    print(f"{found} of {len(boxed)} profiles found")


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


def is_found(faces: list[la.FaceResult], box_xyxy: Array) -> bool:
    """Whether the landmarks of a face lie in about this box of landmarks."""
    return any(overlap(landmark_box(face), box_xyxy[None])[0] >= FOUND for face in faces)


def cfp_profiles(folder: Path) -> Iterator[tuple[Picture, Array]]:
    """Profiles of the people of CFP that nothing was trained on, and the box of 68 predicted landmarks."""
    with np.load(folder / "cfp_landmarks68_300wlp.npz") as labels, open_files(folder / "cfp.zip") as files:
        for name, points in zip(labels["names"].tolist(), labels["landmarks68_q32"] / 32, strict=True):
            if "profile" in name and 401 <= int(Path(name).stem[:3]) <= 450:
                points_xy = points[:, :2]
                box_xyxy = np.concatenate([points_xy.min(axis=0), points_xy.max(axis=0)])
                yield files.image(name), box_xyxy


def gross_errors(aligner: la.FaceAligner, folder: Path, quarters: int) -> int:
    """How many of the 400 have an error above GROSS, the photograph and its true box turned."""
    count = 0
    for item in load_aflw2000(folder).items:
        picture, points_xy = item.photo.read(), item.landmarks["original"][:, :2]
        corners_xy = np.reshape(item.box_xyxy, (2, 2))
        for _ in range(quarters):
            width = picture.shape[1]
            picture = np.ascontiguousarray(np.rot90(picture))
            points_xy, corners_xy = (
                np.stack([xy[:, 1], width - xy[:, 0]], axis=1) for xy in (points_xy, corners_xy)
            )
        box_xyxy = np.concatenate([corners_xy.min(axis=0), corners_xy.max(axis=0)]).astype(np.float32)
        (face,) = aligner.align_given(picture, [la.Detection(box_xyxy, 1.0)])
        error = normalised_mean_error(face.landmarks("300w-lp")[:, :2], points_xy)
        count += bool(100 * error > GROSS)
    return count


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
    correlation = rank_correlation(uncertainty, error)
    print(f"AFLW2000-3D, {len(error)} faces: rank correlation of uncertainty and NME {correlation:.2f}")
    for part in np.array_split(np.argsort(uncertainty), 5):
        low, high = uncertainty[part].min(), uncertainty[part].max()
        print(f"  {low:.1f} to {high:.1f} mm: NME {error[part].mean():.2f} %")


if __name__ == "__main__":
    main()
