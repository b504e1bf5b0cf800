"""Spherical harmonics of three bands as Lambertian light (Ramamoorthi and Hanrahan 2001).

Directions are as the camera sees them: x to the viewer's right, y up, z to the viewer (the axes of the model
frame, not turned with the head).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

BAND_FACTORS = (np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8))
"""Lambert's law in each band, as Zhou & Huang (2020) and Deng et al. (2019) have it."""
BASIS_FACTORS = (
    1 / np.sqrt(4 * np.pi),
    np.sqrt(3) / np.sqrt(4 * np.pi),
    3 * np.sqrt(5) / np.sqrt(12 * np.pi),
)
AMBIENT = float(BAND_FACTORS[0] * BASIS_FACTORS[0])
"""What a coefficient of one of the zeroth band alone gives on every surface."""


def harmonics(normals: Array) -> Array:
    """The nine Lambertian basis functions at unit normals.

    Args:
        normals: (..., 3).

    Returns:
        (..., 9), of the dtype of the normals.
    """
    x, y, z = np.moveaxis(normals, -1, 0)
    zeroth, first, second = (a * c for a, c in zip(BAND_FACTORS, BASIS_FACTORS, strict=True))
    root = 1 / np.sqrt(3)
    terms = (
        np.full_like(x, zeroth),
        first * y,
        first * z,
        first * x,
        second * x * y,
        second * y * z,
        second * root / 2 * (3 * z * z - 1),
        second * x * z,
        second / 2 * (x * x - y * y),
    )
    return np.stack(terms, axis=-1).astype(normals.dtype)
