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
ROUNDS = 12
RIDGE = 0.003
"""Fraction of the points' own extent that keeps the first map from following every point."""


def framing_landmarks(landmarks_image: Array, weights: Array, mean_model: Array) -> NDArray[np.float64]:
    """All 68 landmarks of a face of which some are annotated; the others are the mean face's, posed to fit.

    The pose is the scaled orthographic one of least squares.

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
    observed = np.asarray(landmarks_image, np.float64)[:, :2]
    if known.all():
        return observed
    mean = np.asarray(mean_model, np.float64) * PICTURE_AXES
    posed = mean @ _pose(mean[known], observed[known]).T
    posed = posed[:, :2] + (observed[known] - posed[known, :2]).mean(axis=0)
    return np.where(known[:, None], observed, posed)


def _pose(points: Array, observed: Array) -> NDArray[np.float64]:
    """(3, 3) scaled rotation under which points (P, 3) come nearest to what is seen of them, (P, 2).

    What is not seen, the depth, is that of the pose before; with it a pose is a rotation that has a formula.
    """
    about, wanted = points - points.mean(axis=0), observed - observed.mean(axis=0)
    # It begins at the affine map, its two rows made a third.
    scatter = about.T @ about
    rows = np.linalg.solve(scatter + RIDGE * np.trace(scatter) * np.eye(3), about.T @ wanted).T
    depth_row = np.cross(*rows) / np.sqrt(np.linalg.norm(rows, axis=1).prod())
    for _ in range(ROUNDS):
        target = np.column_stack([wanted, about @ depth_row])
        left, stretch, right = np.linalg.svd(target.T @ about)
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        pose = (stretch * sign).sum() / (about**2).sum() * (left * sign) @ right
        depth_row = pose[2]
    return pose
