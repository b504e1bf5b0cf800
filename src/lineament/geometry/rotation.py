"""Rotations as matrices, as three angles and as six numbers.

Every matrix here is a proper rotation of the `model` frame (x to the viewer's right, y up, z to the viewer)
and is composed as ``Rx(pitch) @ Ry(yaw) @ Rz(roll)`` of ordinary right-handed elementary rotations. This is
the composition of 300W-LP's ``Pose_Para`` with all three signs turned round (its elementary matrices are
transposed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Angles:
    """Head angles in radians, zero for a frontal face; scalars or arrays of one shape.

    Attributes:
        yaw: positive turns the nose to the viewer's right; in [-pi/2, pi/2] when extracted from a matrix.
        pitch: positive lowers the nose.
        roll: positive is counter-clockwise to the viewer.
    """

    yaw: Array
    pitch: Array
    roll: Array


def matrix_from_angles(yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Rotation matrix ``Rx(pitch) @ Ry(yaw) @ Rz(roll)``.

    Args:
        yaw: (...) radians.
        pitch: (...) radians.
        roll: (...) radians.

    Returns:
        (..., 3, 3) float64, proper rotations of the model frame.
    """
    yaw, pitch, roll = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (yaw, pitch, roll)))
    return _about_axis(pitch, 0) @ _about_axis(yaw, 1) @ _about_axis(roll, 2)


def _about_axis(angle: Array, axis: int) -> Array:
    """Right-handed rotation by `angle` (...) about one coordinate axis."""
    matrix = np.zeros((*angle.shape, 3, 3))
    after, last = (axis + 1) % 3, (axis + 2) % 3
    matrix[..., axis, axis] = 1
    matrix[..., after, after] = matrix[..., last, last] = np.cos(angle)
    matrix[..., last, after] = np.sin(angle)
    matrix[..., after, last] = -np.sin(angle)
    return matrix


def angles_from_matrix(rotation: Array) -> Angles:
    """Yaw, pitch and roll of rotations composed as :func:`matrix_from_angles` does.

    The inverse is exact for yaw within +-90 degrees; at +-90 degrees only the sum or difference of pitch and
    roll is determined, and the split between them is arbitrary.

    Args:
        rotation: (..., 3, 3) proper rotations.

    Returns:
        Angles with arrays of shape (...).
    """
    rotation = np.asarray(rotation)
    yaw = np.arcsin(np.clip(rotation[..., 0, 2], -1, 1))
    pitch = np.arctan2(-rotation[..., 1, 2], rotation[..., 2, 2])
    roll = np.arctan2(-rotation[..., 0, 1], rotation[..., 0, 0])
    return Angles(yaw=yaw, pitch=pitch, roll=roll)


def matrix_from_six(six: Array) -> Array:
    """Rotation whose first two rows are two 3-vectors made orthonormal (Zhou et al. 2019, eq. 15).

    Args:
        six: (..., 6) float, two vectors one after the other, neither zero nor parallel.

    Returns:
        (..., 3, 3) proper rotations.
    """
    first = six[..., :3] / np.linalg.norm(six[..., :3], axis=-1, keepdims=True)
    second = six[..., 3:] - np.sum(first * six[..., 3:], axis=-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-2)


def angle_between(rotation_a: Array, rotation_b: Array) -> Array:
    """Geodesic angle between rotations.

    Args:
        rotation_a: (..., 3, 3) proper rotations.
        rotation_b: (..., 3, 3) proper rotations.

    Returns:
        (...) radians in [0, pi].
    """
    turn = np.swapaxes(rotation_a, -1, -2) @ rotation_b
    axis = np.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        axis=-1,
    )
    # atan2 keeps its precision for small angles, where arccos of the trace loses half of the digits.
    return np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(turn, axis1=-2, axis2=-1) - 1)
