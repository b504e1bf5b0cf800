"""Where the landmarks of a face are that crops are cut around, if only some points are annotated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.geometry.camera import PICTURE_AXES

Array = NDArray[Any]

MIN_POINTS = 4
"""With fewer a pose is not determined."""
DEPTH_RIDGE = 0.1
"""Share of the points' own extent by which depth is held back: a few points in the plane hardly tell it."""


def framing_landmarks(landmarks_image: Array, weights: Array, mean_model: Array) -> NDArray[np.float64]:
    """All 68 landmarks of a face of which some are annotated; the others are the mean face's, posed to fit.

    The pose is a scaled orthographic one: the affine map that fits best, made orthogonal.

    Args:
        landmarks_image: (68, 2 or 3) px; what has no weight is not read.
        weights: (68,) above zero where a landmark is annotated.
        mean_model: (68, 3) mm, the landmarks of the mean face.

    Returns:
        (68, 2) px.

    Raises:
        DataError: fewer than four landmarks are annotated.
    """
    known = np.asarray(weights) > 0
    if known.sum() < MIN_POINTS:
        raise DataError(
            f"Only {int(known.sum())} of the 68 landmarks are annotated: a crop needs {MIN_POINTS} to be cut "
            f"around the face. Leave the sample out."
        )
    seen = np.asarray(landmarks_image, np.float64)[:, :2]
    if known.all():
        return seen
    mean = np.asarray(mean_model, np.float64) * PICTURE_AXES
    middle, center = mean[known].mean(axis=0), seen[known].mean(axis=0)
    about = mean[known] - middle
    ridge = np.diag([0.0, 0.0, DEPTH_RIDGE]) * np.trace(about.T @ about)
    affine = np.linalg.solve(about.T @ about + ridge, about.T @ (seen[known] - center)).T
    left, stretch, right = np.linalg.svd(affine, full_matrices=False)
    posed = (mean - middle) @ (stretch.mean() * left @ right).T + center
    return np.where(known[:, None], seen, posed)
