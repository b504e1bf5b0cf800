"""Statistical face models: a mean face, how people differ, how one face moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from lineament.geometry.face_mesh import (
    Array,
    FaceMesh,
    IntArray,
    LandmarkScheme,
    Recipe,
    weighted_sum,
    whole,
)
from lineament.geometry.half_basis import HalfBasis

STRIDE = 32  # numbers that BLAS multiplies at a time; it takes the rest one by one: 153 cost more than 160


@dataclass(frozen=True, slots=True)
class Mirror:
    """What a face model does when the picture is mirrored left to right; exact.

    Attributes:
        vertex: (N,) int, the vertex on the other side.
        identity_sign: (K,) +1 for symmetric modes, -1 for antisymmetric ones.
        expression: (E,) int, the blendshape of the other side.
    """

    vertex: IntArray
    identity_sign: Array
    expression: IntArray


@dataclass(frozen=True, slots=True, repr=False, weakref_slot=True)
class MorphableModel:
    """A linear face model in the model frame (mm; x to the viewer's right, y up, z to the viewer).

    Attributes:
        name: what results and weights files call it.
        neutral_model: (N, 3) float32, the mean face at rest.
        identity_basis: (K, N, 3) float32, mm per standard deviation.
        expression_basis: (E, N, 3) float32, mm per unit of expression weight.
        expression_names: E names; ARKit's for blendshapes, "expression_0" and so on for statistical modes.
        triangles: (M, 3) int32, counter-clockwise seen from outside.
        expression_bounds: least and greatest meaningful weight, (0, 1) for blendshapes, None if unbounded.
        uv: (N, 2) float in [0, 1], right and down from the map's corner, or None.
        mirror: how the model mirrors, or None where it has no exact symmetry.
        schemes: landmark schemes by name.
        parts: triangle ranges [first, last) by name; "face" is the skin, others make pictures look right.
        mesh: all of this but the coefficients, which results share.
    """

    name: str
    neutral_model: Array
    identity_basis: Array
    expression_basis: Array
    expression_names: tuple[str, ...]
    triangles: IntArray
    expression_bounds: tuple[float, float] | None = None
    uv: Array | None = None
    mirror: Mirror | None = None
    schemes: Mapping[str, LandmarkScheme] = field(default_factory=dict)
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    mesh: FaceMesh = field(init=False, compare=False)
    _block: Array = field(init=False, repr=False, compare=False)
    _half: HalfBasis | Literal["unknown"] | None = field(default="unknown", init=False, compare=False)
    _recipe: Callable[[], Recipe] | None = field(default=None, init=False, compare=False)
    _landmark_points: dict[str, MorphableModel] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        """Lay both bases into one block, so that a face is one pass through memory."""
        object.__setattr__(self, "mesh", _mesh(self))
        known, moving = len(self.identity_basis), len(self.expression_basis)
        object.__setattr__(self, "_block", _block(self.identity_basis, self.expression_basis))
        by_coefficient = self._block.transpose(2, 0, 1)
        object.__setattr__(self, "identity_basis", by_coefficient[:known])
        object.__setattr__(self, "expression_basis", by_coefficient[known : known + moving])

    def __repr__(self) -> str:
        """Name and sizes: the arrays would fill the screen."""
        return (
            f"MorphableModel({self.name!r}, vertices={len(self.neutral_model)}, "
            f"triangles={len(self.triangles)}, identity={len(self.identity_basis)}, "
            f"expression={len(self.expression_basis)})"
        )

    def __reduce__(self) -> Recipe:
        """Pickled as where it is loaded from, if that is known; else whole."""
        return whole(self) if self._recipe is None else self._recipe()

    def __copy__(self) -> MorphableModel:
        """The same: it never changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> MorphableModel:
        """The same: it never changes."""
        return self

    def loaded_by(self, model: Callable[[], Recipe], mesh: Callable[[], Recipe]) -> None:
        """From now on model and mesh are pickled as calls that load them again; for readers of models.

        Args:
            model: gives the call that loads the model, when it is pickled.
            mesh: the same for its mesh.
        """
        object.__setattr__(self, "_recipe", model)
        self.mesh.loaded_by(mesh)

    def vertices_model(self, identity: Array, expression: Array) -> Array:
        """Faces of given coefficients.

        Args:
            identity: (..., K') in standard deviations; fewer than K leave the others at zero.
            expression: (..., E').

        Returns:
            (..., N, 3) mm, model frame.
        """
        if np.ndim(identity) == np.ndim(expression) == 1:
            return self.neutral_model + self._one_face(identity, expression)
        differences = weighted_sum(identity, self.identity_basis) + weighted_sum(
            expression, self.expression_basis
        )
        return self.neutral_model + differences

    def _one_face(self, identity: Array, expression: Array) -> Array:
        """(N, 3) differences of one face: too little work for the threads of a matrix library to wake."""
        known, moving = len(self.identity_basis), len(self.expression_basis)
        coefficients = np.zeros(self._block.shape[-1] + 1, np.result_type(identity, expression))
        coefficients[: len(identity)] = identity[:known]
        coefficients[known : known + len(expression)] = expression[:moving]
        half = self._half_basis()
        if half is None:
            return np.vecdot(self._block, coefficients[:-1])
        return half.summed(coefficients[: known + moving + 1])

    def _half_basis(self) -> HalfBasis | None:
        """One side of the bases, made when first asked for; None where the model has no exact mirror."""
        if self._half != "unknown":
            return self._half
        half = None
        if self.mirror is not None:
            known, moving = len(self.identity_basis), len(self.expression_basis)
            partner = np.concatenate([np.arange(known), known + self.mirror.expression])
            sign = np.concatenate([self.mirror.identity_sign, np.ones(moving)])
            half = HalfBasis.of(self._block[..., : known + moving], self.mirror.vertex, partner, sign)
        object.__setattr__(self, "_half", half)
        return half

    def landmarks_model(self, identity: Array, expression: Array, *, scheme: str) -> Array:
        """Landmarks of given coefficients, (..., P, 3) mm, model frame, without making the whole mesh."""
        return self.landmark_points(scheme).vertices_model(identity, expression)

    def landmark_points(self, scheme: str) -> MorphableModel:
        """A model without triangles whose vertices are the landmarks of one scheme; made once.

        Raises:
            ValueError: the model has no such scheme.
        """
        if scheme not in self.schemes:
            raise ValueError(
                f"The face model {self.name!r} has landmark schemes {sorted(self.schemes)}, not {scheme!r}."
            )
        if scheme not in self._landmark_points:
            self._landmark_points[scheme] = self._gathered(scheme)
        return self._landmark_points[scheme]

    def _gathered(self, scheme: str) -> MorphableModel:
        layout = self.schemes[scheme]
        return replace(
            self,
            name=f"{self.name}/{scheme}",
            neutral_model=layout.points_on(self.neutral_model) + layout.offset_model,
            identity_basis=_moved_basis(self.identity_basis, layout, layout.identity_offset),
            expression_basis=_moved_basis(self.expression_basis, layout, layout.expression_offset),
            triangles=np.zeros((0, 3), np.int32),
            uv=None,
            mirror=None,
            schemes={},
            parts={},
        )

    def truncated(self, identity_count: int, expression_count: int | None = None) -> MorphableModel:
        """The same model with only its leading modes; blendshapes with a mirror map must all stay."""
        expression_count = len(self.expression_basis) if expression_count is None else expression_count
        mirror = self.mirror
        if mirror is not None:
            if expression_count < len(self.expression_basis):
                raise ValueError("A model with an exact mirror map cannot lose some of its blendshapes.")
            mirror = replace(mirror, identity_sign=mirror.identity_sign[:identity_count])
        return replace(
            self,
            identity_basis=self.identity_basis[:identity_count],
            expression_basis=self.expression_basis[:expression_count],
            expression_names=self.expression_names[:expression_count],
            mirror=mirror,
        )

    def mirrored(self, identity: Array, expression: Array) -> tuple[Array, Array]:
        """Coefficients of the same faces in a mirror: (..., K) identity and (..., E) expression.

        Raises:
            ValueError: the model has no exact symmetry (such as Basel's).
        """
        if self.mirror is None:
            raise ValueError(
                f"The face model {self.name!r} is not symmetric: its coefficients have no mirror."
            )
        sign = self.mirror.identity_sign[: np.shape(identity)[-1]]
        return identity * sign, expression[..., self.mirror.expression]


def _moved_basis(basis: Array, layout: LandmarkScheme, offset: Array) -> Array:
    """(C, P, 3) how landmarks follow coefficients: with the mesh and by the scheme's (C', P, 3) offsets."""
    moved = layout.points_on(basis)
    moved[: len(offset)] += offset[: len(moved)]
    return moved


def _mesh(model: MorphableModel) -> FaceMesh:
    return FaceMesh(
        name=model.name,
        mean_model=model.neutral_model,
        triangles=model.triangles,
        uv=model.uv,
        parts=model.parts,
        schemes=model.schemes,
        mirror=None if model.mirror is None else model.mirror.vertex,
    )


def _block(identity_basis: Array, expression_basis: Array) -> Array:
    """(N, 3, W) both bases, the coefficients innermost, zeros up to a whole number of strides."""
    count, used = len(identity_basis), len(identity_basis) + len(expression_basis)
    block = np.zeros((*identity_basis.shape[1:], -(-used // STRIDE) * STRIDE), identity_basis.dtype)
    block[..., :count] = np.moveaxis(identity_basis, 0, -1)
    block[..., count:used] = np.moveaxis(expression_basis, 0, -1)
    return block
