"""How a head's parts move with the targets of a GLB file: what is the same for all faces is prepared once.

A target moves few vertices; normals turn at these and at their neighbours alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.by_identity import ByIdentity
from lineament.export.frames import gltf_from_model
from lineament.export.gltf import Bounds, Differences
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
        moved: (K,) the vertices that move.
        position: (K, 3) what it adds to these, in metres.
        bounds: least and largest of what it adds to any vertex, by axis.
        triangles: (C,) those with a corner that moves.
        vertices: (A,) their corners, each once.
        difference: (3, A) mm, what it adds to these.
        corners: (3, C) places among them.
    """

    moved: IntArray
    position: NDArray[np.float32]
    bounds: Bounds
    triangles: IntArray
    vertices: IntArray
    difference: Array
    corners: IntArray

    @classmethod
    def of(cls, part: HeadPart, members: Sequence[int]) -> Self:
        """Of the model's expressions that a target adds up; what is too little to be seen is left out."""
        difference = part.differences[list(members)].sum(axis=0) if members else np.zeros_like(part.at_rest)
        is_moved = np.abs(difference).max(axis=1) >= SMALLEST_MM
        difference[~is_moved] = 0
        moved = np.flatnonzero(is_moved)
        position = gltf_from_model(difference)
        triangles = np.flatnonzero(is_moved[part.triangles].any(axis=1))
        own = part.triangles[triangles]
        is_corner = np.zeros(len(is_moved), bool)
        is_corner[own] = True
        vertices, place = np.flatnonzero(is_corner), np.cumsum(is_corner) - 1
        return cls(
            moved,
            position[moved],
            (position.min(axis=0).tolist(), position.max(axis=0).tolist()),
            triangles,
            vertices,
            np.ascontiguousarray(difference[vertices].T),
            np.ascontiguousarray(place[own].T),
        )


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

    def of_normals(self, rest: RestNormals) -> tuple[IntArray, IntArray, NDArray[np.float32]]:
        """What targets add to the normals.

        Returns:
            By target how many normals turn, and of one target after the other (k,) vertices where they do
            and (k, 3) by what.
        """
        moved = _columns(rest.vertices, self.vertices)
        moved += self.difference
        change = _area_vectors(moved, self.corners)
        change -= _columns(rest.areas, self.triangles)
        sums = _sums(change, self.corners, len(self.vertices))
        sums += _columns(rest.sums, self.vertices)
        bend = _unit(sums)
        bend -= _columns(rest.normals, self.vertices)
        kept = np.flatnonzero(np.abs(bend).max(axis=0) >= SMALLEST_BEND)
        lengths = np.diff(np.searchsorted(kept, self.ends), prepend=0)
        return lengths, self.vertices.take(kept), np.ascontiguousarray(_columns(bend, kept).T)


@dataclass(frozen=True, slots=True, eq=False)
class PartMoves:
    """What all targets move of a part.

    Attributes:
        moves: by target.
        positions: what each adds to the vertices, in metres.
        bendings: the same targets, in groups of neighbours.
    """

    moves: list[TargetMove]
    positions: Differences
    bendings: list[Bending]

    @classmethod
    def of(cls, part: HeadPart, moves: list[TargetMove]) -> Self:
        """Groups of as many triangles as are worked on at once."""
        number = np.cumsum([len(move.triangles) for move in moves]) // TOGETHER
        starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(moves)]
        groups = [moves[start:stop] for start, stop in pairwise(starts) if stop > start]
        positions = Differences.of(
            len(part.at_rest),
            [len(move.moved) for move in moves],
            [move.moved for move in moves],
            [move.position for move in moves],
            bounds=[move.bounds for move in moves],
        )
        return cls(moves, positions, [Bending.of(group) for group in groups])

    def normals(self, rest: RestNormals) -> Differences:
        """What each target adds to the normals of a part at rest."""
        found = [bending.of_normals(rest) for bending in self.bendings]
        return Differences.of(
            rest.vertices.shape[1],
            [length for lengths, _, _ in found for length in lengths.tolist()],
            [moved for _, moved, _ in found],
            [values for _, _, values in found],
        )


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
            part,
            [
                TargetMove.of(part, group) if turns else move
                for group, turns, move in zip(groups, turning, found.moves, strict=True)
            ],
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
        PartMoves.of(part, [TargetMove.of(part, group) for group in groups])
        for part in head_parts(model, model.neutral_model)
    ]


def _columns(planes: Array, places: IntArray) -> Array:
    """(3, A) columns of (3, V) planes; all places are there, so that none need be checked."""
    return planes.take(places, axis=1, mode="clip")


def _area_vectors(vertices: Array, corners: IntArray) -> Array:
    """(3, C) as :func:`doubled_area_vectors` has them, of vertices (3, A) and corners (3, C)."""
    a, b, c = (_columns(vertices, corner) for corner in corners)
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
