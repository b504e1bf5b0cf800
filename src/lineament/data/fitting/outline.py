"""Rows of the least-squares problem of points that people set, outlines matched where the head stands.

A point with a fixed place gives one row an axis. A point of the jaw on the far side, or of the midline in
profile, lies on the outline of the head: of the vertices that may make the outline there the outermost is
taken, anew at each step, and along the outline the point may slide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.point_places import PlaceKind, PointPlaces
from lineament.geometry.mesh import barycentric_points, vertex_normals
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

NEAR_SIDE = float(np.sin(np.radians(25)))
"""A jaw turned to the viewer by more shows its own edge instead of an outline."""
PROFILE = float(np.sin(np.radians(50)))
"""Turned farther, the midline is the outline."""
HIDDEN_TRUST = 0.1
"""Weight of points on skin that is turned away: people guess where those are."""
FACING = 0.6
"""Cosine from which skin is seen well: at grazing sight people set points on the outline before it."""
SLIDE_TRUST = 0.15
"""Weight along an outline, against one across it."""
EDGE_TRUST = 0.1
"""Weight of points on the edge of a jaw that looks to the viewer: annotators draw that line differently."""
STRIP_MM, RIDGE_STRIP_MM = 2.5, 1.5
JAW_BACK_MM, JAW_FORWARD_MM, JAW_INWARD_MM = 3.0, 50.0, 45.0
RIDGE_WIDE_MM, RIDGE_DEEP_MM = 12.0, 8.0
MOUTH_HEIGHT_MM = -30.0
"""The middle from which the jaw is outward, below the model's origin."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a face's points: two of each used point.

    Attributes:
        place: (P, 3) mm, where each point lies on the face as it stands, in the head's frame.
        rest: (P, 3) mm, the same on the mean face.
        basis: (C, P, 3) how the places move with the coefficients.
        axes: (P, 2, 2) rows are unit vectors of the picture (y up): across, along.
        trust: (P, 2) relative weight of the two.
    """

    place: Array
    rest: Array
    basis: Array
    axes: Array
    trust: Array


class SchemePoints:
    """The points of a scheme on one face model.

    Args:
        model: the face model.
        places: where its points lie.
    """

    def __init__(self, model: MorphableModel, places: PointPlaces) -> None:
        self.places = places
        basis = np.concatenate([model.identity_basis, model.expression_basis]).astype(float)
        self._rest = barycentric_points(model.neutral_model, places.vertex_index, places.weights).astype(
            float
        )
        self._rest = self._rest + places.offset_model
        self._basis = barycentric_points(basis, places.vertex_index, places.weights).astype(float)
        normals = vertex_normals(model.neutral_model.astype(float), model.triangles)
        self._normals = _unit(barycentric_points(normals, places.vertex_index, places.weights))
        skin = np.unique(model.triangles[slice(*model.parts["face"])]) if model.parts else None
        vertices = np.arange(len(model.neutral_model)) if skin is None else skin
        self._strips = {
            int(p): self._strip(model.neutral_model.astype(float), vertices, p)
            for p in np.flatnonzero(places.kind >= PlaceKind.JAW)
        }
        of_strips = np.unique(np.concatenate([np.zeros(0, int), *self._strips.values()]))
        self._number = {p: np.searchsorted(of_strips, strip) for p, strip in self._strips.items()}
        self._strip_rest = model.neutral_model[of_strips].astype(float)
        self._strip_basis = basis[:, of_strips]

    def __len__(self) -> int:
        """Number of points."""
        return len(self.places)

    @property
    def rest(self) -> Array:
        """(P, 3) mm, where the points lie on the mean face."""
        return self._rest

    @property
    def pose_trust(self) -> Array:
        """(P,) relative weight of each point where the pose is not known yet."""
        kind = self.places.kind
        return np.where(kind == PlaceKind.UNUSED, 0.0, np.where(kind == PlaceKind.JAW, EDGE_TRUST, 1.0))

    def outward(self, point: int) -> Array:
        """(3,) direction of the head in which the outline at a point looks."""
        if self.places.kind[point] == PlaceKind.RIDGE:
            return _unit(self._normals[point] * [0, 1, 1])
        return _unit((self._rest[point] - [0, MOUTH_HEIGHT_MM, 0]) * [1, 1, 0])

    def rows(self, rotation: Array, coefficients: Array) -> Rows:
        """The rows at a pose (3, 3) and a face (C,)."""
        rest, basis = self._rest.copy(), self._basis.copy()
        axes = np.tile(np.eye(2), (len(self), 1, 1))
        facing = (self._normals @ rotation.T)[:, 2]
        fixed = np.clip(facing / FACING, HIDDEN_TRUST, 1.0) * (self.places.kind != PlaceKind.UNUSED)
        trust = np.repeat(fixed[:, None], 2, axis=1)
        if self._strips:
            shape = self._strip_rest + np.tensordot(coefficients, self._strip_basis, 1)
            for p in self._strips:
                if not self._is_on_outline(p, rotation):
                    trust[p] = 1.0 if self.places.kind[p] == PlaceKind.RIDGE else EDGE_TRUST
                    continue
                across = _unit((rotation @ self.outward(p))[:2])
                numbers = self._number[p]
                chosen = numbers[int(np.argmax((shape[numbers] @ rotation.T)[:, :2] @ across))]
                rest[p], basis[:, p] = self._strip_rest[chosen], self._strip_basis[:, chosen]
                axes[p] = [across, [-across[1], across[0]]]
                trust[p] = 1.0, SLIDE_TRUST
        return Rows(rest + np.tensordot(coefficients, basis, 1), rest, basis, axes, trust)

    def _is_on_outline(self, point: int, rotation: Array) -> bool:
        if self.places.kind[point] == PlaceKind.RIDGE:
            return float(np.linalg.norm(rotation[:2, 2] * [1, 0])) > PROFILE
        side = float(np.sign(self._rest[point, 0]))
        return side * float(rotation[2, 0]) < NEAR_SIDE

    def _strip(self, vertices: Array, skin: Array, point: int) -> Array:
        """The vertices that may make the outline at a point."""
        apart = vertices[skin] - self._rest[point]
        if self.places.kind[point] == PlaceKind.RIDGE:
            inside = (np.abs(apart[:, 1]) < RIDGE_STRIP_MM) & (np.abs(apart[:, 2]) < RIDGE_DEEP_MM)
            inside &= np.abs(vertices[skin, 0]) < RIDGE_WIDE_MM
        else:
            out = self.outward(point)
            away = apart @ out
            beside = apart @ np.array([-out[1], out[0], 0])
            inside = (np.abs(beside) < STRIP_MM) & (away > -JAW_INWARD_MM) & (away < JAW_BACK_MM)
            inside &= (apart[:, 2] > -JAW_BACK_MM) & (apart[:, 2] < JAW_FORWARD_MM)
        nearest = skin[[int(np.argmin(np.linalg.norm(apart, axis=1)))]]
        return np.union1d(skin[inside], nearest)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
