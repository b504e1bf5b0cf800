"""The smoothed outside of one person's head, on which hats, masks, glasses and hair rest.

In front it is the fitted face: a grid of directions about the head's vertical and of heights, each node
carried by a vertex of the model, so that it follows identity and expression. Above and behind it is an
ellipsoid, for a skull that the face model does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.solids import SKULL
from lineament.geometry.morphable import MorphableModel

Array: TypeAlias = NDArray[Any]

AZIMUTHS = np.radians(np.arange(-95.0, 96.0, 5.0))
HEIGHTS = np.arange(-95.0, 116.0, 7.0)  # mm, model frame
AXIS_Z = -20.0  # mm: where the vertical axis of the azimuths stands
FRONT = np.radians(68)  # so far the outermost vertex carries a node; behind, where ears stick out, the middle


@dataclass(frozen=True, slots=True, repr=False)
class ShellLayout:
    """Which vertex carries each node of a model's shell; make one and keep it.

    Attributes:
        vertex_index: (R, C) int, heights by azimuths.
        forehead: (F,) vertices of the forehead and temples, by which the skull is placed.
        forehead_mean: (3,) mm, their middle on the neutral face.
    """

    vertex_index: NDArray[np.intp]
    forehead: NDArray[np.intp]
    forehead_mean: Array

    @classmethod
    def of(cls, model: MorphableModel) -> ShellLayout:
        """The shell of a face model whose axes and origin are LFM's."""
        first, last = model.parts.get("face", (0, len(model.triangles)))
        used = np.unique(model.triangles[first:last])
        points = model.neutral_model[used].astype(np.float64)
        azimuth, radius = _cylindrical(points)
        nodes = np.empty((len(HEIGHTS), len(AZIMUTHS)), np.intp)
        for row, height in enumerate(HEIGHTS):
            for column, angle in enumerate(AZIMUTHS):
                distance = np.hypot((azimuth - angle) * 70, points[:, 1] - height)
                near = np.flatnonzero(distance < distance.min() + 3.0)
                order = near[np.argsort(radius[near])]
                nodes[row, column] = used[order[-1 if abs(angle) < FRONT else len(order) // 2]]
        top = used[points[:, 1] > 60]
        return cls(nodes, top, model.neutral_model[top].mean(axis=0).astype(np.float64))


@dataclass(frozen=True, slots=True, repr=False)
class HeadShell:
    """The shell of one face.

    Attributes:
        nodes: (R, C, 3) mm, model frame.
        skull_center: (3,) mm.
        skull_half: (3,) mm, half axes.
    """

    nodes: Array
    skull_center: Array
    skull_half: Array

    @classmethod
    def of(cls, layout: ShellLayout, vertices_model: Array) -> HeadShell:
        """The shell of vertices (N, 3) mm."""
        raw = vertices_model[layout.vertex_index].astype(np.float64)
        smooth = raw
        for _ in range(3):
            smooth = _blurred(smooth)
        outward = outward_of(AZIMUTHS)
        # Smoothing must not sink into the nose or the chin: where it did, go out to the face again.
        short = np.maximum(((raw - smooth) * outward).sum(axis=-1), 0)
        nodes = _blurred(smooth + short[..., None] * outward)
        nodes = nodes + np.maximum(((raw - nodes) * outward).sum(axis=-1), 0)[..., None] * outward
        top = vertices_model[layout.forehead]
        wide = np.ptp(top[:, 0]) / 158.0
        center = SKULL.center_mm + top.mean(axis=0) - layout.forehead_mean
        return cls(nodes, center, SKULL.semiaxes_mm * wide)

    def points(self, azimuth: Array, height: Array, *, offset: Array | float = 0.0) -> Array:
        """(..., 3) mm: places on the face's shell.

        Args:
            azimuth: (...) radians about the vertical, 0 in front, positive to the viewer's right.
            height: (...) mm of the neutral face: the places move with the face, the chin with the jaw.
            offset: (...) mm outward.
        """
        column = np.clip((azimuth - AZIMUTHS[0]) / (AZIMUTHS[1] - AZIMUTHS[0]), 0, len(AZIMUTHS) - 1.001)
        row = np.clip((height - HEIGHTS[0]) / (HEIGHTS[1] - HEIGHTS[0]), 0, len(HEIGHTS) - 1.001)
        left, below = column.astype(np.intp), row.astype(np.intp)
        fx, fy = (column - left)[..., None], (row - below)[..., None]
        one = self.nodes[below, left] * (1 - fx) + self.nodes[below, left + 1] * fx
        other = self.nodes[below + 1, left] * (1 - fx) + self.nodes[below + 1, left + 1] * fx
        return one * (1 - fy) + other * fy + outward_of(azimuth) * np.asarray(offset)[..., None]

    def skull(self, azimuth: Array, elevation: Array, *, offset: Array | float = 0.0) -> Array:
        """(..., 3) mm: places on the skull, by azimuth and by elevation over its middle, radians."""
        flat = np.cos(elevation)
        unit = np.stack([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], axis=-1)
        return self.skull_center + unit * (self.skull_half + np.asarray(offset)[..., None])


def outward_of(azimuth: Array) -> Array:
    """(..., 3) horizontal unit vectors away from the vertical axis."""
    return np.stack([np.sin(azimuth), np.zeros_like(azimuth), np.cos(azimuth)], axis=-1)


def _cylindrical(points: Array) -> tuple[Array, Array]:
    x, z = points[:, 0], points[:, 2] - AXIS_Z
    return np.arctan2(x, z), np.hypot(x, z)


def _blurred(grid: Array) -> Array:
    """A grid (R, C, 3) through a 3 x 3 binomial filter, edges kept."""
    wide = np.concatenate([grid[:1], grid, grid[-1:]])
    grid = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    wide = np.concatenate([grid[:, :1], grid, grid[:, -1:]], axis=1)
    return (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
