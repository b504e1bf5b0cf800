"""A trained graph with eight-bit layers, a third of the time and half the file.

    python -m lineament.train.onnx.quantise REGRESSOR.onnx --samples FOLDER --out FILE
    python -m lineament.train.onnx.quantise DETECTOR.onnx --canvases FOLDER --out FILE

Measured on networks in mid-training, on one thread of a CPU with VNNI, float to eight bits: regressor 4.5 to
1.4 ms a crop, 17.9 to 9.3 MB, landmarks move by 0.1 % of the face, NME of two passes on 400 photographs of
AFLW2000-3D as before (5.11 %); detector 3.3 to 1.4 ms for 384 x 288 px, 1.5 to 0.8 MB.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.detect import OnnxDetector, overlap
from lineament.errors import DataError, ExportError
from lineament.methods import METHODS
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.train.batches.samples import Folders
from lineament.train.onnx.int8 import eight_bit_graph

Array = NDArray[Any]
Pictures = NDArray[np.uint8]

log = logging.getLogger(__name__)

MOST_LANDMARK_SHIFT = 0.35
"""Percent of the face's size (root of its box's area), mean: a tenth of the network's own error."""
MOST_EXPRESSION_SHIFT = 0.02
"""Mean change of a blendshape's weight."""
LEAST_AGREEMENT = 0.93
"""Mean overlap of certain detections with those of the float network; a lost one counts as 0."""
CERTAIN = 0.6
MILD = AugmentConfig(
    occluder_share=0.1, grey_share=0.1, blur_share=0.2, noise_share=0.1, jpeg_share=0.1, border_share=0.05
)


def quantise_regressor(source: Path, path: Path, *, calibration: Pictures, check: Pictures) -> Path:
    """Write the eight-bit twin of a regressor.

    Args:
        source: float graph written by :mod:`lineament.train.regressor.export`.
        path: of the new file.
        calibration: (n, S, S, 3) crops from which ranges are taken.
        check: (m, S, S, 3) other crops, on which both graphs are compared.

    Raises:
        ExportError: landmarks or expression move by more than is tolerated; nothing is written.
    """

    def compare(draft: Path) -> None:
        expected, found = _align(source, check), _align(draft, check)
        shift = float(landmark_shift(expected[0], found[0]).mean())
        expression = float(np.abs(expected[1] - found[1]).mean())
        log.info("landmarks move by %.3f %% of the face, expression by %.4f", shift, expression)
        if not (shift <= MOST_LANDMARK_SHIFT and expression <= MOST_EXPRESSION_SHIFT):
            raise ExportError(
                f"With eight bits landmarks move by {shift:.2f} % of the face and expression by "
                f"{expression:.3f}, at most {MOST_LANDMARK_SHIFT} and {MOST_EXPRESSION_SHIFT} are tolerated. "
                f"Calibrate on more crops, or on crops more like those of the check."
            )

    return _write_if_good(source, path, calibration, compare)


def quantise_detector(source: Path, path: Path, *, calibration: Pictures, check: Pictures) -> Path:
    """Write the eight-bit twin of a face detector.

    Args:
        source: float graph written by :mod:`lineament.train.detector.export`.
        path: of the new file.
        calibration: (n, H, W, 3) pictures with faces, H and W multiples of 32.
        check: (m, H', W', 3) other pictures with faces.

    Raises:
        ExportError: detections differ by more than is tolerated; nothing is written.
    """

    def compare(draft: Path) -> None:
        agreement = detection_agreement(source, draft, check)
        log.info("certain detections overlap by %.3f", agreement)
        if not agreement >= LEAST_AGREEMENT:
            raise ExportError(
                f"With eight bits certain detections overlap those of the float network by {agreement:.3f} "
                f"(at least {LEAST_AGREEMENT}). Calibrate on more pictures."
            )

    return _write_if_good(source, path, calibration, compare)


def landmark_shift(expected: Array, found: Array) -> Array:
    """(n,) mean distance between (n, P, 2) landmarks, percent of the root of their box's area."""
    extent = expected.max(axis=1) - expected.min(axis=1)
    distance = np.linalg.norm(found - expected, axis=-1).mean(axis=1)
    return 100 * distance / np.sqrt(extent.prod(axis=1))


def detection_agreement(source: Path, other: Path, pictures: Pictures) -> float:
    """Mean best overlap of the certain detections of one file with those of another; 1 when there is none."""
    first, second = (OnnxDetector(path, threads=1) for path in (source, other))
    overlaps = []
    for picture in pictures:
        boxes = np.array([found.box_xyxy for found in second.detect(picture)]).reshape(-1, 4)
        for certain in first.detect(picture):
            if certain.score >= CERTAIN:
                overlaps.append(overlap(certain.box_xyxy, boxes).max(initial=0.0))
    return float(np.mean(overlaps)) if overlaps else 1.0


def read_crops(folders: Folders, face_model: str, size: int, count: int, *, validation: bool) -> Pictures:
    """(count, size, size, 3) crops from training samples: half of them steady, half mildly disturbed.

    Raises:
        DataError: a folder holds no samples.
    """
    store = folders.opened(validation=validation)
    sampler = CropSampler(store, load_model(face_model), replace(MILD, crop_size=size))
    rng = np.random.default_rng(0)
    steady = sampler.plain_batch(rng.integers(len(sampler.store), size=count - count // 2))
    return np.concatenate([steady.crop, sampler.batch(count // 2, rng).crop])


def read_canvases(folder: Path, count: int) -> tuple[Pictures, Pictures]:
    """Two times (count, size, size, 3) canvases of the detector's training: the first and the last shard's.

    Raises:
        DataError: the folder holds no canvases, or too few.
    """
    paths = sorted(path for path in folder.glob("*.npy") if not path.name.endswith(".labels.npy"))
    shards = [np.load(path, mmap_mode="r") for path in paths[:1] + paths[-1:]]
    if sum(len(shard) for shard in shards[: len(paths)]) < 2 * count:
        raise DataError(
            f"{folder} holds fewer than {2 * count} canvases: make some with tools/make_detector_canvases.py."
        )
    return np.array(shards[0][:count]), np.array(shards[1][-count:])


def _write_if_good(source: Path, path: Path, calibration: Pictures, compare: Callable[[Path], None]) -> Path:
    draft = path.with_suffix(".part")
    draft.write_bytes(eight_bit_graph(onnx.load(source), calibration).SerializeToString())
    try:
        compare(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _align(path: Path, crops: Pictures) -> tuple[Array, Array]:
    """(n, 68, 2) landmarks, crop px, and (n, E) expression of the faces in n crops."""
    network = OnnxNetwork(path, threads=1)
    method = METHODS[network.metadata.get("method", "morphable-regressor")].from_network(network)
    size = method.crop_size
    whole = CropBox(center_xy=(size / 2, size / 2), side=size, size=size)
    faces = [method.reconstruct(crop, [whole])[0] for crop in crops]
    landmarks = np.array([face.landmarks_image[:, :2] for face in faces])
    return landmarks, np.array([face.expression for face in faces])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    pictures = parser.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--samples", nargs="+", help="the graph gives coefficients; folders of samples")
    pictures.add_argument("--canvases", type=Path, help="the graph is a detector; training canvases")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=256, help="pictures to calibrate on, and to check on")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if given.canvases:
        calibration, check = read_canvases(given.canvases, given.count)
        quantise_detector(given.source, given.out, calibration=calibration, check=check)
    else:
        folders = Folders(tuple(given.samples))
        metadata = OnnxNetwork(given.source, threads=1).metadata
        calibration, check = (
            read_crops(
                folders,
                metadata["face_model"],
                int(metadata["crop_size"]),
                given.count,
                validation=validation,
            )
            for validation in (False, True)
        )
        quantise_regressor(given.source, given.out, calibration=calibration, check=check)
    log.info("%s, %.2f MB", given.out, given.out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
