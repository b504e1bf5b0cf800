"""The 34 points of AFLW-LFPA on our mesh: found once on frontal training photographs, then fixed.

Nobody published where they lie on a face model. Each becomes the vertex that is nearest to it on average,
with the alignment of our own weights; so figures of this set carry the fit of its definition to us.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.evaluate.items import EvaluationItem, Prediction
from lineament.evaluate.scores.pose_errors import angles_deg
from lineament.evaluate.scores.surfaces import FACE_VERTICES

FRONTAL_DEG = 15.0
ENOUGH = 150  # frontal photographs
MIN_VISIBLE = 10  # of a point


def nearest_vertices(
    pairs: Iterable[tuple[EvaluationItem, Prediction]], labels: str, *, enough: int = ENOUGH
) -> NDArray[np.int64]:
    """(P,) of LFM's face vertices, one a point.

    Args:
        pairs: training faces and how our weights align them; turned ones are passed over.
        labels: label set of the points.
        enough: frontal faces after which to stop.

    Raises:
        DataError: there are too few frontal faces on which some point is seen.
    """
    total, counts, used = None, None, 0
    for item, prediction in pairs:
        if prediction.vertices_image is None or not _is_frontal(prediction):
            continue
        points = item.landmarks[labels]
        there = np.isfinite(points).all(axis=1)
        if item.visible is not None:
            there &= item.visible
        vertices = prediction.vertices_image[:FACE_VERTICES, :2]
        distance = np.linalg.norm(np.nan_to_num(points)[:, None] - vertices, axis=-1) / item.size
        distance[~there] = 0
        total = distance if total is None else total + distance
        counts = there.astype(int) if counts is None else counts + there
        used += 1
        if used == enough:
            break
    if total is None or counts is None or counts.min() < MIN_VISIBLE:
        raise DataError(
            f"Only {used} frontal training photographs of AFLW-LFPA: its points cannot be found on the mesh."
        )
    return np.argmin(total, axis=1)


def _is_frontal(prediction: Prediction) -> bool:
    if prediction.rotation is None:
        return False
    return bool(np.abs(angles_deg(prediction.rotation)[1]) < FRONTAL_DEG)
