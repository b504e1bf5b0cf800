"""The vertices around each landmark of a mesh, found once on its mean face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.face_mesh import FaceMesh

NEAR = 0.04
"""Radius of a landmark's surroundings, as a part of the extent of all landmarks: about 6 mm."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Vertices by landmark, laid end to end.

    Attributes:
        vertices: (V,) numbers of vertices, those of the first landmark first; each has one at least.
        starts: (P,) where each landmark's begin.
    """

    vertices: NDArray[np.int64]
    starts: NDArray[np.int64]


@lru_cache(maxsize=8)
def scheme_neighbours(mesh: FaceMesh, scheme: str) -> Neighbours:
    """The vertices near each landmark of one of the mesh's schemes, the corners of its triangle included."""
    layout = mesh.schemes[scheme]
    places: NDArray[Any] = layout.points_model(mesh.mean_model)
    radius = NEAR * np.ptp(places[:, :2], axis=0).max()
    found = []
    for place, corners in zip(places, layout.vertex_index, strict=True):
        near = np.flatnonzero(((mesh.mean_model - place) ** 2).sum(axis=1) < radius**2)
        found.append(np.union1d(near, corners))
    counts = [len(near) for near in found]
    return Neighbours(np.concatenate(found).astype(np.int64), np.cumsum([0, *counts[:-1]]))
