"""Alignment by a few matched points as SADRNet and DSFNet do it: weighted, in closed form.

Unlike :func:`lineament.geometry.similarity.fit_similarity` the scale is a ratio of summed distances, in which
no weight plays a part, and so is a function of the points' extent alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.similarity import Similarity

Array = NDArray[np.floating]

Centre = Literal["weighted", "code"]
MIN_WEIGHT = 1e-9  # weights that sum to less count as equal
MIN_EXTENT = 1e-12


def align_points(
    source: Array, target: Array, weights: Array | None = None, *, centre: Centre = "weighted"
) -> Similarity:
    """The similarity that carries matched points over one another.

    Scale: the points' summed distances from their weighted centroids, target's over source's. Rotation: the
    proper one with the least weighted squared distance. Frames of different handedness must be flipped by the
    caller first. Where all weights are zero, all points count alike.

    Args:
        source: (..., N, 3) points.
        target: (..., N, 3) points matched one to one.
        weights: (..., N) at least 0; all equal when left out.
        centre: "code" centres on plain means once the scale is known, as the official codes of SADRNet and
            DSFNet do; a point of no weight then still moves the translation.

    Returns:
        Similarity with the leading shape of the points.
    """
    source, target = (np.asarray(points, np.float64) for points in (source, target))
    given = np.ones(source.shape[:-1]) if weights is None else np.asarray(weights, np.float64)
    total = given.sum(axis=-1, keepdims=True)
    weights = np.where(total > MIN_WEIGHT, given, 1.0)
    fractions = (weights / weights.sum(axis=-1, keepdims=True))[..., None]
    source_mean, target_mean = (np.sum(fractions * p, axis=-2, keepdims=True) for p in (source, target))
    extents = (
        np.linalg.norm(p - mean, axis=-1).sum(axis=-1)
        for p, mean in ((source, source_mean), (target, target_mean))
    )
    source_extent, target_extent = extents
    scale = target_extent / np.maximum(source_extent, MIN_EXTENT)
    if centre == "code":
        source_mean, target_mean = (p.mean(axis=-2, keepdims=True) for p in (source, target))
    rotation = _nearest_rotation(
        np.swapaxes(fractions * (target - target_mean), -1, -2) @ (source - source_mean)
    )
    moved = scale[..., None] * (source_mean @ np.swapaxes(rotation, -1, -2))[..., 0, :]
    return Similarity(scale=scale, rotation=rotation, translation=target_mean[..., 0, :] - moved)


def _nearest_rotation(covariance: Array) -> Array:
    """(..., 3, 3) the proper rotation nearest to a matrix; NaN where that is not finite."""
    finite = np.isfinite(covariance).all(axis=(-1, -2), keepdims=True)
    left, _, right = np.linalg.svd(np.where(finite, covariance, np.eye(3)))
    signs = np.ones(left.shape[:-1])
    signs[..., 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    return np.where(finite, (left * signs[..., None, :]) @ right, np.nan)
