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

from lineament.geometry.morphable import MorphableModel
from tools.face_model.source import boundary_loops, mirrored

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

MARGIN_RING = 2
"""Edges from the border of the eye's hole (behind the lid) to the line where shut lids touch."""
SKIN_MM = 9.0
"""How far from the margin the skin follows."""
LOWER_SHARE = 0.35
"""Share of the slit that the lower lid closes: the upper one is the one that moves in a blink."""


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
    move = np.concatenate([(1 - LOWER_SHARE) * slit, -LOWER_SHARE * slit])
    blink[:skin_count] += _spread(rest, model.triangles[slice(*model.parts["face"])], margin, move)
    basis = model.expression_basis.copy()
    basis[left], basis[right] = blink, mirrored(blink, model.mirror.vertex)
    return replace(model, expression_basis=basis)


def lid_margins(model: MorphableModel) -> tuple[IntArray, IntArray]:
    """Vertices along the upper and the lower lid of the person's left eye, from temple to nose, in pairs.

    The corners are in both: the first and the last pair are one vertex each.
    """
    triangles = model.triangles[slice(*model.parts["face"])]
    points = model.neutral_model
    centre = points[slice(*_ball_range(model))]
    centre = centre[centre[:, 0] > 0].mean(axis=0)
    loops = [loop for loop in boundary_loops(triangles) if points[loop][:, 0].min() > 0]
    hole = min(loops, key=lambda loop: float(np.linalg.norm(points[loop].mean(axis=0) - centre)))
    ring = _in_order(_ring(triangles, hole, MARGIN_RING), triangles)
    start = int(np.argmax(points[ring, 0]))
    ring = np.roll(ring, -start)
    half = len(ring) // 2
    one, other = ring[: half + 1], np.concatenate([ring[:1], ring[half:][::-1]])
    return (one, other) if points[one, 1].mean() > points[other, 1].mean() else (other, one)


def _ball_range(model: MorphableModel) -> tuple[int, int]:
    vertices = model.triangles[slice(*model.parts["eyeballs"])]
    return int(vertices.min()), int(vertices.max()) + 1


def _edges(triangles: IntArray) -> IntArray:
    return np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)


def _ring(triangles: IntArray, hole: IntArray, steps: int) -> IntArray:
    """Vertices that lie `steps` edges from a hole's border."""
    edges = _edges(triangles)
    seen = np.zeros(triangles.max() + 1, bool)
    seen[hole] = True
    ring = hole
    for _ in range(steps):
        touched = np.unique(edges[np.any(seen[edges], axis=1)])
        ring = touched[~seen[touched]]
        seen[ring] = True
    return ring


def _in_order(ring: IntArray, triangles: IntArray) -> IntArray:
    """The vertices of a closed chain one after the other."""
    edges = _edges(triangles)
    edges = edges[np.all(np.isin(edges, ring), axis=1)]
    if len(edges) != len(ring) or len(ring) % 2:
        raise SystemExit(f"The margin of the lids is no chain of vertices in pairs: {len(ring)} vertices.")
    ordered, at, before = [], int(ring[0]), -1
    while len(ordered) < len(ring):
        ordered.append(at)
        touching = edges[np.any(edges == at, axis=1)].ravel()
        at, before = next(int(v) for v in touching if v not in (at, before)), at
    return np.array(ordered)


def _spread(points: Array, triangles: IntArray, margin: IntArray, move: Array) -> Array:
    """(N, 3) movement of the skin: `move` on the margin, fading with the way along the mesh to it."""
    edges = _edges(triangles)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = csr_matrix((length, edges.T), shape=(len(points), len(points)))
    way = dijkstra(graph, directed=False, indices=margin, limit=SKIN_MM)
    share = 1 / (way + 0.3) ** 4
    near = way.min(axis=0)
    fade = np.where(near < SKIN_MM, (1 - np.minimum(near / SKIN_MM, 1) ** 2) ** 2, 0)
    total = np.maximum(share.sum(axis=0), 1e-30)
    spread = (share.T @ move) / total[:, None] * fade[:, None]
    spread[margin] = move
    return spread
