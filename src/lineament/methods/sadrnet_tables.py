"""What SADRNet's alignment knows of the chart, and the weights that it gives to landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import WeightsError

Array: TypeAlias = NDArray[Any]

POSITION_UNIT = 280.0 / 256
"""Sides of the crop that a one of the face map means."""
SHAPE_PER_MM = 0.015
"""What a mm of the shape map is."""
MODEL_TO_MAP = np.array([1.0, -1.0, 1.0])
"""Signs between the model frame (y up) and the face map's (y down, z toward the viewer in both)."""
MIN_WEIGHT = 0.1  # of a landmark that is not seen; it keeps the fit from having no points


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SadrTables:
    """Constants of a network beside its graph.

    Attributes:
        pose: "align", "regress" or "direct", of :class:`lineament.train.networks.sadrnet.SadrConfig`.
        weight: "paper" or "code", of the same.
        texels: (68,) flat places of the landmarks in the maps.
        neighbours: (4, 68) flat places left, right, above and below them, on the chart.
        mean: (68, 3) the mean face there, in units of the shape map.
        known: (M, M) bool, texels that the maps were trained on.
    """

    pose: str
    weight: str
    texels: Array
    neighbours: Array
    mean: Array
    known: Array

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """The tables of a bundle's constants.

        Raises:
            WeightsError: some are missing.
        """
        missing = [each.name for each in fields(cls) if each.name not in arrays]
        if missing:
            raise WeightsError(
                f"Weights of SADRNet hold tables of the face's chart beside the network; these lack "
                f"{', '.join(missing)}. They belong to another method, or are damaged."
            )
        return cls(
            str(arrays["pose"]), str(arrays["weight"]), *(arrays[each.name] for each in fields(cls)[2:])
        )

    def arrays(self) -> dict[str, Array]:
        """The same as constants of a bundle."""
        return {each.name: np.asarray(getattr(self, each.name)) for each in fields(self)}

    @property
    def size(self) -> int:
        """Texels along a side of the maps."""
        return len(self.known)


def landmark_weights(face_map: Array, attention: Array | None, tables: SadrTables) -> Array:
    """How much each landmark of a face map counts in the alignment.

    The paper adds 0.1 to the attention at the landmark where the surface faces the viewer, and gives 0.1
    elsewhere; the official code multiplies the attention with 1, or with 0.1 where the surface turns away.

    Args:
        face_map: (..., 3, M, M).
        attention: (..., A, A) in 0..1; None counts as 1 everywhere.
        tables: of the chart.

    Returns:
        (..., 68).
    """
    flat = face_map.reshape(*face_map.shape[:-2], -1)
    left, right, above, below = (flat[..., :2, places] for places in tables.neighbours)
    across, down = right - left, below - above
    turn = across[..., 0, :] * down[..., 1, :] - across[..., 1, :] * down[..., 0, :]
    seen = np.ones(turn.shape)
    if attention is not None:
        size = attention.shape[-1]
        cell = np.floor(np.nan_to_num(flat[..., :2, tables.texels]) * POSITION_UNIT * size)
        column, row = np.moveaxis(np.clip(cell, 0, size - 1).astype(int), -2, 0)
        seen = np.take_along_axis(
            attention.reshape(*attention.shape[:-2], -1), row * size + column, axis=-1
        ).astype(float)
    if tables.weight == "paper":
        return np.where(turn >= 0, seen, 0) + MIN_WEIGHT
    return np.where(turn > 0, 1.0, np.where(turn < 0, MIN_WEIGHT, 0.0)) * seen
