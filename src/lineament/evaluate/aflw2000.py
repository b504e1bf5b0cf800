"""AFLW2000-3D, 68 points: ``python -m lineament.evaluate.aflw2000 --data ../shared/aflw2000_dev``.

Protocol: 2D normalised mean error, box of the true 68 landmarks; absolute yaw bins (0-30, 30-60, 60-90) from
the fitted pose; crops from the stored boxes made of the truth, or from the detector; original labels
(``pt3d_68``) and the re-annotation (LS3D-W). Validation only.
"""

from __future__ import annotations

import argparse
import logging
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.crop import CropBox
from lineament.data.formats.aflw2000 import iterate_aflw2000
from lineament.evaluate.metrics import BinnedError, by_yaw, normalised_mean_error, pose_absolute_errors_deg
from lineament.image import read_image
from lineament.result import MorphableResult

Array = NDArray[Any]

log = logging.getLogger(__name__)

MATLAB_TO_IMAGE = -0.5
"""Matlab's pixel k has its centre at k; here it covers [k - 1, k) and has its centre at k - 0.5."""
LEAST_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Aflw2000:
    """The photographs of a folder and their truth.

    Attributes:
        archive: zip of photographs and ``.mat`` files.
        names: F file names of photographs.
        landmarks: (F, 68, 2) px, image frame, original labels.
        reannotated: (F, 68, 2) px, image frame.
        yaw_deg: (F,) absolute yaw of the fitted pose.
        crop_boxes: (F, 4) left, top, right, bottom of the crops made from the truth, px.
        angles_deg: (F, 3) pitch, yaw, roll of the fitted pose, signs of lineament.
    """

    archive: Path
    names: tuple[str, ...]
    landmarks: Array
    reannotated: Array
    yaw_deg: Array
    crop_boxes: Array
    angles_deg: Array


def read_aflw2000(folder: Path) -> Aflw2000:
    """Read ``aflw2000_dev.npz`` and ``.zip`` of a folder."""
    with np.load(folder / "aflw2000_dev.npz") as data:
        arrays = {name: data[name] for name in data.files}
    names = tuple(str(name) for name in arrays["names"])
    archive = folder / "aflw2000_dev.zip"
    angles = {item.name: item.coefficients.angles for item in iterate_aflw2000(archive)}
    of_photos = [angles[Path(name).stem] for name in names]
    return Aflw2000(
        archive=archive,
        names=names,
        landmarks=np.swapaxes(arrays["pts68"], 1, 2)[..., :2] + MATLAB_TO_IMAGE,
        reannotated=np.swapaxes(arrays["pts68_reannotated"], 1, 2) + MATLAB_TO_IMAGE,
        yaw_deg=arrays["abs_yaw"],
        crop_boxes=arrays["roi_box"],
        angles_deg=np.degrees([(found.pitch, found.yaw, found.roll) for found in of_photos]),
    )


@dataclass(frozen=True, slots=True)
class Alignments:
    """What an aligner found on the photographs of a set, one face each, or none.

    Attributes:
        faces: F results; None where nothing was found at the true place.
    """

    faces: tuple[MorphableResult | None, ...]

    def landmarks(self, scheme: str) -> Array:
        """(G, 68, 2) px of the faces found."""
        return np.array([face.landmarks(scheme)[:, :2] for face in self.faces if face is not None])

    @property
    def found(self) -> NDArray[np.bool_]:
        """(F,) where a face was found."""
        return np.array([face is not None for face in self.faces])


def align_with_true_crops(data: Aflw2000, aligner: FaceAligner, *, passes: int = 2) -> Alignments:
    """Start every photograph from its stored crop; later passes cut their own around the result."""
    method = aligner.method
    faces = []
    with zipfile.ZipFile(data.archive) as files:
        for name, (left, top, right, bottom) in zip(data.names, data.crop_boxes.astype(float), strict=True):
            photo = read_image(files.read(name))
            box = CropBox(((left + right) / 2, (top + bottom) / 2), right - left, method.crop_size)
            boxes = [box]
            for _ in range(passes - 1):
                boxes = method.refine_crops(photo, boxes)
            faces.append(method.reconstruct(photo, boxes)[0])
    return Alignments(tuple(faces))


def align_with_detector(data: Aflw2000, aligner: FaceAligner) -> Alignments:
    """Detect, then keep the face whose detection overlaps the true landmarks' box best (at least by half)."""
    faces: list[MorphableResult | None] = []
    with zipfile.ZipFile(data.archive) as files:
        for name, landmarks in zip(data.names, data.landmarks, strict=True):
            truth = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
            found = aligner(read_image(files.read(name)))
            overlaps = [overlap(face.detection.box_xyxy, truth) for face in found]
            best = int(np.argmax(overlaps)) if overlaps else -1
            faces.append(found[best] if best >= 0 and overlaps[best] >= LEAST_OVERLAP else None)
    return Alignments(tuple(faces))


def overlap(box_a: Array, box_b: Array) -> float:
    """Intersection over union of two boxes (4,) left, top, right, bottom."""
    low, high = np.maximum(box_a[:2], box_b[:2]), np.minimum(box_a[2:], box_b[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (box_a, box_b)]
    return common / (sum(areas) - common)


def report(data: Aflw2000, found: Alignments, *, scheme: str) -> str:
    """Table of both label sets and of head pose, as Markdown rows."""
    kept = found.found
    points = found.landmarks(scheme)
    lines = [f"found {kept.sum()} of {len(kept)}, landmark scheme {scheme}, 68 points, 2D NME in percent"]
    for name, truth in (("original", data.landmarks), ("re-annotated", data.reannotated)):
        error = 100 * normalised_mean_error(points, truth[kept])
        lines.append(f"| {name} | {_row(by_yaw(error, data.yaw_deg[kept]))} |")
    angles = np.array(
        [
            np.degrees([face.pose.pitch, face.pose.yaw, face.pose.roll])
            for face in found.faces
            if face is not None
        ]
    )
    error = pose_absolute_errors_deg(angles, data.angles_deg[kept])
    bias = np.median(angles - data.angles_deg[kept], axis=0)
    lines.append(
        "pose MAE pitch / yaw / roll: "
        + " / ".join(f"{e:.2f}" for e in error)
        + f", mean {error.mean():.2f}; median bias "
        + " / ".join(f"{b:.2f}" for b in bias)
    )
    return "\n".join(lines)


def _row(error: BinnedError) -> str:
    bins = " / ".join(f"{value:.2f}" for value in error.bins)
    return f"{bins} / **{error.mean_of_bins:.2f}** / {error.mean_of_images:.2f}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--crops", choices=("truth", "detector"), nargs="+", default=["truth", "detector"])
    parser.add_argument("--passes", type=int, nargs="+", default=[2])
    parser.add_argument("--schemes", nargs="+", default=["300w-lp", "lfm-68"])
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    data = read_aflw2000(given.data)
    for passes in given.passes:
        aligner = FaceAligner.from_pretrained(given.weights, passes=passes)
        for crops in given.crops:
            with_truth = crops == "truth"
            found = (
                align_with_true_crops(data, aligner, passes=passes)
                if with_truth
                else align_with_detector(data, aligner)
            )
            for scheme in given.schemes:
                table = report(data, found, scheme=scheme)
                log.info("crops from %s, %d passes: %s", crops, passes, table)


if __name__ == "__main__":
    main()
