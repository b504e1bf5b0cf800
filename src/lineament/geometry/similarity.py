"""Least-squares alignment of matched points: scale, rotation and translation in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Similarity:
    """``target = scale * rotation @ source + translation``.

    Attributes:
        scale: (...) factor.
        rotation: (..., 3, 3) proper rotation.
        translation: (..., 3) in the target's unit.
    """

    scale: Array
    rotation: Array
    translation: Array

    def apply(self, points: Array) -> Array:
        """Map (..., N, 3) points of the source frame into the target frame."""
        rotated = points @ np.swapaxes(self.rotation, -1, -2)
        return np.asarray(self.scale)[..., None, None] * rotated + self.translation[..., None, :]


def fit_similarity(
    source: Array, target: Array, weights: Array | None = None, *, with_scale: bool = True
) -> Similarity:
    """The similarity with the least weighted squared distance between matched points (Umeyama 1991).

    The rotation is always proper. Frames of different handedness must be flipped by the caller first, because
    a reflection that fits better is never what a face wants.

    Args:
        source: (..., N, 3) points.
        target: (..., N, 3) points matched one to one.
        weights: (..., N) non-negative; all equal when left out. At least three points that are not on a line
            need a positive weight.
        with_scale: False keeps the scale at one.

    Returns:
        Similarity with the leading shape of the points.
    """
    weights = np.ones(source.shape[:-1]) if weights is None else np.broadcast_to(weights, source.shape[:-1])
    weight = (weights / weights.sum(axis=-1, keepdims=True))[..., None]
    source_mean, target_mean = (np.sum(weight * p, axis=-2, keepdims=True) for p in (source, target))
    source_centred, target_centred = source - source_mean, target - target_mean
    covariance = np.swapaxes(weight * target_centred, -1, -2) @ source_centred
    left, singular_values, right = np.linalg.svd(covariance)
    signs = np.ones_like(singular_values)
    signs[..., 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = (left * signs[..., None, :]) @ right
    variance = np.sum(weight * source_centred**2, axis=(-1, -2))
    scale = np.sum(singular_values * signs, axis=-1) / variance if with_scale else np.ones(variance.shape)
    moved_mean = scale[..., None] * (source_mean @ np.swapaxes(rotation, -1, -2))[..., 0, :]
    return Similarity(scale=scale, rotation=rotation, translation=target_mean[..., 0, :] - moved_mean)
