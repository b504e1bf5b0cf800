"""Where the lids of the face model meet, and how far its blinks must go to shut the eyes of one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import boundary_loops

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

MARGIN_RING = 2
"""Edges from the border of the eye's hole (behind the lid) to the line where shut lids touch."""
BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
SHUT = 0.88
"""Blinks of this weight and more are meant to shut the eye."""
MAX_BLINK = 1.3
"""Fits of photographs go as far for large eyes."""


@dataclass(frozen=True, slots=True, repr=False)
class Lids:
    """The gaps between the lids of the person's left and right eye, linear in the coefficients.

    Attributes:
        neutral: (2, P) mm, upper above lower margin, on the mean face at rest; the middle half of the eye.
        identity: (K, 2, P) mm.
        expression: (E, 2, P) mm.
        blinks: (2,) which blendshapes shut the eyes.
    """

    neutral: Array
    identity: Array
    expression: Array
    blinks: IntArray

    @classmethod
    def of(cls, model: MorphableModel) -> Lids:
        """Of the built-in face model, or one with its mesh."""
        pair = lid_margins(model)
        count = len(pair[0])
        assert model.mirror is not None
        upper, lower = (
            np.stack([margin, model.mirror.vertex[margin]])[:, count // 4 : count - count // 4]
            for margin in pair
        )
        parts = (model.neutral_model, model.identity_basis, model.expression_basis)
        neutral, identity, expression = (
            part[..., upper, 1].astype(np.float64) - part[..., lower, 1] for part in parts
        )
        blinks = np.array([model.expression_names.index(name) for name in BLINKS])
        return cls(neutral, identity, expression, blinks)

    def closing(self, identity: Array, expression: Array) -> Array:
        """(2,) weights of the blinks that just shut the left and the right eye; at most :data:`MAX_BLINK`.

        Args:
            identity: (K,).
            expression: (E,) of which the blinks do not count.
        """
        rest = np.array(expression, np.float64)
        rest[self.blinks] = 0
        gap = self.neutral + np.tensordot(identity, self.identity, 1) + np.tensordot(rest, self.expression, 1)
        closed = -np.stack([self.expression[blink, side] for side, blink in enumerate(self.blinks)])
        return np.clip((gap / closed).max(axis=1), 0, MAX_BLINK)

    def shut(self, identity: Array, expression: Array) -> NDArray[np.float32]:
        """(E,) the expression with blinks that are meant to shut an eye as strong as that takes."""
        out = np.array(expression, np.float32)
        meant = out[self.blinks] >= SHUT
        if meant.any():
            out[self.blinks] = np.where(meant, self.closing(identity, expression), out[self.blinks])
        return out


def lid_margins(model: MorphableModel) -> tuple[IntArray, IntArray]:
    """Vertices along the upper and the lower lid of the person's left eye, from temple to nose, in pairs.

    The corners are in both: the first and the last pair are one vertex each.

    Raises:
        ValueError: the mesh has no such margins.
    """
    triangles = model.triangles[slice(*model.parts["face"])]
    points = model.neutral_model
    centre = points[slice(*_ball_range(model))]
    centre = centre[centre[:, 0] > 0].mean(axis=0)
    loops = [np.array(loop) for loop in boundary_loops(triangles)]
    loops = [loop for loop in loops if points[loop][:, 0].min() > 0]
    hole = min(loops, key=lambda loop: float(np.linalg.norm(points[loop].mean(axis=0) - centre)))
    ring = _in_order(_ring(triangles, hole, MARGIN_RING), triangles)
    start = int(np.argmax(points[ring, 0]))
    ring = np.roll(ring, -start)
    half = len(ring) // 2
    one, other = ring[: half + 1], np.concatenate([ring[:1], ring[half:][::-1]])
    return (one, other) if points[one, 1].mean() > points[other, 1].mean() else (other, one)


def mesh_edges(triangles: IntArray) -> IntArray:
    """(L, 2) edges of a mesh, each once, lower vertex first."""
    return np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)


def _ball_range(model: MorphableModel) -> tuple[int, int]:
    vertices = model.triangles[slice(*model.parts["eyeballs"])]
    return int(vertices.min()), int(vertices.max()) + 1


def _ring(triangles: IntArray, hole: IntArray, steps: int) -> IntArray:
    """Vertices that lie `steps` edges from a hole's border."""
    edges = mesh_edges(triangles)
    reached = np.zeros(triangles.max() + 1, bool)
    reached[hole] = True
    ring = hole
    for _ in range(steps):
        touched = np.unique(edges[np.any(reached[edges], axis=1)])
        ring = touched[~reached[touched]]
        reached[ring] = True
    return ring


def _in_order(ring: IntArray, triangles: IntArray) -> IntArray:
    """The vertices of a closed chain one after the other."""
    edges = mesh_edges(triangles)
    edges = edges[np.all(np.isin(edges, ring), axis=1)]
    if len(edges) != len(ring) or len(ring) % 2:
        raise ValueError(f"The margin of the lids is no chain of vertices in pairs: {len(ring)} vertices.")
    ordered, at, before = [], int(ring[0]), -1
    while len(ordered) < len(ring):
        ordered.append(at)
        touching = edges[np.any(edges == at, axis=1)].ravel()
        at, before = next(int(v) for v in touching if v not in (at, before)), at
    return np.array(ordered)
