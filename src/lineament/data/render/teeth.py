"""Two rows of teeth for the face model's mouth: the upper stay with the skull, the lower with the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.morphable import MorphableModel

Array = NDArray[np.floating]

COLUMNS, TOOTH_MM = 41, 7.5
HALF_WIDTH, FRONT_MM, CURVE = 20.0, 73.0, 24.0
"""Of the arch, mm: half its width, where it begins, and x squared over the depth it falls back."""
UPPER, LOWER = (-31.0, -41.2), (-41.8, -51.0)
"""Heights of gums and edges at rest, mm."""
JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft", "jawRight")
TOOTH_RGB, GUM_RGB = (0.66, 0.60, 0.50), (0.42, 0.16, 0.15)


@dataclass(frozen=True, slots=True, repr=False)
class Teeth:
    """The teeth's mesh. Its vertices are numbered from 0.

    Attributes:
        rest_model: (V, 3) float32, mm.
        anchor: vertices of the face model whose mean movement the teeth share as the identity changes.
        jaw: (4, V, 3) float32, movement with each of the jaw's blendshapes; zero of the upper row.
        jaw_number: (4,) those blendshapes.
        albedo: (V, 3) float32 linear.
        count: (V,) place along the arch in teeth; whole numbers are gaps.
        triangles: (M, 3) int32.
    """

    rest_model: Array
    anchor: NDArray[np.integer]
    jaw: Array
    jaw_number: NDArray[np.integer]
    albedo: Array
    count: Array
    triangles: NDArray[np.int32]

    @classmethod
    def of(cls, model: MorphableModel) -> Teeth:
        """Teeth behind the lips of the built-in model."""
        x = np.linspace(-HALF_WIDTH, HALF_WIDTH, COLUMNS)
        z = FRONT_MM - x * x / CURVE
        rows = [np.stack([x, np.full_like(x, y), z - back], 1) for y, back in _heights()]
        rest = np.concatenate(rows).astype(np.float32)
        lower = np.repeat(np.arange(len(rows)) >= len(rows) // 2, COLUMNS)
        neutral = model.neutral_model
        chin = np.flatnonzero((neutral[:, 1] < -60) & (neutral[:, 2] > 45) & (np.abs(neutral[:, 0]) < 35))
        numbers = np.array([model.expression_names.index(name) for name in JAW_SHAPES])
        known = np.concatenate([neutral[chin], np.ones((len(chin), 1))], axis=1)
        wanted = np.concatenate([rest, np.ones((len(rest), 1))], axis=1)
        # A jaw is rigid: what moves the chin, as an affine map, moves the lower teeth.
        jaw = np.stack(
            [wanted @ np.linalg.lstsq(known, model.expression_basis[n][chin], rcond=None)[0] for n in numbers]
        )
        lips = np.flatnonzero(np.linalg.norm(neutral - [0, -25, 88], axis=1) < 14)
        enamel = np.repeat([0.0, 1, 1, 1, 1, 0], COLUMNS)[:, None]
        albedo = np.square(GUM_RGB) * (1 - enamel) + np.square(TOOTH_RGB) * enamel
        arch = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(z, prepend=z[0])))
        teeth = (arch - arch[COLUMNS // 2]) / TOOTH_MM
        return cls(
            rest_model=rest,
            anchor=lips,
            jaw=(jaw * lower[None, :, None]).astype(np.float32),
            jaw_number=numbers,
            albedo=albedo.astype(np.float32),
            count=np.tile(teeth, len(rows)).astype(np.float32),
            triangles=_strips(),
        )

    def vertices_model(self, model: MorphableModel, identity: Array, expression: Array) -> Array:
        """(V, 3) float32 mm, model frame, in the mouth of a face."""
        moved = np.tensordot(identity, model.identity_basis[: len(identity), self.anchor].mean(axis=1), 1)
        jaw = np.tensordot(np.asarray(expression)[self.jaw_number], self.jaw, 1)
        return (self.rest_model + moved + jaw).astype(np.float32)


def _heights() -> list[tuple[float, float]]:
    """Height and depth behind the arch of the six rows of vertices: gum, root, edge; edge, root, gum."""
    (top, edge), (lower_edge, bottom) = UPPER, LOWER
    return [(top + 5, 4.0), (top, 1.5), (edge, 0.0), (lower_edge, 1.5), (bottom, 2.5), (bottom - 5, 4.5)]


def _strips() -> NDArray[np.int32]:
    numbers = np.arange(6 * COLUMNS).reshape(6, COLUMNS)
    strips = []
    for upper, lower in ((0, 1), (1, 2), (3, 4), (4, 5)):
        a, b = numbers[upper], numbers[lower]
        strips += [np.stack([a[:-1], b[:-1], a[1:]], 1), np.stack([b[:-1], b[1:], a[1:]], 1)]
    return np.concatenate(strips).astype(np.int32)
