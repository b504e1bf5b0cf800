"""Where strands start: points of the head's mesh for hair, brows, lashes, beard, found once a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.render.body import BodyMesh
from lineament.data.render.hair import HairStyle, beard_field, hair_field
from lineament.geometry.mesh import triangle_areas, vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import boundary_loops

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

SCALP_ROOTS, BEARD_ROOTS, BROW_ROOTS, LASHES = 9000, 4200, 560, 56
BROWS = (slice(17, 22), slice(22, 27))
BROW_MM = 3.6
EYE_OPENING = 0.2  # of the chart's width: the loops of the skin's border that are eyes are narrower
ANY_HAIR = HairStyle("medium", 1.0, np.zeros(3))


@dataclass(frozen=True, slots=True)
class Roots:
    """Points on a mesh, in an order in which any first part is spread evenly.

    Attributes:
        corners: (S, 3) vertices.
        weights: (S, 3) float32, barycentric.
        rest: (S, 3) float32, mm, on the mean face at rest.
        normals: (S, 3) float32 there.
    """

    corners: IntArray
    weights: Array
    rest: Array
    normals: Array

    def on(self, vertices: Array) -> Array:
        """(S, 3) the points on vertices (V, 3)."""
        return np.einsum("sc,sck->sk", self.weights, vertices[self.corners])

    def chosen(self, which: Array) -> Roots:
        """Some of them, by numbers or flags."""
        return Roots(self.corners[which], self.weights[which], self.rest[which], self.normals[which])


@dataclass(frozen=True, slots=True)
class HeadRoots:
    """All roots of a head."""

    scalp: Roots
    beard: Roots
    brows: Roots
    lashes: Roots


def head_roots(model: MorphableModel, body: BodyMesh) -> HeadRoots:
    """Roots on a face model and the tube behind it; the same for the same model."""
    rng = np.random.default_rng(20261121)
    first, last = model.parts.get("face", (0, len(model.triangles)))
    skin = model.triangles[first:last]
    rest = np.concatenate([model.neutral_model, body.rest_model])
    everything = np.concatenate([skin, body.triangles])
    normals = vertex_normals(rest, everything)
    scalp = _scattered(rest, normals, everything, hair_field(rest, ANY_HAIR), SCALP_ROOTS, rng)
    beard = beard_field(rest, "full") * (np.arange(len(rest)) < len(model.neutral_model))
    marks = model.landmark_points("lfm-68").neutral_model
    return HeadRoots(
        scalp,
        _scattered(rest, normals, skin, beard, BEARD_ROOTS, rng),
        _scattered(rest, normals, skin, _brow_field(rest, marks), BROW_ROOTS, rng),
        _lashes(model, skin, rest, normals),
    )


def _scattered(
    rest: Array, normals: Array, triangles: IntArray, field: Array, count: int, rng: np.random.Generator
) -> Roots:
    """Random points, as dense as the field of the vertices says."""
    probability = triangle_areas(rest, triangles) * field[triangles].mean(axis=1)
    chosen = rng.choice(len(triangles), count, p=probability / probability.sum())
    weights = rng.dirichlet(np.ones(3), count).astype(np.float32)
    corners = triangles[chosen]
    places = np.einsum("sc,sck->sk", weights, rest[corners])
    upward = np.einsum("sc,sck->sk", weights, normals[corners])
    upward /= np.maximum(np.linalg.norm(upward, axis=1, keepdims=True), 1e-6)
    return Roots(corners, weights, places.astype(np.float32), upward.astype(np.float32))


def _brow_field(rest: Array, marks: Array) -> Array:
    """(V,) 1 near the lines along the brows' landmarks."""
    field = np.zeros(len(rest))
    for brow in BROWS:
        steps = np.linspace(0, 4, 60)
        line = np.stack([np.interp(steps, np.arange(5), marks[brow][:, k]) for k in range(3)], axis=1)
        distance = np.linalg.norm(rest[:, None] - line, axis=-1).min(axis=1)
        field = np.maximum(field, np.clip(1.6 - distance / BROW_MM, 0, 1))
    return field


def _lashes(model: MorphableModel, skin: IntArray, rest: Array, normals: Array) -> Roots:
    """Points along the rims of the lids; the normals say which way lashes point, up or down and forward."""
    parts = []
    for loop in boundary_loops(skin):
        rim = np.array(loop)
        if np.ptp(model.uv[rim, 0]) > EYE_OPENING or rest[rim, 1].mean() < 0:
            continue
        upper = normals_of_rim(rest[rim])
        along = np.linspace(0, len(rim), LASHES, endpoint=False)
        one = along.astype(int)
        part = (along - one).astype(np.float32)
        corners = np.stack([rim[one], rim[(one + 1) % len(rim)], rim[one]], axis=1)
        weights = np.stack([1 - part, part, 0 * part], axis=1)
        places = np.einsum("sc,sck->sk", weights, rest[corners]).astype(np.float32)
        outward = np.where(upper[one, None] > 0, [0.0, 0.45, 1.0], [0.0, -0.5, 0.8])
        outward[:, 0] = (places[:, 0] - places[:, 0].mean()) * 0.035
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        parts.append(Roots(corners, weights, places, outward.astype(np.float32)))
    return Roots(*(np.concatenate([getattr(p, name) for p in parts]) for name in Roots.__slots__))


def normals_of_rim(rim: Array) -> Array:
    """(R,) +1 on the upper lid, -1 on the lower one, of a closed rim (R, 3)."""
    left, right = rim[np.argmin(rim[:, 0])], rim[np.argmax(rim[:, 0])]
    fraction = (rim[:, 0] - left[0]) / max(float(right[0] - left[0]), 1e-6)
    return np.where(rim[:, 1] >= left[1] + fraction * (right[1] - left[1]), 1.0, -1.0)
