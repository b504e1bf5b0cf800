"""Completes textures: what a photograph hides comes from the mirrored other half, then from the mean.

Everything goes over softly: the deviation from the mean that is seen spreads into what is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating]

FILL_TEXELS = 0.08
"""How far a seen deviation from the mean reaches into the unseen, of the chart's side."""
SOFT_TEXELS = 0.012
"""Width of the transition between seen and completed, of the chart's side."""


def completed(albedo: Array, weight: Array, mean: Array) -> Array:
    """A whole texture from one that is partly seen.

    Args:
        albedo: (S, S, 3).
        weight: (S, S) from 0 to 1.
        mean: (S, S, 3) the expected texture, known everywhere.

    Returns:
        (S, S, 3) float32.
    """
    known, soft = _softened(albedo - mean, weight)
    other, other_soft = known[:, ::-1], soft[:, ::-1]
    from_other = other_soft * (1 - soft)
    fraction = np.clip(soft + from_other, 1e-6, 1)[..., None]
    both = (known * soft[..., None] + other * from_other[..., None]) / fraction
    return (mean + both * fraction + _fill_smoothly(both, soft + from_other) * (1 - fraction)).astype(
        np.float32
    )


def _softened(deviation: Array, weight: Array) -> tuple[Array, Array]:
    """The deviation where it is seen, and a weight that falls softly to zero inside of what is seen."""
    sure = np.clip(weight * 2, 0, 1)
    sigma = SOFT_TEXELS * len(weight)
    inner = ndimage.gaussian_filter(ndimage.minimum_filter(sure, int(2 * sigma) | 1), sigma)
    return deviation, np.minimum(inner, sure).astype(np.float32)


def _fill_smoothly(deviation: Array, weight: Array) -> Array:
    """(S, S, 3) weighted local mean of the deviation; far from all that is seen its overall mean."""
    near = FILL_TEXELS * len(weight)
    overall = (deviation * weight[..., None]).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
    amount = ndimage.gaussian_filter(weight, near)
    sums = ndimage.gaussian_filter(deviation * weight[..., None], (near, near, 0))
    little = np.float32(0.02)
    return (sums + little * overall) / (amount + little)[..., None]


def mean_texture(albedos: Array, weights: Array, mask: NDArray[np.bool_]) -> Array:
    """(S, S, 3) symmetric weighted mean of F textures; filled from around where nobody shows anything.

    Args:
        albedos: (F, S, S, 3).
        weights: (F, S, S).
        mask: (S, S) texels of the skin.
    """
    total = np.zeros(albedos.shape[1:], np.float64)
    amount = np.zeros(mask.shape, np.float64)
    for albedo, weight in zip(albedos, weights, strict=True):
        total += albedo * weight[..., None]
        amount += weight
    total, amount = total + total[:, ::-1], amount + amount[:, ::-1]
    known = amount > 0.02 * len(albedos)
    mean = np.where(known[..., None], total / np.maximum(amount, 1e-6)[..., None], 0)
    return fill_outward(mean, known & mask)


def fill_outward(texture: Array, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(S, S, 3) the texture, and where it is not known a smooth continuation of its nearest texels."""
    rows, columns = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    nearest = texture[rows, columns]
    smooth = ndimage.gaussian_filter(nearest, (4, 4, 0))
    return np.where(known[..., None], texture, smooth).astype(np.float32)
