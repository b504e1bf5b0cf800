"""The surroundings of a photographed face as a surface in space: hair, neck, shoulders, what is behind.

A lattice over the picture. Where a lattice point shows one of the head's solids it lies on it; beside them,
what has the colour of the hair falls back gently from the head, and what has not is a wall behind the head.
Beside the face all begins at the depth of the face's edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.heads.skull_and_neck import HeadFrame, solid_depth
from lineament.data.heads.solids import NECK, SKULL, TORSO
from lineament.geometry.camera import WeakPerspective

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

CELL = 3
"""Side of the lattice's cells, px."""
EDGE_MM = 6.0
"""Over how much beside the face the surroundings leave the depth of its edge."""
FALL = 0.7
"""How fast hair beside the head falls back, mm a mm."""
WALL_MM = 130.0
"""How far behind the skull's centre the wall is."""
HAIR_MM = 6.0
"""How much farther out than the skull its hair is."""
_HAIR_REACH_MM, _HAIR_FADE_MM = 35.0, 9.0  # distance from the solids at which hair becomes unlikely
_NOISE = 14.0  # grey levels: colours closer than this are the same

# The neck is a long ellipsoid: a cylinder as far as it is seen.
_CENTERS = np.stack([SKULL.center_mm, NECK.center_mm, TORSO.center_mm])
_SEMIAXES = np.stack([SKULL.semiaxes_mm + HAIR_MM, NECK.semiaxes_mm * [1, 3, 1], TORSO.semiaxes_mm])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A lattice over a picture, in space.

    Attributes:
        points_image: (R, C, 3) px, depth as the face's.
        wall: (R, C) from 0, on the head or body, to 1, behind them.
        triangles: (T, 3) int32 of the flattened points, counter-clockwise to the viewer, of cells that are
            not all face.
    """

    points_image: Array
    wall: Array
    triangles: Array


def lay_surroundings(
    image: Image8, shown: Array, face_depth: Array, camera: WeakPerspective, frame: HeadFrame
) -> Surroundings:
    """The surroundings of a face.

    Args:
        image: (S, S, 3) uint8 RGB.
        shown: (S, S) fraction of the photograph at each pixel.
        face_depth: (S, S) px, the face's depth at each pixel's centre, infinite beside it.
        camera: of the head.
        frame: its shape.
    """
    size = len(face_depth)
    at = np.arange(0, size + CELL, CELL, dtype=np.float64).clip(max=size)
    pixel = np.ix_(*(np.minimum(at.astype(np.int64), size - 1),) * 2)
    x, y = np.meshgrid(at, at)
    outside = ~np.isfinite(face_depth)
    distance, (row, column) = ndimage.distance_transform_edt(outside, return_indices=True)
    beside = distance[pixel] / camera.scale  # mm
    edge = face_depth[row, column][pixel]
    points_model = frame.back(camera.model_from_image(np.stack([x, y, edge], axis=-1)))
    along = np.linalg.inv(camera.image_from_model_matrix)[:, 2] / frame.stretch
    solid = solid_depth(points_model.reshape(-1, 3), along, _CENTERS, _SEMIAXES).reshape(x.shape)
    nothing = ~np.isfinite(solid) & (beside > 0)
    away, (row, column) = ndimage.distance_transform_edt(nothing, return_indices=True)
    away = away * CELL / camera.scale
    on_solid = edge + np.where(np.isfinite(solid), solid, 0.0)
    nearest = on_solid[row, column]
    colors = ndimage.uniform_filter(image.astype(np.float32), (CELL, CELL, 0))[pixel]
    hair = _hairness(colors, points_model[..., 1], beside == 0, away) * (shown[pixel] > 0.9)
    wall = np.where(nothing, 1 - ndimage.gaussian_filter(hair, 1.2), 0.0)
    middle = camera.image_from_model(frame.carried(SKULL.center_mm))[2]
    gentle = np.maximum(nearest, middle) + FALL * away * camera.scale
    steep = middle + (WALL_MM + 0.5 * FALL * away) * camera.scale
    fraction = np.clip((wall - 0.3) / 0.4, 0, 1)
    depth = np.where(nothing, gentle * (1 - fraction) + steep * fraction, on_solid)
    near = np.clip(beside / EDGE_MM, 0, 1)
    near = near * (2 - near)
    depth = np.where(beside > 0, edge * (1 - near) + depth * near, edge)
    return Surroundings(np.stack([x, y, depth], axis=-1), fraction, _cells(beside == 0))


def _hairness(colors: Array, height_mm: Array, is_face: Array, away_mm: Array) -> Array:
    """(R, C) from 0 to 1: how much lattice points beside the head look like what covers its top.

    Args:
        colors: (R, C, 3).
        height_mm: (R, C) height on the head.
        is_face: (R, C).
        away_mm: (R, C) distance from the head.
    """
    cover = (height_mm > 95) & (height_mm < 124) & (away_mm == 0)
    other = (away_mm > 55) & (height_mm > -30)
    if cover.sum() < 6 or other.sum() < 6:
        return np.zeros(away_mm.shape)
    unlike = [_difference(colors, colors[part]) for part in (cover, other)]
    likeness = np.log((unlike[1] + 1) / (unlike[0] + 1)) - (away_mm - _HAIR_REACH_MM) / _HAIR_FADE_MM
    return np.where(is_face, 0.0, 1 / (1 + np.exp(-np.clip(2 * likeness, -30, 30))))


def _difference(colors: Array, samples: Array) -> Array:
    """(...,) squared difference of (..., 3) colours from (P, 3) samples, over their variance."""
    return (((colors - np.median(samples, axis=0)) ** 2) / (samples.var(axis=0) + _NOISE**2)).sum(axis=-1)


def _cells(inside: Array) -> Array:
    """Two triangles for every cell of which a corner lies beside the face."""
    rows, columns = inside.shape
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    used = ~(inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:])
    halves = [np.stack([k[used] for k in t], axis=-1) for t in ((a, c, b), (b, c, d))]
    return np.concatenate(halves).astype(np.int32)
