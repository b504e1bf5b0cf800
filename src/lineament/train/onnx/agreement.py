"""How much weights in int8 may differ from those they were made of, as users have both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.detect import OnnxDetector, overlap
from lineament.errors import ExportError
from lineament.methods.predictor import Predictor
from lineament.methods.pretrained import open_method
from lineament.result import MorphableResult
from lineament.train.batches.pictures import Pictures

Array = NDArray[Any]

log = logging.getLogger(__name__)

MAX_LANDMARK_SHIFT = 0.35
"""Percent of the face's size (root of its box's area), mean: a tenth of the network's own error."""
MAX_EXPRESSION_SHIFT = 0.02
"""Mean change of a blendshape's weight."""
MIN_AGREEMENT = 0.93
"""Mean overlap of certain detections with those of the float network; a lost one counts as 0."""
CERTAIN = 0.6


def check_faces(expected: Bundle, found: Bundle, crops: Pictures) -> None:
    """Compare the faces that two bundles of a method give.

    Args:
        expected: in float.
        found: the same in int8.
        crops: (n, S, S, 3).

    Raises:
        ExportError: landmarks or expression move by more than is tolerated.
    """
    first, second = _faces(expected, crops), _faces(found, crops)
    shift = float(landmark_shift(first[0], second[0]).mean())
    expression = float(np.abs(first[1] - second[1]).mean()) if first[1].size else 0.0
    log.info("landmarks move by %.3f %% of the face, expression by %.4f", shift, expression)
    if not (shift <= MAX_LANDMARK_SHIFT and expression <= MAX_EXPRESSION_SHIFT):
        raise ExportError(
            f"With eight bits landmarks move by {shift:.2f} % of the face and expression by "
            f"{expression:.3f}, at most {MAX_LANDMARK_SHIFT} and {MAX_EXPRESSION_SHIFT} are tolerated. "
            f"Calibrate on more crops, or on crops more like those of the check."
        )


def check_detections(expected: Bundle, found: Bundle, pictures: Pictures) -> None:
    """Compare what two detectors find.

    Args:
        expected: in float.
        found: the same in int8.
        pictures: (n, H, W, 3) with faces.

    Raises:
        ExportError: detections differ by more than is tolerated.
    """
    agreement = detection_agreement(expected, found, pictures)
    log.info("certain detections overlap by %.3f", agreement)
    if not agreement >= MIN_AGREEMENT:
        raise ExportError(
            f"With eight bits certain detections overlap those of the float network by {agreement:.3f} "
            f"(at least {MIN_AGREEMENT}). Calibrate on more pictures."
        )


def outputs_check(limits: Mapping[str, float]) -> Callable[[Bundle, Bundle, Pictures], None]:
    """A check of graphs whose outputs are plain numbers, one graph a bundle.

    Args:
        limits: by output the mean absolute difference that is tolerated.
    """

    def check(expected: Bundle, found: Bundle, crops: Pictures) -> None:
        """Compare what two graphs say of crops (n, S, S, 3); ExportError where an output moves by more."""
        first, second = (bundle.network(threads=1)(crop=crops) for bundle in (expected, found))
        moved = {name: float(np.abs(first[name] - second[name]).mean()) for name in limits}
        log.info("outputs move by %s", ", ".join(f"{name} {by:.4f}" for name, by in moved.items()))
        beyond = [name for name, limit in limits.items() if not moved[name] <= limit]
        if beyond:
            said = ", ".join(f"{name} by {moved[name]:.4f} (at most {limits[name]})" for name in beyond)
            raise ExportError(
                f"With eight bits outputs move: {said}. Calibrate on more crops, or on crops more like those "
                f"of the check."
            )

    return check


def landmark_shift(expected: Array, found: Array) -> Array:
    """(n,) mean distance between (n, P, 2) landmarks, percent of the root of their box's area."""
    extent = expected.max(axis=1) - expected.min(axis=1)
    distance = np.linalg.norm(found - expected, axis=-1).mean(axis=1)
    return 100 * distance / np.sqrt(extent.prod(axis=1))


def detection_agreement(expected: Bundle, found: Bundle, pictures: Pictures) -> float:
    """Mean best overlap of the certain detections of one file with those of another; 1 when there is none."""
    first, second = (OnnxDetector(bundle.path, threads=1) for bundle in (expected, found))
    overlaps = []
    for picture in pictures:
        boxes = np.array([one.box_xyxy for one in second.detect(picture)]).reshape(-1, 4)
        for certain in first.detect(picture):
            if certain.score >= CERTAIN:
                overlaps.append(overlap(certain.box_xyxy, boxes).max(initial=0.0))
    return float(np.mean(overlaps)) if overlaps else 1.0


def _faces(bundle: Bundle, crops: Pictures) -> tuple[Array, Array]:
    """(n, P, 2) landmarks, crop px, and (n, E) expression of the faces in n crops; E may be 0."""
    predictor, size = Predictor(open_method(bundle, threads=1)), crops.shape[1]
    whole = CropBox(center_xy=(size / 2, size / 2), side=size, size=size)
    faces = [predictor.predict(crop, [whole])[0] for crop in crops]
    landmarks = np.array([face.landmarks_image[:, :2] for face in faces])
    expression = [face.expression for face in faces if isinstance(face, MorphableResult)]
    return landmarks, np.array(expression)
