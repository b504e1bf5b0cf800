"""What a face mesh lacks of a head: a skull with its hair and a neck, as simple solids in the head's frame.

The solids of :mod:`lineament.data.heads.solids`, carried to the border of the mesh at hand. Seen from the
side they stand where a photograph from the front shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.solids import NECK, SKULL
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import boundary_loops

Array = NDArray[Any]

_HAIR_BAND_MM = (112.0, 132.0)  # where a photograph from the front shows what covers the head
_UNDER_MM = 6.0  # the shell lies under what the photograph shows
_FACE_BEGINS_MM = (  # heights, and how far forward the shell reaches there: a little under the mesh's border
    (-105.0, -98.0, -66.0, -40.0, 14.0, 41.0, 81.0, 100.0, 112.0, 118.0, 119.0),
    (200.0, 16.0, -6.0, -25.0, -38.0, -20.0, -12.0, 8.0, 26.0, 50.0, 200.0),
)
_ROUND, _ALONG, _NECK_ALONG = 28, 14, 12


@dataclass(frozen=True, slots=True)
class Shell:
    """Skull and neck as a mesh, with places of the photograph that show what they are covered with.

    Attributes:
        vertices_model: (V, 3) float, mm.
        sample_model: (V, 3) float, mm: a point of the head's front with the same kind of cover.
        is_skull: (V,) bool, else it is neck.
        triangles: (T, 3) int32, counter-clockwise seen from outside.
    """

    vertices_model: Array
    sample_model: Array
    is_skull: Array
    triangles: Array

    @classmethod
    def unit(cls) -> Shell:
        """The shell of the neutral face."""
        ball, tube = _lattice(_ALONG, round_off=True), _lattice(_NECK_ALONG, round_off=False)
        skull = SKULL.center_mm + ball * (SKULL.semiaxes_mm - _UNDER_MM)
        neck = NECK.center_mm + tube * (NECK.semiaxes_mm - _UNDER_MM)
        height = np.abs((skull[:, 1] / 55.0) % 2 - 1)  # up and down the band again and again
        hair_y = _HAIR_BAND_MM[0] + height * (_HAIR_BAND_MM[1] - _HAIR_BAND_MM[0])
        hair = np.stack([0.4 * skull[:, 0], hair_y, np.full(len(skull), 46.0)], axis=1)
        triangles = np.concatenate([_lattice_triangles(_ALONG), _lattice_triangles(_NECK_ALONG) + len(skull)])
        vertices = np.concatenate([skull, neck])
        behind_face = vertices[:, 2] < np.interp(vertices[:, 1], *_FACE_BEGINS_MM)
        triangles = triangles[behind_face[triangles].all(axis=1)].astype(np.int32)
        is_skull = np.arange(len(vertices)) < len(skull)
        return cls(vertices, np.concatenate([hair, neck]), is_skull, triangles)


@dataclass(frozen=True, slots=True)
class HeadFrame:
    """Carries the neutral head's solids to a head of another shape: a stretch and a shift per axis.

    Attributes:
        stretch: (3,).
        shift_mm: (3,).
    """

    stretch: Array
    shift_mm: Array

    @classmethod
    def between(cls, neutral_border: Array, border: Array) -> HeadFrame:
        """From the (B, 3) border of the neutral mesh to that of another head, mm."""
        low, high = neutral_border.min(axis=0), neutral_border.max(axis=0)
        new_low, new_high = border.min(axis=0), border.max(axis=0)
        # The jaw moves the border's lower end, not the skull: heights follow widths and hang from the top.
        stretch = (new_high - new_low) / (high - low)
        stretch[1] = stretch[0]
        shift = (new_low + new_high) / 2 - stretch * (low + high) / 2
        shift[1] = new_high[1] - stretch[1] * high[1]
        return cls(stretch, shift)

    def carried(self, points_model: Array) -> Array:
        """(..., 3) points of the neutral head on this one."""
        return points_model * self.stretch + self.shift_mm

    def back(self, points_model: Array) -> Array:
        """(..., 3) points of this head on the neutral one, the inverse of :meth:`carried`."""
        return (points_model - self.shift_mm) / self.stretch


def outer_border(model: MorphableModel) -> NDArray[np.int64]:
    """(B,) vertices of the face's outer border, in order."""
    first, last = model.parts.get("face", (0, len(model.triangles)))
    return np.array(boundary_loops(model.triangles[first:last])[0])


@numba.njit(cache=True, nogil=True)
def solid_depth(origin: Array, along: Array, centers: Array, semiaxes: Array) -> Array:
    """How far along parallel rays the nearest of some ellipsoids is.

    Args:
        origin: (P, 3) a point of each ray, neutral head, mm.
        along: (3,) direction of all rays; distances are in its length.
        centers: (S, 3) mm.
        semiaxes: (S, 3) mm.

    Returns:
        (P,) infinite where a ray meets none.
    """
    depth = np.full(len(origin), np.inf)
    for p in range(len(origin)):
        for s in range(len(centers)):
            aa = ab = bb = 0.0
            for k in range(3):
                a = along[k] / semiaxes[s, k]
                b = (origin[p, k] - centers[s, k]) / semiaxes[s, k]
                aa, ab, bb = aa + a * a, ab + a * b, bb + b * b
            inside = ab * ab - aa * (bb - 1.0)
            if inside > 0:
                depth[p] = min(depth[p], (-ab - np.sqrt(inside)) / aa)
    return depth


def _lattice(rows: int, *, round_off: bool) -> Array:
    """((rows + 1) * (_ROUND + 1), 3) rings from bottom to top of a unit sphere, or of a unit cylinder."""
    azimuth = np.linspace(0, 2 * np.pi, _ROUND + 1)[None]
    level = np.linspace(-1, 1, rows + 1)[:, None]
    radius = np.cos(level * np.pi / 2) if round_off else np.ones_like(level)
    height = np.sin(level * np.pi / 2) if round_off else level
    x, z = radius * np.sin(azimuth), radius * np.cos(azimuth)
    return np.stack([x, np.broadcast_to(height, x.shape), z], axis=-1).reshape(-1, 3)


def _lattice_triangles(rows: int) -> Array:
    """Triangles of such rings, counter-clockwise seen from outside."""
    corner = np.arange((rows + 1) * (_ROUND + 1)).reshape(rows + 1, _ROUND + 1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, d), (a, d, c))])
