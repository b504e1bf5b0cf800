"""What a photograph tells of the colours of a face's mesh, and what is put where it tells nothing.

A vertex that the photograph shows at a grazing angle, or not at all, would smear over the picture when it is
turned to the viewer. Such vertices take a colour that continues the trusted ones smoothly over the chart,
darkened where the head's own hollows are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lineament.data.drawing.zbuffer import vertex_visibility
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

GRAZING, FACING = 0.12, 0.42
"""Cosines to the viewer between which trust in a vertex's colour grows from none to full."""
OUTLINE_PX = 2.5
"""So near the outline a fit that is a little too wide takes the background for skin."""
CHART = 64
MOUTH_RGB = np.array([78.0, 44.0, 42.0])
EYE_RGB = np.array([150.0, 140.0, 136.0])


@dataclass(frozen=True, slots=True)
class Skin:
    """Colours of the mesh as a photograph shows them.

    Attributes:
        visible: (N,) float32 from 0, the photograph does not show the vertex, to 1.
        trust: (N,) float32, less where it shows it at a grazing angle or next to the outline.
        rgb: (N, 3) float32, colours to use instead.
    """

    visible: Array
    trust: Array
    rgb: Array


class SkinReader:
    """Reads skins off photographs, for one face model."""

    def __init__(self, model: MorphableModel) -> None:
        if model.uv is None:
            raise ValueError(f"The face model {model.name!r} has no UV chart: turning needs one.")
        self._triangles = model.triangles
        self._parts = {
            name: np.unique(model.triangles[first:last]) for name, (first, last) in model.parts.items()
        }
        self._texel = np.clip((model.uv * CHART).astype(np.int64), 0, CHART - 1)
        self._hollow = _hollows(model)

    def read(
        self,
        image: Image8,
        shown: Array,
        within: Array,
        vertices_image: Array,
        *,
        distrust: Array | None = None,
    ) -> Skin:
        """The skin of a posed mesh.

        Args:
            image: (S, S, 3) uint8 RGB.
            shown: (S, S) fraction of the photograph at each pixel; elsewhere is something else.
            within: (S, S) px, how far each pixel lies within the mesh's outline.
            vertices_image: (N, 3) px.
            distrust: (N,) True for vertices whose own colours shall not be used.
        """
        normals = vertex_normals(vertices_image.astype(np.float64), self._triangles)
        cosine = -normals[:, 2]
        column, row = np.clip(vertices_image[:, :2].astype(np.int64), 0, len(image) - 1).T
        inside = ((vertices_image[:, :2] >= 0) & (vertices_image[:, :2] < len(image))).all(axis=1)
        visible = vertex_visibility(vertices_image, self._triangles)
        visible *= (shown[row, column] > 0.99) & inside
        trust = visible * np.clip((cosine - GRAZING) / (FACING - GRAZING), 0, 1)
        trust *= np.clip((within[row, column] - 1) / OUTLINE_PX, 0, 1)
        if distrust is not None:
            trust = trust * ~distrust
        colors = image[row, column].astype(np.float64)
        rgb = np.empty((len(vertices_image), 3), np.float32)
        for name, part in self._parts.items():
            if name in ("eyeballs", "mouth"):
                usual = EYE_RGB if name == "eyeballs" else MOUTH_RGB
                weight = trust[part].sum()
                rgb[part] = (colors[part].T @ trust[part] + 4 * usual) / (weight + 4)
            else:
                rgb[part] = self._continued(colors, trust, part)
        return Skin(visible, trust.astype(np.float32), rgb)

    def _continued(self, colors: Array, trust: Array, part: Array) -> Array:
        """Trusted colours spread over the chart by pulling down and pushing up a pyramid."""
        texel, hollow = self._texel[part], self._hollow[part, None]
        weighted = trust[part, None] ** 2
        chart = np.zeros((CHART, CHART, 4))
        np.add.at(
            chart,
            (texel[:, 1], texel[:, 0]),
            np.hstack([colors[part] / np.maximum(hollow, 0.8), np.ones_like(hollow)]) * weighted,
        )
        filled = _pull_push(chart)
        return filled[texel[:, 1], texel[:, 0]] * hollow


def _pull_push(chart: Array) -> Array:
    """(S, S, 3) weighted colours (S, S, 4) everywhere; S a power of two."""
    levels = [chart]
    while len(levels[-1]) > 1:
        c = levels[-1]
        levels.append(c[::2, ::2] + c[1::2, ::2] + c[::2, 1::2] + c[1::2, 1::2])
    above = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-6)
    for level in levels[-2::-1]:
        size = len(level)
        above = _doubled(above) if len(above) > 1 else np.broadcast_to(above, (size, size, 3))
        weight = level[..., 3:]
        above = (level[..., :3] + above * 0.3) / (weight + 0.3)
    return above


def _doubled(picture: Array) -> Array:
    """A picture at twice the size, bilinear."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = np.empty((2 * len(picture), padded.shape[1], picture.shape[2]))
    rows[::2] = 0.25 * padded[:-2] + 0.75 * padded[1:-1]
    rows[1::2] = 0.75 * padded[1:-1] + 0.25 * padded[2:]
    out = np.empty((len(rows), 2 * picture.shape[1], picture.shape[2]))
    out[:, ::2] = 0.25 * rows[:, :-2] + 0.75 * rows[:, 1:-1]
    out[:, 1::2] = 0.75 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
    return out


def _hollows(model: MorphableModel) -> Array:
    """(N,) factor on the light that reaches each vertex of the neutral face, from how deep it lies."""
    vertices = model.neutral_model.astype(np.float64)
    normals = vertex_normals(vertices, model.triangles)
    smooth = vertices.copy()
    depth = np.zeros(len(vertices))
    average = _neighbour_average(model.triangles, len(vertices))
    for step in range(40):
        smooth = average @ smooth
        if step in (4, 12, 39):
            depth += ((smooth - vertices) * normals).sum(axis=1)
    return np.clip(1.0 - 0.09 * np.clip(depth, -2.0, 8.0), 0.45, 1.15)


def _neighbour_average(triangles: Array, count: int) -> sparse.csr_array:
    """(count, count) that gives each vertex the mean of its triangles' corners."""
    row = np.repeat(triangles, 3, axis=1).ravel()
    column = np.tile(triangles, (1, 3)).ravel()
    total = sparse.csr_array((np.ones(len(row)), (row, column)), shape=(count, count))
    fraction = 1 / np.maximum(total.sum(axis=1), 1)
    return sparse.csr_array(sparse.diags_array(fraction) @ total)
