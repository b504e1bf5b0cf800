"""How far heads are turned as a network predicts it: 68 points with depth in the convention of 300W-LP."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.data.formats.item import JAW_3D
from lineament.errors import DataError
from lineament.foreign import foreign
from lineament.geometry.similarity import fit_similarity
from lineament.models.builtin import load_builtin

UNITS_PER_PX = 32  # of `landmarks68_q32`
UPRIGHT = np.array([1.0, -1.0, 1.0])
"""From the files' axes (y down, z to the viewer) to the model's."""


def predicted_yaws(path: Path) -> dict[str, float]:
    """Yaw of each photograph's head, radians, positive where the nose points to the viewer's right.

    Args:
        path: npz with ``names`` (n,) and ``landmarks68_q32`` (n, 68, 3), 1/32 px.

    Raises:
        DataError: it holds something else.
    """
    what = f"{path} is no table of 68 points with depth"
    expected = "Expected are `names` and `landmarks68_q32`."
    with foreign(DataError, what, expected), path.open("rb") as file, np.load(file) as data:
        names, points = data["names"].tolist(), data["landmarks68_q32"].astype(float) / UNITS_PER_PX
        points = points.reshape(len(names), 68, 3)
    model = load_builtin()
    nobody = np.zeros(len(model.identity_basis)), np.zeros(len(model.expression_basis))
    rest = model.landmarks_model(*nobody, scheme=JAW_3D).astype(float)
    rotation = fit_similarity(rest, points * UPRIGHT).rotation
    return dict(zip(names, np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]).tolist(), strict=True))
