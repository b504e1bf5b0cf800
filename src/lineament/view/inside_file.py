"""What lies behind lids and lips, for the page's GLB files: teeth, and how eyes turn.

The numbers are those of :mod:`lineament.export.head_parts`; the page cuts skin, eyes and mouth from its face
model, and lays eyes and mouth on the picture, as it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.export.glb import ROUGHNESS
from lineament.export.head_parts import BAG, EYE, SIDE_PX, teeth_uv
from lineament.export.teeth import JAW_SHAPES, Teeth
from lineament.geometry.eye_turns import LOOKS
from lineament.models import load_model
from lineament.view.array_file import array_file_bytes


def inside_bytes() -> bytes:
    """The content of the page's ``model/inside.bin``."""
    model = load_model("lfm")
    teeth = Teeth.of(model)
    moved = [model.expression_names.index(name) for name in JAW_SHAPES]
    arrays: dict[str, NDArray[Any]] = {
        "teeth": teeth.rest_model.astype(np.float32),  # (V, 3) mm, on the mean face
        "uv": teeth_uv(teeth).astype(np.float32),  # (V, 2) on the picture
        "triangles": teeth.triangles.astype(np.uint16),
        "anchor": teeth.anchor.astype(np.int32),
        "moves": teeth.differences[moved].astype(np.float32),  # (4, V, 3) mm
    }
    head = {
        "jaw_shapes": JAW_SHAPES,
        "looks": LOOKS,  # degrees outwards and up
        "eye": EYE,
        "mouth": BAG,
        "size_wh": (2 * SIDE_PX, SIDE_PX),
        "roughness": ROUGHNESS,
    }
    return array_file_bytes(arrays, head)
