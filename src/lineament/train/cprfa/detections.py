"""The detection table (the paper's table 1): errors of detected vertices, and how many are detected.

Errors count detected vertices alone, so they mean nothing without the rate beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.train.cprfa.observations import SeenFace

Array = NDArray[Any]

LEAST_RATE = 10.0
"""Percent of vertices detected, below which a face counts as failed."""
LARGEST_NME = 10.0
"""Percent, above which it does."""
PARTS = ("chosen", "all")
COLUMNS = ("nme", "adr", "adr_visible")


def detection_figures(faces: Iterable[SeenFace], chosen: Array) -> dict[str, float]:
    """Means over faces, percent.

    Args:
        faces: what was seen of each, beside the truth.
        chosen: places of the vertices of the matrices.

    Returns:
        "detected_nme_chosen", the error over the size of the landmarks' box; "detected_adr_chosen", the rate
        among all of them, and "detected_adr_visible_chosen" among those that the crop shows; the same for
        "all"; "detected_failed", faces whose error of the chosen is above 10 % or whose rate is below 10 %.
        Faces without a detection have no error; where nothing is detected at all there is no figure of it.

    Raises:
        DataError: there is no face.
    """
    rows = [[*_measured(face, chosen), *_measured(face, slice(None))] for face in faces]
    if not rows:
        raise DataError("There are no crops to measure detections on: name samples of fitted faces.")
    table = np.array(rows)
    names = [f"detected_{column}_{part}" for part in PARTS for column in COLUMNS]
    known = np.isfinite(table)
    measured = known.any(axis=0)
    means = np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    failed = ~(table[:, 0] <= LARGEST_NME) | (table[:, 1] < LEAST_RATE)
    figures = {name: mean for name, mean, has in zip(names, means.tolist(), measured, strict=True) if has}
    return figures | {"detected_failed": 100 * float(failed.mean())}


def _measured(face: SeenFace, places: Array | slice) -> tuple[float, float, float]:
    """NME, rate, and rate among visible vertices, percent."""
    found, visible = face.seen.detected[places], face.visible[places]
    error = np.linalg.norm(face.seen.points_crop[places] - face.truth[places], axis=1)[found]
    nme = 100 * float(error.mean()) / face.size if found.any() else np.nan
    of_visible = 100 * float(found[visible].mean()) if visible.any() else np.nan
    return nme, 100 * float(found.mean()), of_visible
