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
from lineament.geometry.vertex_loops import VertexLoops

Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.integer]

SMALLEST_MM = 0.002
"""Differences of a target below this are left out: they move nothing that can be seen, and most are zero."""
SMALLEST_BEND = 0.01  # the same of normals
TOGETHER = 1 << 16  # normals worked on at once: fewer calls, and a bound of the memory
TURNING, SIDES = "eyes", ("Left", "Right")  # the part that looks, each person's about its own middle


@dataclass(frozen=True, slots=True, eq=False)
class RestNormals:
    """Normals of a part at rest, and what says how they turn; the axes come first, all float32.

    Attributes:
        sums: (3, V) of the area vectors around each vertex, twice as long as the areas.
        normals: (3, V) of length one.
        steps: (USUAL, 3, V) from before to after the usual places on the loop of each vertex, mm.
        more_steps: (3, R) the same of the places beyond.
    """

    sums: NDArray[np.float32]
    normals: NDArray[np.float32]
    steps: NDArray[np.float32]
    more_steps: NDArray[np.float32]

    @classmethod
    def of(cls, part: HeadPart, loops: VertexLoops) -> Self:
        """Of a part as it is at rest, and the loops of its triangles."""
        areas = doubled_area_vectors(part.at_rest, part.triangles)
        sums = sum_at_vertices(areas, part.triangles, len(part.at_rest))
        planes = np.ascontiguousarray(part.at_rest.T, np.float32)
        steps = np.ascontiguousarray(np.moveaxis(loops.usual.steps(planes), 1, 0))
        return cls(sums.astype(np.float32), _unit(sums), steps, loops.more.steps(planes))


@dataclass(frozen=True, slots=True, eq=False)
class TargetMove:
    """What a target moves of a part.

    Attributes:
        moved: (K,) the vertices that move.
        difference: (3, K) mm, what it adds to these, the axes first.
        position: (K, 3) the same in metres.
        bounds: least and largest of what it adds to any vertex, by axis.
        turned: (A,) the vertices whose normals can turn.
    """

    moved: IntArray
    difference: NDArray[np.float32]
    position: NDArray[np.float32]
    bounds: Bounds
    turned: IntArray

    @classmethod
    def of(cls, part: HeadPart, loops: VertexLoops, members: Sequence[int]) -> Self:
        """Of the model's expressions that a target adds up; what is too little to be seen is left out."""
        difference = part.differences[list(members)].sum(axis=0) if members else np.zeros_like(part.at_rest)
        planes = np.ascontiguousarray(difference.T)
        is_moved = np.abs(planes).max(axis=0) >= SMALLEST_MM
        planes[:, ~is_moved] = 0
        moved = np.flatnonzero(is_moved)
        position = gltf_from_model(planes)
        return cls(
            moved,
            planes[:, moved].astype(np.float32),
            np.ascontiguousarray(position[:, moved].T),
            (position.min(axis=1).tolist(), position.max(axis=1).tolist()),
            np.flatnonzero(loops.around_any(is_moved)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Bending:
    """How some targets turn normals of a part, one after the other, so that they are found together.

    A sum of area vectors grows by what :class:`VertexLoops` says, of which only the steps are a person's own.

    Attributes:
        ends: for each target where its vertices end.
        vertices: (A,) of the part.
        differences: (USUAL, 3, A) mm, how the usual places on their loops move.
        rows: (B,) places among `vertices`, ascending, of what the places beyond add.
        more: (B,) which of these.
        more_differences: (3, B) mm, how they move.
        squares: (3, A) what all of them add, whoever's face it is.
    """

    ends: IntArray
    vertices: IntArray
    differences: NDArray[np.float32]
    rows: IntArray
    more: IntArray
    more_differences: NDArray[np.float32]
    squares: NDArray[np.float32]

    @classmethod
    def of(cls, moves: Sequence[TargetMove], loops: VertexLoops) -> Self:
        """Of so many targets."""
        count = loops.usual.own.shape[1]
        lengths = [len(move.turned) for move in moves]
        starts = count * np.arange(len(moves))  # targets lie one after the other
        moving = np.zeros((3, count * len(moves)), np.float32)
        for start, move in zip(starts, moves, strict=True):
            moving[:, start + move.moved] = move.difference
        vertices, start = np.concatenate([move.turned for move in moves]), np.repeat(starts, lengths)
        differences = np.empty((len(loops.usual.own), 3, len(vertices)), np.float32)
        squares = np.zeros((3, len(vertices)), np.float32)
        for here, own, after in zip(differences, loops.usual.own, loops.usual.after, strict=True):
            here[:] = _columns(moving, start + own.take(vertices))
            _add_products(squares, here, _columns(moving, start + after.take(vertices)))
        row = np.full(count * len(moves), -1)
        row[start + vertices] = np.arange(len(vertices))
        more_start, more = np.nonzero(row.reshape(len(moves), count)[:, loops.centers] >= 0)
        more_start *= count
        rows = row.take(more_start + loops.centers[more])
        beyond = _columns(moving, more_start + loops.more.own[more])
        grown = np.zeros_like(beyond)
        _add_products(grown, beyond, _columns(moving, more_start + loops.more.after[more]))
        np.add.at(squares.T, rows, grown.T)
        return cls(np.cumsum(lengths), vertices, differences, rows, more, beyond, squares)

    def of_normals(self, rest: RestNormals) -> tuple[IntArray, IntArray, NDArray[np.float32]]:
        """What targets add to the normals.

        Returns:
            By target how many normals turn, and of one target after the other (k,) vertices where they do
            and (k, 3) by what.
        """
        sums = _columns(rest.sums, self.vertices)
        sums += self.squares
        for differences, steps in zip(self.differences, rest.steps, strict=True):
            _add_products(sums, differences, _columns(steps, self.vertices))
        beyond = np.zeros_like(self.more_differences)
        _add_products(beyond, self.more_differences, _columns(rest.more_steps, self.more))
        for total, values in zip(sums, beyond, strict=True):
            total += np.bincount(self.rows, weights=values, minlength=len(total))
        bend = _unit(sums)
        bend -= _columns(rest.normals, self.vertices)
        kept = np.flatnonzero(np.abs(bend).max(axis=0) >= SMALLEST_BEND)
        lengths = np.diff(np.searchsorted(kept, self.ends), prepend=0)
        return lengths, self.vertices.take(kept), np.ascontiguousarray(_columns(bend, kept).T)


@dataclass(frozen=True, slots=True, eq=False)
class PartMoves:
    """What all targets move of a part.

    Attributes:
        loops: of the part's triangles.
        moves: by target.
        positions: what each adds to the vertices, in metres.
        bendings: the same targets, in groups of neighbours.
    """

    loops: VertexLoops
    moves: list[TargetMove]
    positions: Differences
    bendings: list[Bending]

    @classmethod
    def of(cls, part: HeadPart, loops: VertexLoops, moves: list[TargetMove]) -> Self:
        """Groups of as many normals as are worked on at once."""
        number = np.cumsum([len(move.turned) for move in moves]) // TOGETHER
        starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(moves)]
        groups = [moves[start:stop] for start, stop in pairwise(starts) if stop > start]
        positions = Differences.of(
            len(part.at_rest),
            [len(move.moved) for move in moves],
            [move.moved for move in moves],
            [move.position for move in moves],
            bounds=[move.bounds for move in moves],
        )
        return cls(loops, moves, positions, [Bending.of(group, loops) for group in groups])

    def normals(self, rest: RestNormals) -> Differences:
        """What each target adds to the normals of a part at rest."""
        found = [bending.of_normals(rest) for bending in self.bendings]
        return Differences.of(
            rest.normals.shape[1],
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
            found.loops,
            [
                TargetMove.of(part, found.loops, group) if turns else move
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
    parts = head_parts(model, model.neutral_model)
    all_loops = [VertexLoops.of(part.triangles, len(part.at_rest)) for part in parts]
    return [
        PartMoves.of(part, loops, [TargetMove.of(part, loops, group) for group in groups])
        for part, loops in zip(parts, all_loops, strict=True)
    ]


def _columns(planes: Array, places: IntArray) -> Array:
    """(3, A) columns of (3, V) planes; all places are there, so that none need be checked."""
    return planes.take(places, axis=1, mode="clip")


def _add_products(sums: Array, first: Array, second: Array) -> None:
    """Add the cross products of (3, A) vectors to sums (3, A)."""
    product = np.empty_like(sums[0])
    for axis, (one, other) in enumerate(((1, 2), (2, 0), (0, 1))):
        sums[axis] += np.multiply(first[one], second[other], out=product)
        sums[axis] -= np.multiply(first[other], second[one], out=product)


def _unit(sums: Array) -> NDArray[np.float32]:
    """(3, V) of length one; glTF knows no zero ones, which vertices without a triangle have."""
    x, y, z = sums
    length = np.sqrt(x * x + y * y + z * z)
    lost = np.flatnonzero(length == 0)
    length[lost] = 1
    normals = np.divide(sums, length).astype(np.float32, copy=False)
    normals[2, lost] = 1
    return normals
