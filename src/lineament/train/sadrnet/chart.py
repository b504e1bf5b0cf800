"""SADRNet's tables of a face model: mean map, loss weights, landmarks and their neighbours on the chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import sadrnet_offset_map
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.uv import make_uv_map, region_weight_map
from lineament.methods.sadrnet_tables import SadrTables
from lineament.models.regions import SCHEME, face_regions

Array = NDArray[Any]

NORMAL_REACH = 1 / 64
"""Of the map's side: how far from a landmark its neighbours lie, of which its normal is made."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SadrChart:
    """Tables for maps of one size.

    Attributes:
        surface: of the face model, openings closed.
        mean_map: (3, M, M) float32, the mean face in units of the shape map.
        weights: (M, M) float32: landmarks 16; eyes, nose, mouth 12; the rest 3; neck as asked for.
        texels: (68,) int64 flat places of the landmarks.
        neighbours: (4, 68) int64 flat places left, right, above and below them.
    """

    surface: LabelSurface
    mean_map: Array
    weights: Array
    texels: Array
    neighbours: Array

    @classmethod
    def of(cls, model: MorphableModel, *, size: int, neck: float = 0.0) -> SadrChart:
        """The tables of a face model.

        Args:
            model: with a chart and the landmarks "lfm-68".
            size: texels along a side.
            neck: weight of the neck and under-jaw; the paper's is 0.

        Raises:
            ConfigError: the model has no chart or no such landmarks.
        """
        if model.uv is None or SCHEME not in model.schemes:
            raise ConfigError(
                f"SADRNet's maps lie on a chart with the landmarks {SCHEME!r}, which the face model "
                f"{model.name!r} lacks: train on the built-in one, face_model = 'lfm'."
            )
        surface = LabelSurface.of(model, size=size)
        column, row = surface.landmark_texels(SCHEME).T
        return cls(
            surface=surface,
            mean_map=np.ascontiguousarray(np.moveaxis(sadrnet_offset_map(surface.mean_map), -1, 0)),
            weights=_weights(surface, neck),
            texels=row * size + column,
            neighbours=_neighbours(surface.mask, row, column),
        )

    @property
    def size(self) -> int:
        """Texels along a side."""
        return len(self.weights)

    def modes(self) -> NDArray[np.float32]:
        """(K + E, 3, M, M) what a one of each identity, then expression coefficient adds to the shape map."""
        model = self.surface.model
        bases = np.concatenate([model.identity_basis, model.expression_basis])
        maps = (sadrnet_offset_map(self.surface.gather(np.float32(mode))) for mode in bases)
        return np.stack([np.moveaxis(values, -1, 0) for values in maps])

    def tables(self, pose: str, weight: str) -> SadrTables:
        """What inference needs of it.

        Args:
            pose: how the network finds it.
            weight: of the landmarks in the alignment.
        """
        mean = self.mean_map.reshape(3, -1)[:, self.texels].T
        return SadrTables(pose, weight, self.texels, self.neighbours, mean, self.weights > 0)


def _weights(surface: LabelSurface, neck: float) -> NDArray[np.float32]:
    """(M, M) weights of the losses, zero off the chart."""
    uv_map = make_uv_map(surface.uv, surface.triangles, size=surface.size)
    weights = region_weight_map(uv_map, face_regions(surface.model), surface.landmark_uv(SCHEME))
    on_neck = surface.mask & (weights == 0)
    return np.where(on_neck, np.float32(neck), weights)


def _neighbours(mask: NDArray[np.bool_], row: Array, column: Array) -> NDArray[np.int64]:
    """(4, P) flat places left, right, above and below texels, as far as the chart reaches."""
    size = len(mask)
    reach = max(1, round(size * NORMAL_REACH))
    found = []
    for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
        at_row, at_column = row.copy(), column.copy()
        for _ in range(reach):
            next_row = np.clip(at_row + down, 0, size - 1)
            next_column = np.clip(at_column + right, 0, size - 1)
            on_chart = mask[next_row, next_column]
            at_row, at_column = (
                np.where(on_chart, next_row, at_row),
                np.where(on_chart, next_column, at_column),
            )
        found.append(at_row * size + at_column)
    return np.stack(found)
