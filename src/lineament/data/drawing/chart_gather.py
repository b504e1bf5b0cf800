"""Attributes of a mesh's vertices laid out on its chart, by vertices and weights that never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.geometry.raster import Raster

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, repr=False)
class ChartGather:
    """Which vertices each of a map's T texels on the chart is made of; others stay zero.

    The same tables serve elsewhere: ``(vertices[vertex_index] * weights[..., None]).sum(1)`` in any library.

    Attributes:
        size: texels along a side of the map.
        texel: (T,) int32, row times `size` plus column.
        vertex_index: (T, 3) int32.
        weights: (T, 3) float32, barycentric.
    """

    size: int
    texel: Array
    vertex_index: Array
    weights: Array

    @classmethod
    def of(cls, chart: Raster, triangles: Array) -> ChartGather:
        """The tables of a square chart on which `triangles` (M, 3) were drawn."""
        texel = np.flatnonzero(chart.mask)
        corners = np.asarray(triangles, np.int32)[chart.triangle_index.ravel()[texel]]
        weights = np.float32(chart.weights.reshape(-1, 3)[texel])
        return cls(len(chart.triangle_index), texel.astype(np.int32), np.ascontiguousarray(corners), weights)

    def __call__(self, attributes: Array) -> NDArray[np.float32]:
        """(S, S, C) float32 map of attributes (N, C) of the vertices; zero off the chart."""
        values = np.ascontiguousarray(attributes, np.float32)
        out = np.zeros((self.size * self.size, values.shape[1]), np.float32)
        _gather(self.texel, self.vertex_index, self.weights, values, out)
        return out.reshape(self.size, self.size, -1)


@compiled(nogil=True)
def _gather(texel: Array, vertex_index: Array, weights: Array, values: Array, out: Array) -> None:
    channels = values.shape[1]
    for t in range(len(texel)):
        place = texel[t]
        a, b, c = vertex_index[t, 0], vertex_index[t, 1], vertex_index[t, 2]
        u, v, w = weights[t, 0], weights[t, 1], weights[t, 2]
        for k in range(channels):
            out[place, k] = values[a, k] * u + values[b, k] * v + values[c, k] * w
