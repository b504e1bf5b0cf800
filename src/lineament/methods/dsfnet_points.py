"""DSFNet's points: from maps over the crop to places on the face. numpy, one face at a time.

Two frames beside the house's own. ``units``: the model frame in units of 1/0.015 mm. ``cloud``: the crop with
the signs of the model frame (x right, y up, z toward the viewer), its origin in the middle of the crop at the
depth of the tip of the nose, in units of 280/256 crop sides. The published frames differ in signs and origin;
in these no map between both is a reflection, so every rotation here is proper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import Similarity
from lineament.geometry.uv import UvMap, make_uv_map

Array: TypeAlias = NDArray[Any]

UNITS_PER_MM = 0.015
CLOUD_SIDES = 280.0 / 256
"""Crop sides in a unit of the cloud frame."""
NOSE_TIP = 30
MIN_TEXELS = 16
"""Fewer that pixels show say nothing of scale and pose, however many pixels they are."""
MIN_SCALE = 0.5
"""Of the alignment to model space, in its inverse: a tenth of what faces that fill a crop have."""


def cloud_from_crop(points_crop: Array, size: int) -> Array:
    """(..., 3) crop px, z away from the viewer, to the cloud frame; depth keeps its origin."""
    middle = np.array([size / 2, size / 2, 0.0])
    return (points_crop - middle) * PICTURE_AXES / (CLOUD_SIDES * size)


def crop_from_cloud(points_cloud: Array, size: int) -> Array:
    """The inverse of :func:`cloud_from_crop`."""
    return points_cloud * PICTURE_AXES * (CLOUD_SIDES * size) + np.array([size / 2, size / 2, 0.0])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceChart:
    """The chart's texels that show the face.

    Attributes:
        model: whose mesh is unrolled.
        triangles: (M', 3) int, the skin with its openings closed.
        uv_map: tables between mesh and chart.
        texel: (T,) int, row times size plus column, of those that show the face.
        corner_index: (T, 3) int, vertices.
        weights: (T, 3) float32.
        mean: (T, 3) float32 units, the mean face at rest.
    """

    model: MorphableModel
    triangles: Array
    uv_map: UvMap
    texel: Array
    corner_index: Array
    weights: Array
    mean: Array

    @classmethod
    def of(cls, model: MorphableModel, triangles: Array, size: int) -> FaceChart:
        """Tables of these triangles of a model on a chart of `size` texels along a side.

        Raises:
            ValueError: the model has no chart.
        """
        if model.uv is None:
            raise ValueError(f"The face model {model.name!r} has no UV chart: DSFNet's maps need one.")
        uv = np.full((len(model.neutral_model), 2), np.nan)
        used = np.unique(triangles)
        uv[used] = model.uv[used]
        uv_map = make_uv_map(uv, triangles, size=size)
        texel = np.flatnonzero(uv_map.mask)
        corners = np.asarray(triangles)[uv_map.triangle_index.ravel()[texel]]
        weights = uv_map.weights.reshape(-1, 3)[texel]
        mean = np.einsum("tck,tc->tk", model.neutral_model[corners], weights) * np.float32(UNITS_PER_MM)
        return cls(model, np.asarray(triangles), uv_map, texel, corners, weights, mean.astype(np.float32))

    @property
    def size(self) -> int:
        """Texels along a side."""
        return self.uv_map.size

    def gathered(self, vertices: Array) -> Array:
        """(T, C) at the texels of (N, C) values of the vertices."""
        found: Array = np.einsum("tck,tc->tk", vertices[self.corner_index], self.weights)
        return found

    def as_map(self, values: Array) -> Array:
        """(C, M, M) float32 map of (T, C) values; zero off the face."""
        flat = np.zeros((values.shape[1], self.size * self.size), np.float32)
        flat[:, self.texel] = values.T
        return flat.reshape(-1, self.size, self.size)

    def of_map(self, values: Array) -> Array:
        """(T, C) at the texels of a (C, M, M) map."""
        flat: Array = values.reshape(len(values), -1)[:, self.texel].T
        return flat

    def vertices(self, values: Array) -> Array:
        """(N, C) values of the vertices of a (C, M, M) map; NaN for vertices without a place on it."""
        return self.uv_map.vertices(np.moveaxis(values, 0, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the crop shows of each of T texels.

    Attributes:
        points: (T, 3) cloud frame; zero where no pixel shows the texel.
        hit: (T,) bool, which texels a pixel shows.
        confidence: (T,) in 0..1, zero where no pixel does.
    """

    points: Array
    hit: Array
    confidence: Array


def observed(
    correspondence: Array, depth: Array, confidence: Array, visible: Array, chart: FaceChart
) -> Observed:
    """The visible pixels, scattered over the chart.

    A texel that several pixels show keeps the last, row by row. Which texels are hit is kept apart: pixels
    that show no face have no say, wherever their numbers point.

    Args:
        correspondence: (2, S, S) place on the chart, column and row in [-1, 1].
        depth: (S, S) cloud frame.
        confidence: (S, S).
        visible: (S, S) bool; where it is False throughout, all pixels count.
        chart: of the face.
    """
    side = len(depth)
    pixels = np.flatnonzero(visible) if visible.any() else np.arange(side * side)
    place = correspondence.reshape(2, -1)[:, pixels]
    column, row = np.clip(np.floor((place + 1) / 2 * chart.size), 0, chart.size - 1).astype(np.int64)
    winner = np.full(chart.size**2, -1)
    winner[row * chart.size + column] = pixels  # in ascending order, so that the last one stays
    winner = winner[chart.texel]
    hit = winner >= 0
    pixel = np.maximum(winner, 0)
    y, x = np.divmod(pixel, side)
    plane = np.stack([x + 0.5, y + 0.5, np.zeros(len(x))], axis=1)
    points = cloud_from_crop(plane, side)
    points[:, 2] = depth.ravel()[pixel]
    return Observed(points * hit[:, None], hit, confidence.ravel()[pixel] * hit)


def draws(seed: int, count: int) -> Array:
    """(4, count) numbers in [0, 1), one row for each draw of points; the same for every face."""
    return np.random.default_rng(seed).uniform(size=(4, count))


def drawn(valid: Array, uniform: Array) -> Array:
    """(m,) places among (T,) valid ones, with replacement, by (m,) numbers in [0, 1).

    Where none is valid all are drawn from.
    """
    places = np.flatnonzero(valid) if valid.any() else np.arange(len(valid))
    found: Array = places[np.minimum(np.floor(uniform * len(places)).astype(np.int64), len(places) - 1)]
    return found


def inverse(similarity: Similarity) -> Similarity:
    """The way back from model space; points of no extent had none there."""
    scale, rotation = 1 / np.maximum(similarity.scale, MIN_SCALE), similarity.rotation.T
    return Similarity(scale, rotation, -scale * rotation @ similarity.translation)
