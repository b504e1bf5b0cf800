"""How a head's parts move with the targets of a GLB file: what is the same for all faces is prepared once.

A target moves few vertices; normals turn at these and at their neighbours alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.by_identity import ByIdentity
from lineament.export.frames import gltf_from_model
from lineament.export.gltf import Differences
from lineament.export.head_parts import HeadPart, head_parts
from lineament.geometry.eye_turns import LOOKS
from lineament.geometry.mesh import doubled_area_vectors, sum_at_vertices
from lineament.geometry.morphable import MorphableModel

Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.integer]

SMALLEST_MM = 0.002
"""Differences of a target below this are left out: they move nothing that can be seen, and most are zero."""
SMALLEST_BEND = 0.01  # the same of normals
TURNING, SIDES = "eyes", ("Left", "Right")  # the part that looks, each person's about its own middle


@dataclass(frozen=True, slots=True, eq=False)
class RestNormals:
    """Normals of a part at rest, and the sums that they are made of; the axes come first.

    Attributes:
        vertices: (3, V) mm.
        areas: (3, M) vectors along the triangles' normals, as long as twice their areas.
        sums: (3, V) of them around each vertex.
        normals: (3, V) of length one.
    """

    vertices: Array
    areas: Array
    sums: Array
    normals: NDArray[np.float32]

    @classmethod
    def of(cls, part: HeadPart) -> Self:
        """Of a part as it is at rest."""
        areas = doubled_area_vectors(part.at_rest, part.triangles)
        sums = sum_at_vertices(areas, part.triangles, len(part.at_rest))
        return cls(np.ascontiguousarray(part.at_rest.T), areas, sums, _unit(sums))


@dataclass(frozen=True, slots=True, eq=False)
class TargetMove:
    """What a target moves of a part.

    Attributes:
        position: what it adds to the vertices, in metres.
        triangles: (C,) those with a corner that moves.
        vertices: (A,) their corners, each once.
        difference: (3, A) mm, what it adds to these.
        corners: (C, 3) places among them.
    """

    position: Differences
    triangles: IntArray
    vertices: IntArray
    difference: Array
    corners: IntArray

    @classmethod
    def of(cls, part: HeadPart, members: Sequence[int]) -> Self:
        """Of the model's expressions that a target adds up."""
        difference = part.differences[list(members)].sum(axis=0) if members else np.zeros_like(part.at_rest)
        difference = np.where(np.abs(difference).max(axis=1, keepdims=True) < SMALLEST_MM, 0, difference)
        moves = np.asarray(difference.any(axis=1))
        triangles = np.flatnonzero(moves[part.triangles].any(axis=1))
        vertices, corners = np.unique(part.triangles[triangles], return_inverse=True)
        position = Differences.of(gltf_from_model(difference), bounds=True)
        own = np.ascontiguousarray(difference[vertices].T)
        return cls(position, triangles, vertices, own, corners.reshape(-1, 3))

    def bend(self, rest: RestNormals) -> Differences:
        """What it adds to the normals."""
        count = rest.vertices.shape[1]
        if not len(self.triangles):
            return Differences(count, np.zeros(0, np.int64), np.zeros((0, 3), np.float32), None)
        moved = rest.vertices.take(self.vertices, axis=1) + self.difference
        change = doubled_area_vectors(moved.T, self.corners) - rest.areas.take(self.triangles, axis=1)
        sums = sum_at_vertices(change, self.corners, len(self.vertices))
        sums += rest.sums.take(self.vertices, axis=1)
        bend = _unit(sums) - rest.normals.take(self.vertices, axis=1)
        kept = np.flatnonzero((np.abs(bend) >= SMALLEST_BEND).any(axis=0))
        return Differences(count, self.vertices[kept], bend.take(kept, axis=1).T, None)


def moves_of(
    model: MorphableModel, parts: Sequence[HeadPart], groups: tuple[tuple[int, ...], ...]
) -> list[list[TargetMove]]:
    """By part, then by target: what moves.

    Args:
        model: that the parts are of.
        parts: of one face.
        groups: by target, the model's expressions that it adds up.
    """
    known = _known_moves(ByIdentity(model), groups)
    names = model.expression_names
    turning = [
        any(names[key].removesuffix(side) in LOOKS for key in group for side in SIDES) for group in groups
    ]
    return [
        [
            TargetMove.of(part, group) if turns and part.name == TURNING else move
            for group, turns, move in zip(groups, turning, moves, strict=True)
        ]
        for part, moves in zip(parts, known, strict=True)
    ]


@lru_cache(maxsize=2)
def _known_moves(
    key: ByIdentity[MorphableModel], groups: tuple[tuple[int, ...], ...]
) -> list[list[TargetMove]]:
    """Those of the mean face."""
    model = key.value
    return [
        [TargetMove.of(part, group) for group in groups] for part in head_parts(model, model.neutral_model)
    ]


def _unit(sums: Array) -> NDArray[np.float32]:
    """(3, V) of length one; glTF knows no zero ones, which vertices without a triangle have."""
    x, y, z = sums
    length = np.sqrt(x * x + y * y + z * z)
    normals = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0).astype(np.float32)
    normals[2, length == 0] = 1
    return normals
