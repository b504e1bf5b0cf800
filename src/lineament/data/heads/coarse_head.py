"""A head of few triangles: what occluders must know of a face, in a quarter of the time of the whole mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.heads.shell import HeadShell, ShellLayout
from lineament.data.labels.label_surface import SKULL_MM, LabelSurface
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import LandmarkScheme, MorphableModel

Array: TypeAlias = NDArray[Any]

CELL_MM = 5.0
"""Vertices of one cell of this side are merged to the one nearest to their middle."""


@dataclass(frozen=True, slots=True, repr=False)
class CoarseHead:
    """Tables of a face model; make one and keep it.

    Attributes:
        model: of the vertices that are needed, without triangles.
        scheme: landmarks on those vertices.
        shell: layout of the shell on those vertices.
        triangles: (T, 3) of the merged surface and of a cone to a point in the back of the head, whose number
            is that of the vertices.
        border: (B,) vertices of the skin's border, from which the cone starts.
    """

    model: MorphableModel
    scheme: LandmarkScheme
    shell: ShellLayout
    triangles: NDArray[np.int32]
    border: NDArray[np.intp]

    @classmethod
    def of(cls, model: MorphableModel, *, scheme: str) -> CoarseHead:
        """Tables of a model with a chart.

        Raises:
            ValueError: the model has no chart.
        """
        surface = LabelSurface.of(model, size=16)
        apex = len(model.neutral_model)
        merged = np.append(_merged(model.neutral_model, np.unique(surface.triangles)), apex)
        triangles = merged[surface.solid]
        kept = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
        shell, landmarks = ShellLayout.of(model), model.schemes[scheme]
        border = merged[surface.border]
        parts = (triangles[kept], border, shell.vertex_index, shell.forehead, landmarks.vertex_index)
        used = np.unique(np.concatenate([part.ravel() for part in parts]))
        place = np.zeros(apex + 1, np.intp)
        place[used] = np.arange(len(used))
        used = used[:-1]  # the point in the back of the head is no vertex
        small = replace(
            model,
            name=f"{model.name}/coarse",
            neutral_model=model.neutral_model[used],
            identity_basis=model.identity_basis[:, used],
            expression_basis=model.expression_basis[:, used],
            triangles=np.zeros((0, 3), np.int32),
            uv=None,
            mirror=None,
            schemes={},
            parts={},
        )
        moved = replace(shell, vertex_index=place[shell.vertex_index], forehead=place[shell.forehead])
        scheme_there = replace(landmarks, vertex_index=place[landmarks.vertex_index])
        return cls(small, scheme_there, moved, place[triangles[kept]].astype(np.int32), place[border])

    def vertices_model(self, identity: Array, expression: Array) -> Array:
        """(V, 3) float32 mm of the vertices kept."""
        return np.asarray(self.model.vertices_model(identity, expression), np.float32)

    def front(self, camera: WeakPerspective, vertices_model: Array, size_hw: tuple[int, int]) -> Array:
        """(H, W) float32 depth of the head, px, infinite where it is not; within about half a cell."""
        vertices = camera.image_from_model(vertices_model)
        into_head = camera.image_from_model_matrix @ [0, 0, -SKULL_MM]
        apex = vertices[self.border].mean(axis=0) + into_head
        return draw_mesh(np.concatenate([vertices, apex[None]]), self.triangles, size_hw=size_hw).depth

    def shell_of(self, vertices_model: Array) -> HeadShell:
        """The shell of vertices (V, 3) mm."""
        return HeadShell.of(self.shell, vertices_model)


def _merged(neutral: Array, used: NDArray[np.integer]) -> NDArray[np.intp]:
    """(N,) for each vertex the one that stands for its cell."""
    points = neutral[used].astype(np.float64)
    _, cell = np.unique(np.floor(points / CELL_MM), axis=0, return_inverse=True)
    cell = cell.ravel()
    count = np.bincount(cell)
    middle = np.stack([np.bincount(cell, points[:, axis]) / count for axis in range(3)], axis=1)
    distance = np.linalg.norm(points - middle[cell], axis=1)
    order = np.lexsort((used, distance, cell))
    first = order[np.searchsorted(cell[order], np.arange(len(count)))]
    merged = np.arange(len(neutral))
    merged[used] = used[first[cell]]
    return merged
