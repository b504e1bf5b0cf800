"""The built-in face model as one file that JavaScript reads without any library.

The arrays are those of ``lfm.npz``, as stored there: half of every symmetric shape in whole steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.errors import ModelError
from lineament.foreign import foreign
from lineament.geometry.landmark_neighbours import NEAR
from lineament.geometry.topology import MIRROR_68
from lineament.view.array_file import array_file_bytes

SCHEMES = ("300w-lp", "ibug-68")
ARRAYS = (
    "neutral",
    "triangles",
    "uv",
    "mirror_vertex",
    "mirror_expression",
    "identity_sign",
    "identity_steps",
    "identity_step_mm",
    "expression_steps",
    "expression_step_mm",
)
TURNING = ("ibug-68",)
"""Schemes whose points move as the head turns."""
SCHEME_ARRAYS = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset")


def model_bytes(path: Path) -> bytes:
    """The content of the page's ``model/lfm.bin``, from the package's ``lfm.npz``."""
    names = [*ARRAYS, *(f"scheme/{scheme}/{field}" for scheme in SCHEMES for field in SCHEME_ARRAYS)]
    names += [f"scheme/{scheme}/turn_offset" for scheme in TURNING]
    with (
        foreign(ModelError, f"The face model {path} is damaged", "Reinstall lineament."),
        np.load(path) as data,
    ):
        arrays = {name: data[name] for name in names}
        ranges = zip(data["part_names"].tolist(), data["part_ranges"].tolist(), strict=True)
        head = {
            "expression_names": data["expression_names"].tolist(),
            "parts": dict(ranges),
            "schemes": SCHEMES,
            "mirror_landmark": list(MIRROR_68),
            "landmark_near": NEAR,
        }
    return array_file_bytes(arrays, head)
