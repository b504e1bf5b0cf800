"""Makes the blink shapes close: at weight one the margins of both lids of the mean face are the same line.

ICT's blinks leave a slit of about a millimetre. The mesh has a ring of vertices along the margins of the
lids, as many on the upper as on the lower one; in the shut eye each pair is moved onto one point between the
two, and the skin around follows, less and less with the distance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from lineament.data.heads.lids import lid_margins, mesh_edges
from lineament.geometry.morphable import MorphableModel
from tools.face_model.source import mirrored

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

SKIN_MM = 9.0
"""How far from the margin the skin follows."""
LOWER_FRACTION = 0.35
"""Fraction of the slit that the lower lid closes: the upper one is the one that moves in a blink."""


def with_closing_lids(model: MorphableModel) -> MorphableModel:
    """The model with blinks that close exactly; every other shape is as before.

    Args:
        model: LFM, symmetric, with the shapes eyeBlinkLeft and eyeBlinkRight.
    """
    assert model.mirror is not None
    names = model.expression_names
    left, right = names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")
    upper, lower = lid_margins(model)
    skin_count = int(model.triangles[slice(*model.parts["face"])].max()) + 1
    rest = model.neutral_model[:skin_count].astype(np.float64)
    blink = model.expression_basis[left].astype(np.float64)
    shut = rest + blink[:skin_count]
    slit = shut[lower] - shut[upper]
    margin = np.concatenate([upper, lower])
    move = np.concatenate([(1 - LOWER_FRACTION) * slit, -LOWER_FRACTION * slit])
    blink[:skin_count] += _fill_smoothly(rest, model.triangles[slice(*model.parts["face"])], margin, move)
    basis = model.expression_basis.copy()
    basis[left], basis[right] = blink, mirrored(blink, model.mirror.vertex)
    return replace(model, expression_basis=basis)


def _fill_smoothly(points: Array, triangles: IntArray, margin: IntArray, move: Array) -> Array:
    """(N, 3) movement of the skin: `move` on the margin, fading with the way along the mesh to it."""
    edges = mesh_edges(triangles)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = csr_matrix((length, edges.T), shape=(len(points), len(points)))
    way = dijkstra(graph, directed=False, indices=margin, limit=SKIN_MM)
    fraction = 1 / (way + 0.3) ** 4
    near = way.min(axis=0)
    fade = np.where(near < SKIN_MM, (1 - np.minimum(near / SKIN_MM, 1) ** 2) ** 2, 0)
    total = np.maximum(fraction.sum(axis=0), 1e-30)
    filled = (fraction.T @ move) / total[:, None] * fade[:, None]
    filled[margin] = move
    return filled
