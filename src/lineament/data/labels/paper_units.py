"""Labels in the units, signs and layouts that the papers' official codes train on.

What lineament keeps in px, mm and its own frames is rescaled here, once, and nowhere else: SADRNet (Ruan et
al. 2021), DSFNet (Li et al. 2023), 3DDFA (Zhu et al. 2016) and SynergyNet (Wu et al. 2021), CPRFA (Wu et al.
2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import ImageMaps, PosedFace
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import Angles

Array = NDArray[Any]

POSITION_UNIT = 280.0 / 256
"""Sides of the crop that SADRNet and DSFNet divide positions by: 280 px of their 256 px crops."""
OFFSET_PER_MM = 0.015
"""SADRNet's 1.5e-5 per micrometre of the Basel model."""
NOSE_TIP = 30
ATTENTION_SIZE = 32


def sadrnet_position_map(position_map_xyz: Array, surface: LabelSurface, *, size: int) -> NDArray[np.float32]:
    """A position map as SADRNet and DSFNet scale it.

    Args:
        position_map_xyz: (S, S, 3) px of the crop, image frame.
        surface: whose chart it is.
        size: side of the crop, px.

    Returns:
        (S, S, 3) x right, y down, z **toward the viewer** with its least value 0, all in units of 280/256
        sides; zero off the chart.
    """
    mask = surface.mask
    scaled = np.float32(position_map_xyz) / np.float32(POSITION_UNIT * size)
    scaled[..., 2] = scaled[..., 2][mask].max() - scaled[..., 2]
    return scaled * mask[..., None]


def sadrnet_offset_map(offset_map_mm: Array) -> NDArray[np.float32]:
    """(S, S, 3) an offset, shape or mean map (mm, model frame) times SADRNet's 1.5e-5 per micrometre."""
    return np.float32(offset_map_mm) * np.float32(OFFSET_PER_MM)


def sadrnet_attention(maps: ImageMaps) -> NDArray[np.float32]:
    """(32, 32) fraction of the face visible in each cell: its silhouette less occluders, SADRNet's A*.

    The published masks are dilated by two px of 256 and sampled; this is the exact area.

    Raises:
        ValueError: the picture is not square with a side divisible by 32.
    """
    height, width = maps.segmentation.shape
    if height != width or height % ATTENTION_SIZE:
        raise ValueError(
            f"The attention mask needs a square picture whose side is a multiple of {ATTENTION_SIZE} px, "
            f"found {(height, width)}: crop the sample so."
        )
    cell = height // ATTENTION_SIZE
    return maps.face.reshape(ATTENTION_SIZE, cell, ATTENTION_SIZE, cell).mean(axis=(1, 3), dtype=np.float32)


def dsfnet_correspondence(maps: ImageMaps) -> NDArray[np.float32]:
    """(H, W, 2) DSFNet's Cor in [-1, 1], column then row; zero where no face is.

    The texel that a value g falls in is floor((g + 1) / 2 * 256), as in the published decoding.
    """
    return (2 * maps.correspondence_uv - 1) * maps.surface[..., None]


def dsfnet_depth(maps: ImageMaps, face: PosedFace) -> NDArray[np.float32]:
    """(H, W) DSFNet's Dep: depth before the tip of the nose, larger is nearer, in units of 280/256 sides."""
    tip = face.landmarks_image("lfm-68" if "lfm-68" in face.model.schemes else "300w-lp")[NOSE_TIP, 2]
    unit = POSITION_UNIT * face.size_hw[1]
    depth = np.where(maps.surface, maps.depth, tip)
    return np.float32((tip - depth) / unit)


def pose_3ddfa(camera: WeakPerspective, *, size: int, units_per_mm: float = 1.0) -> NDArray[np.float64]:
    """(12,) the pose part of 3DDFA's parameters: the rows of [sR | t], y up.

    ``sR X + t`` is a point of the crop in Matlab's pixels (the first centre at 1) with y up from below the
    picture, so that ``size + 1 - y`` is its row; z is toward the viewer.

    Args:
        camera: of the head in the crop.
        size: side of the crop, px (120 in 3DDFA and SynergyNet).
        units_per_mm: of the model that the rows shall be applied to; 1000 for Basel's micrometres.
    """
    x, y, z = (float(value) for value in camera.translation)
    moved = np.array([x + 0.5, size + 0.5 - y, -z])
    return np.column_stack([camera.scale / units_per_mm * camera.rotation, moved]).ravel()


def camera_from_3ddfa(pose: Array, *, size: int, units_per_mm: float = 1.0) -> WeakPerspective:
    """The camera of 3DDFA's twelve numbers, the inverse of :func:`pose_3ddfa`.

    They need not be an exact rotation: the scale is the mean length of the first two rows, the third row of
    the rotation their cross product.
    """
    rows = np.asarray(pose, np.float64).reshape(3, 4)
    lengths = np.linalg.norm(rows[:2, :3], axis=1)
    first, second = rows[:2, :3] / lengths[:, None]
    x, y, z = rows[:, 3]
    rotation = np.stack([first, second, np.cross(first, second)])
    translation = np.array([x - 0.5, size + 0.5 - y, -z])
    return WeakPerspective(rotation, float(lengths.mean() * units_per_mm), translation)


def cprfa_angles(rotation: Array) -> Angles:
    """Angles of ``R = Rz(roll) Ry(yaw) Rx(pitch)``, CPRFA's order; right-handed, radians.

    Args:
        rotation: (..., 3, 3) proper rotations of the model frame.
    """
    yaw = -np.arcsin(np.clip(rotation[..., 2, 0], -1, 1))
    pitch = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return Angles(yaw=yaw, pitch=pitch, roll=roll)
