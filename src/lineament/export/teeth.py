"""Two rows of teeth for the built-in model's mouth, which has none: tooth by tooth, in gums.

The upper row stays with the skull, the lower one goes with the jaw: rigidly, as the chin goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import fit_similarity

Array: TypeAlias = NDArray[Any]

JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft", "jawRight")
FRONT_MM, CURVE_MM = 73.0, 24.0  # of the arch: where it begins, and x squared over how far it falls back
UPPER_WIDTHS_MM = (8.5, 6.6, 7.6, 7.0, 6.8)  # from the middle outwards (Wheeler's Dental Anatomy, rounded)
LOWER_WIDTHS_MM = (5.4, 5.9, 6.8, 7.0, 7.0)
UPPER_MM, LOWER_MM = (-31.0, -41.2), (-53.2, -44.0)  # heights of the gums' line and the teeth's edges
ACROSS = 5  # columns of vertices a tooth
GUM_MM = 6.0
DEEPER_MM = 2.5  # the lower teeth stand behind the upper ones

_ROWS: tuple[tuple[float, float, float], ...] = (
    (0.0, 0.8, 0.02),
    (0.45, 0.0, 0.4),
    (0.85, 0.3, 0.85),
    (1.0, 1.0, 0.97),
    (0.8, 2.4, 1.0),
)
"""Rows of a tooth: how far from the gum to the edge, how deep behind the arch (mm), v on its picture."""


@dataclass(frozen=True, slots=True, repr=False)
class Teeth:
    """The mesh of both rows; vertices are numbered from 0.

    Attributes:
        rest_model: (V, 3) mm, on the mean face at rest.
        is_gum: (V,) bool.
        place_uv: (V, 2) on the picture of a tooth, or of gums, 0 to 1.
        triangles: (M, 3) int32.
        anchor: vertices of the face model that the teeth follow as the identity changes.
        differences: (E, V, 3) mm, how each of the model's expressions moves them.
    """

    rest_model: Array
    is_gum: NDArray[np.bool_]
    place_uv: Array
    triangles: NDArray[np.int32]
    anchor: NDArray[np.intp]
    differences: Array

    @classmethod
    def of(cls, model: MorphableModel) -> Self:
        """Teeth for the built-in model."""
        upper = _row(UPPER_WIDTHS_MM, UPPER_MM, 0.0)
        lower = _row(LOWER_WIDTHS_MM, LOWER_MM, DEEPER_MM)
        count = len(upper[0])
        rest, gum, uv = (np.concatenate(pair) for pair in zip(upper[:3], lower[:3], strict=True))
        neutral = model.neutral_model
        return cls(
            rest_model=rest,
            is_gum=gum,
            place_uv=uv,
            triangles=np.concatenate([upper[3], lower[3][:, ::-1] + count]),
            anchor=np.flatnonzero(np.linalg.norm(neutral - [0, -25, 88], axis=1) < 14),
            differences=_with_the_jaw(model, rest, np.arange(len(rest)) >= count),
        )

    def at_rest(self, model: MorphableModel, at_rest: Array) -> Array:
        """(V, 3) mm, in the mouth of a face whose (N, 3) vertices at rest are given."""
        moved = np.mean(at_rest[self.anchor] - model.neutral_model[self.anchor], axis=0)
        return np.asarray(self.rest_model + moved)


def _row(
    widths_mm: tuple[float, ...], heights_mm: tuple[float, float], deeper_mm: float
) -> tuple[Array, ...]:
    """Vertices, which are gums, places on pictures, and triangles of one row.

    The triangles are those of a row that points down; one that points up is turned round by the caller.
    """
    ends = np.concatenate([[0.0], np.cumsum(widths_mm)])
    arch_mm = np.concatenate([-ends[:0:-1], ends])
    gum_mm, edge_mm = heights_mm
    up = np.sign(gum_mm - edge_mm)
    parts: list[tuple[Array, Array, Array]] = []
    for first, last in pairwise(arch_mm.tolist()):
        across = np.linspace(0, 1, ACROSS)
        along_mm = first + across * (last - first)
        bulge = 1 - (2 * across - 1) ** 2
        # Edges are rounded at the corners, gums hang down between teeth.
        gum = gum_mm - up * 1.6 * (1 - bulge)
        edge = edge_mm + up * 0.9 * (1 - bulge) ** 2
        tooth = [
            _on_arch(along_mm, gum + along * (edge - gum), deep - 0.9 * bulge, deeper_mm)
            for along, deep, _ in _ROWS
        ]
        uv = [np.stack([across, np.full(ACROSS, v)], 1) for *_, v in _ROWS]
        parts.append((np.concatenate(tooth), np.zeros(ACROSS * len(_ROWS), bool), np.concatenate(uv)))
        gums = [
            _on_arch(along_mm, gum - up * out, deep - 0.7 * bulge * (1 - k), deeper_mm)
            for k, (out, deep) in enumerate(((1.0, 0.6), (-GUM_MM, 2.5)))
        ]
        uv = [np.stack([across, np.full(ACROSS, v)], 1) for v in (0.0, 1.0)]
        parts.append((np.concatenate(gums), np.ones(ACROSS * 2, bool), np.concatenate(uv)))
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    triangles = []
    for (points, is_gum, _), start in zip(parts, starts[:-1], strict=True):
        grid = _grid(len(points) // ACROSS) + start
        # Gums are listed from the teeth upwards, teeth from the gums downwards.
        triangles.append(grid[:, ::-1] if is_gum[0] else grid)
    vertices, gum, place_uv = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return vertices, gum, place_uv, np.concatenate(triangles).astype(np.int32)


def _on_arch(along_mm: Array, height_mm: Array, deep_mm: Array, deeper_mm: float) -> Array:
    """(n, 3) mm: places by their way along the arch from its middle, their height and their depth."""
    x = np.linspace(0, 40, 801)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(x * x) / CURVE_MM))])
    across = np.sign(along_mm) * np.interp(np.abs(along_mm), way, x)
    slope = 2 * across / CURVE_MM
    inward = np.stack([-slope, -np.ones_like(slope)], 1) / np.hypot(slope, 1.0)[:, None]
    place = np.stack([across, FRONT_MM - across**2 / CURVE_MM], 1)
    x_z = place + inward * (np.broadcast_to(deep_mm, across.shape) + deeper_mm)[:, None]
    return np.stack([x_z[:, 0], np.broadcast_to(height_mm, across.shape), x_z[:, 1]], 1)


def _grid(rows: int) -> NDArray[np.int32]:
    """Triangles of rows of :data:`ACROSS` vertices, counter-clockwise if the first is on top."""
    number = np.arange(rows * ACROSS).reshape(rows, ACROSS)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    halves = (np.stack([a, c, b], -1), np.stack([b, c, d], -1))
    return np.concatenate([half.reshape(-1, 3) for half in halves]).astype(np.int32)


def _with_the_jaw(model: MorphableModel, rest: Array, is_lower: NDArray[np.bool_]) -> Array:
    """(E, V, 3) mm: the jaw's expressions turn and move the lower row with the chin, and do not bend it."""
    neutral = model.neutral_model.astype(float)
    chin = np.flatnonzero((neutral[:, 1] < -60) & (neutral[:, 2] > 45) & (np.abs(neutral[:, 0]) < 35))
    differences = np.zeros((len(model.expression_names), len(rest), 3), np.float32)
    for name in JAW_SHAPES:
        number = model.expression_names.index(name)
        moved = neutral[chin] + model.expression_basis[number][chin]
        jaw = fit_similarity(neutral[chin], moved, with_scale=False)
        differences[number] = (rest @ jaw.rotation.T + jaw.translation - rest) * is_lower[:, None]
    return differences
