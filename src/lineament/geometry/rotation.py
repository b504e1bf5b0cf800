"""Rotations as matrices, as three angles and as six numbers.

Every matrix here is a proper rotation of the `model` frame (x to the viewer's right, y up, z to the viewer)
and is composed as ``Rx(pitch) @ Ry(yaw) @ Rz(roll)`` of ordinary right-handed elementary rotations. This is
the composition of 300W-LP's ``Pose_Para`` with all three signs turned round (its elementary matrices are
transposed).
"""

from __future__ import annotations

import math
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


def matrix_from_roll(roll: float) -> Array:
    """(3, 3) float64 what :func:`matrix_from_angles` gives of a roll in radians alone, quicker."""
    cos, sin = math.cos(roll), math.sin(roll)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


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


def matrix_from_vector(vector: Array) -> Array:
    """Rotation about a vector by as many radians as it is long (Rodrigues' formula).

    Args:
        vector: (..., 3) float.

    Returns:
        (..., 3, 3) proper rotations.
    """
    vector = np.asarray(vector, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    cross = np.cross(np.eye(3), vector[..., None, :])
    # sinc is exact at 0, where the plain quotients are not defined.
    sine, versine = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.eye(3) + sine * cross + versine * (cross @ cross)


def vector_from_matrix(rotation: Array) -> Array:
    """The inverse of :func:`matrix_from_vector`, for turns below half a turn.

    Args:
        rotation: (..., 3, 3) proper rotations.

    Returns:
        (..., 3) float, shorter than pi; of half turns the axis is not to be relied on.
    """
    rotation = np.asarray(rotation, dtype=np.float64)
    axis = _doubled_axis(rotation)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True) / 2
    angle = np.arctan2(sine, (np.trace(rotation, axis1=-2, axis2=-1)[..., None] - 1) / 2)
    ratio = np.divide(angle, 2 * sine, out=np.full_like(angle, 0.5), where=sine > 1e-9)
    return axis * ratio


def angle_between(rotation_a: Array, rotation_b: Array) -> Array:
    """Geodesic angle between rotations.

    Args:
        rotation_a: (..., 3, 3) proper rotations.
        rotation_b: (..., 3, 3) proper rotations.

    Returns:
        (...) radians in [0, pi].
    """
    turn = np.swapaxes(rotation_a, -1, -2) @ rotation_b
    axis = _doubled_axis(turn)
    # atan2 keeps its precision for small angles, where arccos of the trace loses half of the digits.
    return np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(turn, axis1=-2, axis2=-1) - 1)


def _doubled_axis(rotation: Array) -> Array:
    """(..., 3) axes of rotations, as long as twice the sines of their angles."""
    return np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        axis=-1,
    )
