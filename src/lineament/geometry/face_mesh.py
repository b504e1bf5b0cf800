"""The mesh that faces share: triangles, chart, parts and landmarks, whatever found where its vertices are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.rotation import angles_from_matrix
from lineament.geometry.topology import MIRROR_68

Array: TypeAlias = NDArray[np.floating]
IntArray: TypeAlias = NDArray[np.integer]
Recipe: TypeAlias = tuple[Callable[..., Any], tuple[object, ...]]
"""A function of some module and its arguments, as pickle remembers what it calls on arrival."""


_PARTNER = np.asarray(MIRROR_68)
_SIDE = np.sign(_PARTNER - np.arange(68)) * np.sign(_PARTNER[0])
"""(68,) 1 for landmarks on the side of the first one, -1 for those of the other, 0 in the middle."""
_IS_MIDDLE = _SIDE == 0
_MIDDLE = np.flatnonzero(_IS_MIDDLE)


@dataclass(frozen=True, slots=True)
class LandmarkScheme:
    """Where named landmarks lie on a face mesh.

    A landmark is a point of the mesh (three vertices and their weights) moved by an offset that may depend
    linearly on the coefficients. Conventions of data sets differ by more than models do: the offsets carry
    the points of our mesh to where another convention puts the same landmark.

    Attributes:
        name: such as "lfm-68" (the points as registered on the mesh), "300w-lp" or "ibug-68".
        vertex_index: (P, 3) int, corners of the triangle each point lies in.
        weights: (P, 3) float, barycentric weights, rows sum to one.
        offset_model: (P, 3) float, mm, model frame.
        identity_offset: (K', P, 3) float, mm per unit of the first K' identity coefficients; K' may be 0.
        expression_offset: (E', P, 3) float, mm per unit of expression; E' may be 0.
        turn_offset: (T, P, 3) float, mm per unit of :func:`turn_terms`: people set the points of an outline
            where they see it, and that moves over the face as the head turns; T is 4 or 0.
    """

    name: str
    vertex_index: IntArray
    weights: Array
    offset_model: Array
    identity_offset: Array
    expression_offset: Array
    turn_offset: Array = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))

    @classmethod
    def of_vertices(cls, name: str, vertices: IntArray) -> LandmarkScheme:
        """Scheme whose landmarks are (P,) vertices of the mesh themselves."""
        count = len(vertices)
        return cls(
            name=name,
            vertex_index=np.repeat(np.asarray(vertices)[:, None], 3, axis=1),
            weights=np.tile(np.array([1, 0, 0], np.float32), (count, 1)),
            offset_model=np.zeros((count, 3), np.float32),
            identity_offset=np.zeros((0, count, 3), np.float32),
            expression_offset=np.zeros((0, count, 3), np.float32),
        )

    def points_on(self, vertices: Array) -> Array:
        """(..., P, 3) points on the surface of (..., N, 3) vertices in any frame, without the offsets."""
        return np.einsum("...pck,pc->...pk", vertices[..., self.vertex_index, :], self.weights)

    def points_model(
        self,
        vertices_model: Array,
        identity: Array | None = None,
        expression: Array | None = None,
        rotation: Array | None = None,
    ) -> Array:
        """The landmarks of faces whose vertices are known already.

        Args:
            vertices_model: (..., N, 3) mm, model frame.
            identity: (..., K) the coefficients that made them; left out, no offset follows them.
            expression: (..., E).
            rotation: (3, 3) of the one head, frame `model` to `camera`; left out, it looks ahead.

        Returns:
            (..., P, 3) mm, model frame.
        """
        return self.moved(self.points_on(vertices_model), identity, expression, rotation)

    def moved(
        self,
        points: Array,
        identity: Array | None = None,
        expression: Array | None = None,
        rotation: Array | None = None,
    ) -> Array:
        """Points on the surface with the offsets added: the landmarks.

        Args:
            points: (..., P, 3) mm, model frame, as :meth:`points_on` gives them.
            identity: see :meth:`points_model`.
            expression: the same.
            rotation: the same.
        """
        points = points + self.offset_model
        if rotation is not None and len(self.turn_offset):
            points = points + self._turned(rotation)
        if identity is not None:
            points = points + weighted_sum(identity, self.identity_offset)
        if expression is not None:
            points = points + weighted_sum(expression, self.expression_offset)
        return points

    def _turned(self, rotation: Array) -> Array:
        """(P, 3) mm that the points move by because the head is turned.

        What is stored is of points on the side that is turned to the viewer; points of the other side stay.
        On the middle line the sideways part changes its sign with the side.
        """
        angles = angles_from_matrix(rotation)
        yaw = float(angles.yaw)
        facing = np.where(_IS_MIDDLE, abs(yaw), _SIDE * yaw)
        moved: Array = np.einsum("tp,tpc->pc", turn_terms(facing, float(angles.pitch)), self.turn_offset)
        moved[_MIDDLE, 0] *= np.sign(yaw)
        return moved


def turn_terms(facing: Array, pitch: float) -> Array:
    """(4, P) functions of the head's turn on which the offsets of P points depend linearly.

    Args:
        facing: (P,) radians by which each point's side of the face is turned to the viewer.
        pitch: of the head, radians.
    """
    turned = np.sin(np.minimum(np.maximum(facing, 0.0), np.pi / 2))
    up = np.full_like(turned, np.sin(pitch))
    return np.stack([turned, turned**2, up, up * turned])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceMesh:
    """What is the same for all faces of one topology; a value that is shared and never copied.

    Attributes:
        name: of the face model it belongs to.
        mean_model: (N, 3) float32 mm, model frame: the mean face at rest.
        triangles: (M, 3) int32, counter-clockwise seen from outside.
        uv: (N, 2) float in [0, 1], right and down from the map's corner, or None.
        parts: triangle ranges [first, last) by name; "face" is the skin, others make pictures look right.
        schemes: landmark schemes by name.
        mirror: (N,) int, the vertex on the other side of each, or None where the mesh has no exact symmetry.
    """

    name: str
    mean_model: Array
    triangles: IntArray
    uv: Array | None = None
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    schemes: Mapping[str, LandmarkScheme] = field(default_factory=dict)
    mirror: IntArray | None = None
    _recipe: Callable[[], Recipe] | None = field(default=None, init=False)

    def __repr__(self) -> str:
        """Name and sizes: the arrays would fill the screen."""
        return f"FaceMesh({self.name!r}, vertices={len(self.mean_model)}, triangles={len(self.triangles)})"

    def __reduce__(self) -> Recipe:
        """Pickled as where it is loaded from, if that is known; else whole."""
        return whole(self) if self._recipe is None else self._recipe()

    def __copy__(self) -> FaceMesh:
        """The same: it never changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FaceMesh:
        """The same: it never changes."""
        return self

    def loaded_by(self, recipe: Callable[[], Recipe]) -> None:
        """From now on the mesh is pickled as a call that loads it again; for the readers of face models.

        Args:
            recipe: gives that call, when the mesh is pickled.
        """
        object.__setattr__(self, "_recipe", recipe)


def weighted_sum(coefficients: Array, basis: Array) -> Array:
    """Sum of (C, P, 3) basis vectors weighted by the first C of (..., C') coefficients: (..., P, 3)."""
    count = min(np.shape(coefficients)[-1], len(basis))
    rows = basis[:count].reshape(count, basis.shape[1] * basis.shape[2])
    used = np.asarray(coefficients)[..., :count]
    flat = used @ rows if used.ndim > 1 else np.einsum("c,cn->n", used, rows)
    return flat.reshape(*flat.shape[:-1], *basis.shape[1:])


def whole(value: Any) -> Recipe:  # noqa: ANN401 - any dataclass
    """How pickle and copy remake a frozen dataclass from the fields its constructor takes, and no others."""
    return made_of, (type(value), init_values(value))


def init_values(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """The fields of a dataclass that its constructor takes, by name."""
    return {each.name: getattr(value, each.name) for each in fields(value) if each.init}


def made_of(kind: type[Any], values: dict[str, object]) -> Any:  # noqa: ANN401 - any dataclass
    """A value of the fields that :func:`whole` kept."""
    return kind(**values)
