"""What dense labels are drawn of: a face model's skin, closed at eyes and mouth, with its chart and codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.chart_gather import ChartGather
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.raster import Raster
from lineament.geometry.topology import boundary_loops
from lineament.geometry.uv import make_uv_map

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

MAP_SIZE = 256
LARGEST_OPENING = 0.3  # of the chart's width: what is wider is the skin's own border
SKULL_MM = 110.0  # how far behind the middle of the skin's border a head still is


@dataclass(frozen=True, slots=True, repr=False)
class LabelSurface:
    """Tables of a face model that all dense labels share; make one and keep it.

    The surface is the skin with a membrane across each opening (the gap between the lids, the open mouth), so
    that maps have no holes there and do not jump to an eyeball's or a tooth's own chart. PRNet's maps are
    closed at the mouth alike.

    Attributes:
        model: the face model.
        triangles: (M', 3) int32, the skin's, then the membranes', counter-clockwise seen from outside.
        skin_count: how many of them are the skin's.
        border: (B,) vertices of the skin's outer border, in order.
        solid: (M' + B, 3) int32, the triangles and behind them those of a cone from the border to vertex N, a
            point within the back of the head. It stands for the skull, which hides the far ear of a head seen
            from behind its profile.
        uv: (N, 2) float32 in [0, 1], right and down from the map's corner.
        ncc: (N, 3) float32 in [0, 1], the normalised coordinates of the mean face (PNCC, Zhu et al. 2016):
            per axis of the model frame (v - min) / (max - min) over the surface.
        chart: Raster of the map: which triangle each texel shows.
        gather: attributes of vertices as maps, by fixed places and weights.
        mean_map: (S, S, 3) float32, mm, model frame: the mean face at rest; zero off the chart.
    """

    model: MorphableModel
    triangles: IntArray
    skin_count: int
    border: IntArray
    solid: IntArray
    uv: Array
    ncc: Array
    chart: Raster
    gather: ChartGather
    mean_map: Array

    @classmethod
    def of(cls, model: MorphableModel, *, size: int = MAP_SIZE) -> LabelSurface:
        """Tables for maps of `size` texels along a side.

        Raises:
            ValueError: the model has no UV chart.
        """
        if model.uv is None:
            raise ValueError(f"The face model {model.name!r} has no UV chart: dense labels need one.")
        first, last = model.parts.get("face", (0, len(model.triangles)))
        skin = model.triangles[first:last]
        triangles = np.concatenate([skin, *closing_membranes(skin, model.uv)]).astype(np.int32)
        border = np.array(boundary_loops(skin)[0])
        cone = np.stack([np.roll(border, -1), border, np.full(len(border), len(model.uv))], axis=1)
        chart = make_uv_map(model.uv, triangles, size=size).raster
        neutral = model.neutral_model
        used = neutral[np.unique(triangles)]
        ncc = np.clip((neutral - used.min(axis=0)) / np.ptp(used, axis=0), 0, 1)
        gather = ChartGather.of(chart, triangles)
        mean_map = gather(neutral)
        solid = np.concatenate([triangles, cone]).astype(np.int32)
        uv = np.float32(model.uv)
        return cls(model, triangles, len(skin), border, solid, uv, np.float32(ncc), chart, gather, mean_map)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(S, S) texels that show the surface."""
        return self.chart.mask

    @property
    def size(self) -> int:
        """Texels along a side."""
        return len(self.mean_map)

    def __repr__(self) -> str:
        """Name and sizes: the arrays would fill the screen."""
        return f"LabelSurface({self.model.name!r}, size={self.size}, triangles={len(self.triangles)})"

    def landmark_uv(self, scheme: str = "lfm-68") -> Array:
        """(P, 2) places on the chart of the points a scheme has on the mesh, its offsets left out."""
        layout: LandmarkScheme = self.model.schemes[scheme]
        return np.einsum("pck,pc->pk", self.uv[layout.vertex_index], layout.weights)

    def landmark_texels(self, scheme: str = "lfm-68") -> NDArray[np.int64]:
        """(P, 2) column and row of the texel of each landmark: the index table of PRNet's family."""
        return np.clip(np.floor(self.landmark_uv(scheme) * self.size), 0, self.size - 1).astype(np.int64)


def closing_membranes(triangles: IntArray, uv: Array) -> list[NDArray[np.int32]]:
    """Triangles across the openings of a surface, which are slits in its chart.

    Args:
        triangles: (M, 3) int, oriented like the chart.
        uv: (N, 2).

    Returns:
        For each opening (m, 3) int32 with the orientation of the surface.
    """
    borders = [np.array(loop) for loop in boundary_loops(triangles)]
    return [_strip(loop, uv) for loop in borders if np.ptp(uv[loop, 0]) < LARGEST_OPENING]


def _strip(loop: IntArray, uv: Array) -> NDArray[np.int32]:
    """Triangles between the two rims of a slit, from its left end to its right; both rims hold the ends."""
    loop = np.roll(loop, -int(np.argmin(uv[loop, 0])))
    turn = int(np.argmax(uv[loop, 0]))
    # The border runs with its triangles, so the opening lies on its other side: against it is outward.
    one, other = loop[: turn + 1], np.append(loop[turn:], loop[0])[::-1]
    at_one, at_other = (np.linspace(0, 1, len(rim)) for rim in (one, other))
    i = j = 0
    strip = []
    while i + j < len(one) + len(other) - 2:
        # The rim whose next edge has the earlier middle goes on: the strip is the same from either end.
        middle_one = at_one[i : i + 2].mean() if i + 1 < len(one) else np.inf
        middle_other = at_other[j : j + 2].mean() if j + 1 < len(other) else np.inf
        if middle_one < middle_other:
            strip.append((one[i + 1], one[i], other[j]))
            i += 1
        else:
            strip.append((one[i], other[j], other[j + 1]))
            j += 1
    corners = np.array(strip, np.int32)
    return corners[(corners != np.roll(corners, 1, axis=1)).all(axis=1)]
