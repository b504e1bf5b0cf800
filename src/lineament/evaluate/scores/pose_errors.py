"""Errors of the head's pose, and which faces published tables leave out.

Angles are pitch, yaw, roll in degrees with the signs of lineament; absolute errors do not care, since
AFLW2000-3D's own signs are all three opposite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.rotation import angles_from_matrix

Array = NDArray[Any]

MAX_ANGLE_DEG = 99.0
GIMBAL_ERROR_DEG, GIMBAL_YAW_ERROR_DEG = 20.0, 5.0


def angles_deg(rotation: Array) -> Array:
    """(..., 3) pitch, yaw, roll in degrees of (..., 3, 3) rotations; yaw within +-90."""
    angles = angles_from_matrix(rotation)
    return np.degrees(np.stack([angles.pitch, angles.yaw, angles.roll], axis=-1))


def within_99_degrees(truth_deg: Array) -> NDArray[np.bool_]:
    """(F,) faces that count by FSA-Net's list (Yang et al. 2019): no true angle is beyond +-99 degrees.

    Of the 2,000 images of AFLW2000-3D 1,969 are left. Papers write "yaw outside +-99", which only six are.
    """
    return np.all(np.abs(truth_deg) <= MAX_ANGLE_DEG, axis=-1)


def not_gimbal_locked(error_deg: Array) -> NDArray[np.bool_]:
    """(F,) faces that the row "SADRNet-fix" keeps.

    It drops those whose pitch or roll is off by more than 20 degrees while the yaw is within 5, as happens at
    profiles, where pitch and roll are not determined apart.

    Args:
        error_deg: (F, 3) absolute errors of pitch, yaw, roll.
    """
    off = np.maximum(error_deg[..., 0], error_deg[..., 2]) > GIMBAL_ERROR_DEG
    return ~(off & (error_deg[..., 1] < GIMBAL_YAW_ERROR_DEG))


def angle_errors_deg(found_deg: Array, truth_deg: Array) -> Array:
    """(..., 3) absolute differences as the published codes take them, without wrapping full turns."""
    return np.abs(np.subtract(found_deg, truth_deg))


def geodesic_deg(rotation: Array, truth: Array) -> Array:
    """(...) angle of the single turn between (..., 3, 3) rotations, degrees, 0 to 180.

    Unlike the three angles it is defined at every pose. From the skew part for small turns and the trace for
    large ones, as the arc cosine alone loses half of the digits near 0 and 180.
    """
    between = np.swapaxes(np.asarray(truth, dtype=np.float64), -1, -2) @ np.asarray(rotation, np.float64)
    x, y, z = (between[..., i, j] - between[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0)))
    sine = np.sqrt(x * x + y * y + z * z) / 2
    cosine = (np.trace(between, axis1=-2, axis2=-1) - 1) / 2
    return np.degrees(np.arctan2(sine, cosine))
