"""Carries faces of the built-in model to the vertices of the Basel model, for dense evaluation.

The table says which point of LFM's surface lies next to each vertex of the neckless Basel topology (the
38,365 vertices of 3DDFA_V2) when both are at rest. It holds no shape of the Basel model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ModelError
from lineament.foreign import foreign
from lineament.geometry.mesh import barycentric_points
from lineament.models.builtin import BUILTIN_PATH


@dataclass(frozen=True, slots=True)
class BaselTable:
    """Places of Basel's vertices on LFM.

    Attributes:
        vertex_index: (38365, 3) int, corners of the triangle of LFM.
        weights: (38365, 3) barycentric weights.
    """

    vertex_index: NDArray[np.int32]
    weights: NDArray[np.float32]

    def carry(self, vertices: NDArray[Any]) -> NDArray[Any]:
        """(..., 38365, 3) points in any frame from (..., N, 3) vertices of LFM in that frame."""
        return barycentric_points(vertices, self.vertex_index, self.weights)


def load_basel_table(path: Path = BUILTIN_PATH) -> BaselTable:
    """The table inside the package."""
    with foreign(ModelError, f"The table {path} is damaged", "Reinstall lineament."), np.load(path) as data:
        weights = data["basel_weights"].astype(np.float32)
        index = data["basel_vertex_index"].astype(np.int32)
    return BaselTable(index, weights / weights.sum(axis=1, keepdims=True))
