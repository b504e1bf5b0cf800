"""Close-ups of eyes and mouth: where they are cut, and which points and keys a network reads off them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox, upright_roll
from lineament.errors import WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.eye_turns import eye_turns
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel

Array: TypeAlias = NDArray[Any]

PART = "close-up"
"""Scheme of the points of a part."""
OUTWARD_DEG = 20.0
"""How far an eye looks outward of the head's own direction, about: what decides whether it is seen."""
MIN_FACING = 0.2
"""Cosine between that direction and the viewer's, below which a close-up shows the eye from its side."""
MIN_WITHIN = 0.95
"""Share of a close-up that must be in the photo, unless weights say otherwise: where the chin is cut off, a
network that learned from whole mouths sees a wide one nearly shut."""
SAME_MM = 1e-4
"""How far the middle of a part may be from that of its mirror image if it is said to lie in the middle."""


@dataclass(frozen=True, slots=True, eq=False)
class Middle:
    """The mean of some points of a face, as its coefficients move it.

    Attributes:
        neutral_model: (3,) mm, of the mean face.
        basis: (3, K + E) mm, identity before expression.
    """

    neutral_model: Array
    basis: Array

    @classmethod
    def of(cls, points: MorphableModel) -> Self:
        """Of all points of a model."""
        bases = np.concatenate([points.identity_basis, points.expression_basis])
        return cls(
            points.neutral_model.mean(axis=0, dtype=np.float64), bases.mean(axis=1, dtype=np.float64).T.copy()
        )

    def is_same_as(self, other: Self) -> bool:
        """Whether both are one point of every face."""
        return bool(
            np.allclose(self.neutral_model, other.neutral_model, atol=SAME_MM, rtol=0)
            and np.allclose(self.basis, other.basis, atol=SAME_MM, rtol=0)
        )


@dataclass(frozen=True, eq=False)
class CloseUp:
    """One part of a face, on one side.

    Attributes:
        points: a model without triangles whose P vertices are the points that a close-up shows.
        keys: (K,) places of the expression keys that it shows.
        middle: what a close-up is cut around, of these points.
        side_mm: side of the square that is cut, on the head.
        size: px of the close-up.
        min_within: share of the square that must be in the photo.
        mirrored: whether it is looked at in a mirror: the left eye as if it were the right one.
        facing: (3,) direction of the part, model frame.
        vertex_index: (P, 3) corners of the mesh around each point.
        weights: (P, 3) barycentric weights.
        turns: (E, P, 3) mm, model frame, by which expressions move points beyond the mesh they are on: irises
            go where eyes look, which a mesh of turned spheres does not show.
    """

    points: MorphableModel
    keys: Array
    middle: Middle
    side_mm: float
    size: int
    min_within: float
    mirrored: bool
    facing: Array
    vertex_index: Array
    weights: Array
    turns: Array

    @cached_property
    def bases(self) -> Array:
        """(P, 3, K + E) float32 mm, identity before expression."""
        bases = np.concatenate([self.points.identity_basis, self.points.expression_basis])
        return np.ascontiguousarray(np.moveaxis(bases, 0, -1), np.float32)

    def box(self, camera: WeakPerspective, identity: Array, expression: Array) -> CropBox:
        """Where the part lies in the photo: upright, around the middle of its points.

        Args:
            camera: of the head in the photo.
            identity: (K,).
            expression: (E,).
        """
        moved = self.middle.basis @ np.concatenate([identity, expression])
        x, y, _ = camera.image_from_model(self.middle.neutral_model + moved).tolist()
        return CropBox((x, y), self.side_mm * camera.scale, self.size, upright_roll(camera.rotation))

    def points_on(self, vertices_image: Array, camera: WeakPerspective, expression: Array) -> Array:
        """(P, 3) px where its points are on a mesh.

        Args:
            vertices_image: (N, 3) px, image frame.
            camera: of the head.
            expression: (E,), which says where the eyes look.
        """
        on_mesh = np.einsum("pc,pcd->pd", self.weights, vertices_image[self.vertex_index])
        turned = np.einsum("e,epd->pd", expression, self.turns)
        return np.asarray(on_mesh + camera.image_from_model(turned) - camera.image_from_model(np.zeros(3)))

    def is_shown(self, camera: WeakPerspective) -> bool:
        """Whether the part faces the viewer enough to be looked at."""
        return float(camera.rotation[2] @ self.facing) >= MIN_FACING


@dataclass(frozen=True, slots=True, eq=False)
class CloseUpTable:
    """What has to be known of a part beside the face model; it travels with the weights.

    Attributes:
        vertex_index: (S, P, 3) corners of the mesh around each point, for each side of the face on which the
            part is; what the second side shows in a mirror is what the first shows. A part of the middle is
            its own second side.
        weights: (S, P, 3) barycentric weights.
        keys: (S, K) names of expression keys.
        side_mm: side of the square that is cut, on the head.
        size: px of the close-up.
        min_within: share of the square that must be in the photo.
        irises_turn: whether points on eyeballs go where the eyes look. Networks of before had learned them
            as places of the mesh, where they do not.
    """

    vertex_index: Array
    weights: Array
    keys: tuple[tuple[str, ...], ...]
    side_mm: float
    size: int
    min_within: float = MIN_WITHIN
    irises_turn: bool = False

    def arrays(self) -> dict[str, Array]:
        """As constants of a bundle."""
        return {
            "vertex_index": self.vertex_index.astype(np.int32),
            "weights": self.weights.astype(np.float32),
            "keys": np.array(self.keys, str),
            "side_mm": np.array(self.side_mm, np.float32),
            "size": np.array(self.size, np.int32),
            "min_within": np.array(self.min_within, np.float32),
            "irises_turn": np.array(self.irises_turn),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """The inverse of :meth:`arrays`.

        Raises:
            WeightsError: an array is missing or of another shape.
        """
        try:
            index, weights, keys = arrays["vertex_index"], arrays["weights"], arrays["keys"]
            side_mm, size = float(arrays["side_mm"]), int(arrays["size"])
            min_within = float(arrays.get("min_within", MIN_WITHIN))
            irises_turn = bool(arrays.get("irises_turn", False))
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"These weights do not state where close-ups are cut ({error}): get the file again."
            ) from error
        sided = index.ndim == 3 and index.shape[2] == 3 and 1 <= len(index) <= 2
        if not sided or weights.shape != index.shape or keys.ndim != 2 or len(keys) != len(index):
            raise WeightsError(
                f"These weights place the points of close-ups by arrays of {index.shape}, {weights.shape} "
                f"and {keys.shape}; expected (S, P, 3) twice and (S, K). Get the file again."
            )
        if not (0 < side_mm < 1000 and 8 <= size <= 512 and 0 <= min_within <= 1):
            raise WeightsError(
                f"These weights cut close-ups of {side_mm} mm at {size} px, {min_within} of them within the "
                f"photo. Get the file again."
            )
        names = tuple(tuple(str(key) for key in side) for side in keys)
        return cls(index, weights, names, side_mm, size, min_within, irises_turn)

    def of(self, model: MorphableModel) -> tuple[CloseUp, ...]:
        """The part on each of its sides.

        Raises:
            WeightsError: the face model lacks a key or a vertex: the weights belong to another one.
        """
        names = model.expression_names
        missing = [key for side in self.keys for key in side if key not in names]
        if missing or self.vertex_index.max() >= len(model.neutral_model) or self.vertex_index.min() < 0:
            raise WeightsError(
                f"{model!r} lacks what these weights look at ({missing[:3] or 'vertices'}). They belong to "
                f"another face model."
            )
        sides: list[CloseUp] = []
        for number, (index, weights, keys) in enumerate(zip(self.vertex_index, self.weights, self.keys)):
            turns = eye_turns(model, index, weights)
            if not self.irises_turn:
                turns = np.zeros_like(turns)
            points = _point_model(model, index, weights, turns)
            x = float(points.neutral_model[:, 0].mean())
            outward = np.radians(OUTWARD_DEG) * np.clip(x / 30.0, -1, 1)
            facing = np.array([np.sin(outward), 0.0, np.cos(outward)])
            places = np.array([names.index(key) for key in keys], np.int64)
            middle = Middle.of(points)
            if sides and middle.is_same_as(sides[0].middle):
                middle = sides[0].middle  # cut at the very same place, so that one cut does for both
            sides.append(
                CloseUp(
                    points,
                    places,
                    middle,
                    side_mm=self.side_mm,
                    size=self.size,
                    min_within=self.min_within,
                    mirrored=number == 1,
                    facing=facing,
                    vertex_index=index,
                    weights=weights,
                    turns=turns,
                )
            )
        return tuple(sides)


def _point_model(model: MorphableModel, index: Array, weights: Array, turns: Array) -> MorphableModel:
    """A model without triangles of points on another one's mesh, which `turns` move further."""
    count = len(index)
    none = np.zeros((0, count, 3), np.float32)
    scheme = LandmarkScheme(PART, index, weights, np.zeros((count, 3), np.float32), none, none)
    points = replace(model, schemes={PART: scheme}).landmark_points(PART)
    return replace(points, expression_basis=points.expression_basis + turns.astype(np.float32))
