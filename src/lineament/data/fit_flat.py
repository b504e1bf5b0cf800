"""Where a head stands by points in the picture's plane alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineament.data.fit_refine import Faces

Array = NDArray[np.floating]

LEAST_POINTS = 5
SOFT_MM = 5.0
"""Keeps the view of nearly flat sets of points from tearing apart; small against a head."""


def flat_poses(neutral: Array, points: Array, coefficient_count: int) -> Faces:
    """The weak-perspective pose of the mean face that explains points best; all coefficients zero.

    The affine camera in least squares, then the nearest scaled rotation (Tomasi and Kanade's metric step).

    Args:
        neutral: (P, 3) points of the mean face, mm.
        points: (F, P, 3) px, y up; depth is not looked at; NaN where a point is not known.
        coefficient_count: C.

    Raises:
        ValueError: fewer than five points of a photograph are known.
    """
    known = np.isfinite(points[..., :2]).all(axis=-1)
    if np.any(known.sum(axis=1) < LEAST_POINTS):
        raise ValueError(
            f"A photograph has {known.sum(axis=1).min()} known points: a pose takes at least {LEAST_POINTS}."
        )
    poses = [_pose(neutral[k], p[k, :2]) for p, k in zip(points, known, strict=True)]
    rotation, scale, translation = (np.array(part) for part in zip(*poses, strict=True))
    coefficients = np.zeros((len(points), coefficient_count))
    return Faces(rotation, scale, translation, coefficients, np.ones(points.shape[:2]))


def _pose(model: Array, seen: Array) -> tuple[Array, float, Array]:
    """Rotation, scale and translation from matched (P, 3) mm and (P, 2) px."""
    middle, centre = model.mean(axis=0), seen.mean(axis=0)
    rows, aims = model - middle, seen - centre
    affine = np.linalg.solve(rows.T @ rows + SOFT_MM**2 * np.eye(3), rows.T @ aims).T
    left, spread, right = np.linalg.svd(affine, full_matrices=False)
    across = left @ right
    rotation = np.vstack([across, np.cross(across[0], across[1])])
    scale = float(spread.mean())
    shift = centre - scale * across @ middle
    return rotation, scale, np.append(shift, 0.0)
