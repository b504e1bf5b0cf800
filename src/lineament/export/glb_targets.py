"""How a head's parts move with the targets of a GLB file: what is the same for all faces is prepared once.

A target moves few vertices; normals turn at these and at their neighbours alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
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
TOGETHER = 1 << 16  # triangles worked on at once: fewer calls, and a bound of the memory
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
        corners: (3, C) places among them.
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
        position = Differences.of(gltf_from_model(difference))
        own = np.ascontiguousarray(difference[vertices].T)
        return cls(position, triangles, vertices, own, np.ascontiguousarray(corners.reshape(-1, 3).T))


@dataclass(frozen=True, slots=True, eq=False)
class Bending:
    """What some targets move of a part, one after the other, so that their normals are found together.

    Attributes:
        ends: for each target where its vertices end.
        triangles: (C,) see :class:`TargetMove`.
        vertices: (A,) of the part.
        difference: (3, A) mm.
        corners: (3, C) places among `vertices`.
    """

    ends: IntArray
    triangles: IntArray
    vertices: IntArray
    difference: Array
    corners: IntArray

    @classmethod
    def of(cls, moves: Sequence[TargetMove]) -> Self:
        """Of so many targets."""
        ends = np.cumsum([len(move.vertices) for move in moves])
        starts = [0, *ends[:-1].tolist()]
        return cls(
            ends,
            np.concatenate([move.triangles for move in moves]),
            np.concatenate([move.vertices for move in moves]),
            np.concatenate([move.difference for move in moves], axis=1),
            np.concatenate([move.corners + start for move, start in zip(moves, starts, strict=True)], axis=1),
        )

    def of_normals(self, rest: RestNormals) -> list[Differences]:
        """What each target adds to the normals."""
        moved = rest.vertices.take(self.vertices, axis=1)
        moved += self.difference
        change = _area_vectors(moved, self.corners)
        change -= rest.areas.take(self.triangles, axis=1)
        sums = _sums(change, self.corners, len(self.vertices))
        sums += rest.sums.take(self.vertices, axis=1)
        bend = _unit(sums)
        bend -= rest.normals.take(self.vertices, axis=1)
        kept = np.flatnonzero(np.abs(bend).max(axis=0) >= SMALLEST_BEND)
        vertices, values = self.vertices.take(kept), np.ascontiguousarray(bend.take(kept, axis=1).T)
        stops = np.searchsorted(kept, self.ends).tolist()
        count = rest.vertices.shape[1]
        return [
            Differences.at(count, vertices[start:stop], values[start:stop])
            for start, stop in pairwise([0, *stops])
        ]


@dataclass(frozen=True, slots=True, eq=False)
class PartMoves:
    """What all targets move of a part.

    Attributes:
        moves: by target.
        bendings: the same, in groups of neighbours.
    """

    moves: list[TargetMove]
    bendings: list[Bending]

    @classmethod
    def of(cls, moves: list[TargetMove]) -> Self:
        """Groups of as many triangles as are worked on at once."""
        number = np.cumsum([len(move.triangles) for move in moves]) // TOGETHER
        starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(moves)]
        return cls(moves, [Bending.of(moves[start:stop]) for start, stop in pairwise(starts) if stop > start])

    def differences(self, rest: RestNormals) -> Iterator[tuple[Differences, Differences]]:
        """What each target adds to vertices and normals."""
        normals = (normal for bending in self.bendings for normal in bending.of_normals(rest))
        positions = (move.position for move in self.moves)
        return zip(positions, normals, strict=True)


def moves_of(
    model: MorphableModel, parts: Sequence[HeadPart], groups: tuple[tuple[int, ...], ...]
) -> list[PartMoves]:
    """By part: what moves.

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
        PartMoves.of(
            [
                TargetMove.of(part, group) if turns else move
                for group, turns, move in zip(groups, turning, found.moves, strict=True)
            ]
        )
        if part.name == TURNING
        else found
        for part, found in zip(parts, known, strict=True)
    ]


@lru_cache(maxsize=2)
def _known_moves(key: ByIdentity[MorphableModel], groups: tuple[tuple[int, ...], ...]) -> list[PartMoves]:
    """Those of the mean face."""
    model = key.value
    return [
        PartMoves.of([TargetMove.of(part, group) for group in groups])
        for part in head_parts(model, model.neutral_model)
    ]


def _area_vectors(vertices: Array, corners: IntArray) -> Array:
    """(3, C) as :func:`doubled_area_vectors` has them, of vertices (3, A) and corners (3, C)."""
    a, b, c = (vertices.take(corner, axis=1) for corner in corners)
    b -= a
    c -= a
    vectors = np.empty_like(a)
    for axis, (first, second) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.multiply(b[first], c[second], out=vectors[axis])
        vectors[axis] -= np.multiply(b[second], c[first], out=a[0])
    return vectors


def _sums(vectors: Array, corners: IntArray, count: int) -> NDArray[np.float64]:
    """(3, A) sums of the vectors (3, C) of the triangles around each vertex."""
    sums = np.empty((3, count))
    for total, values in zip(sums, vectors.astype(np.float64), strict=True):
        first, second, third = (np.bincount(corner, weights=values, minlength=count) for corner in corners)
        np.add(first, second, out=total)
        total += third
    return sums


def _unit(sums: Array) -> NDArray[np.float32]:
    """(3, V) of length one; glTF knows no zero ones, which vertices without a triangle have."""
    x, y, z = sums
    length = np.sqrt(x * x + y * y + z * z)
    lost = np.flatnonzero(length == 0)
    length[lost] = 1
    normals = np.divide(sums, length).astype(np.float32)
    normals[2, lost] = 1
    return normals
