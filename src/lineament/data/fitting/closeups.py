"""The parts of a face that networks look at in close-up, as points of the built-in model."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lineament.data.fitting.layouts import IRIS_POINTS, LEFT_EYE, MOUTH, RIGHT_EYE, mesh_layout
from lineament.expression_keys import other_side
from lineament.methods.closeup import MIN_WITHIN, CloseUpTable
from lineament.models.builtin import load_builtin

RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375)
NOSE = (1, 2, 97, 98, 326, 327, 64, 294)
"""Tip, base and wings."""
CHIN = (152, 176, 400, 199, 200)
"""Its edge and its front: they tell where the jaw is whatever the lips do."""
_PAIRS = (
    *((61, 291), (185, 409), (40, 270), (39, 269), (37, 267), (146, 375), (91, 321), (181, 405), (84, 314)),
    *((78, 308), (191, 415), (80, 310), (81, 311), (82, 312), (95, 324), (88, 318), (178, 402), (87, 317)),
    *((97, 326), (98, 327), (64, 294), (176, 400)),
)
MIRRORED = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
"""The point on the other side of each of mouth, nose and chin; those of the middle are left out."""
EYE_KEYS = (
    *("eyeBlink", "eyeSquint", "eyeWide", "browDown", "browInnerUp", "browOuterUp", "cheekSquint"),
    *("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp"),
)
MOUTH_KEYS = ("jaw", "mouth", "cheekPuff", "noseSneer")
"""First parts of the names of the keys that a close-up of the mouth shows."""
EYE_MM, MOUTH_MM = 66.0, 100.0
"""Sides of the squares: from the brow to the cheek, and from the nose to the chin."""
CLOSE_UP_PX = 64
MOUTH_WITHIN = 0.6
"""Share of a mouth's close-up that must be in the photo: its network has learned from mouths that are cut off
(`docs/runs/configs/train_mouth_wide.toml`). Many a portrait ends below the lips."""


@lru_cache(maxsize=4)
def close_up_table(part: str, size: int = CLOSE_UP_PX) -> CloseUpTable:
    """The table of "eye" or "mouth".

    Args:
        part: which.
        size: px of the close-up.
    """
    layout = mesh_layout()
    if part == "eye":
        sides = [
            [*eye.upper, *eye.lower, *eye.corners, iris, *brow]
            for eye, iris, brow in zip(
                (RIGHT_EYE, LEFT_EYE), IRIS_POINTS, (RIGHT_BROW, LEFT_BROW), strict=True
            )
        ]
        keys = tuple(tuple(key + side for key in EYE_KEYS) for side in ("Right", "Left"))
        side_mm, within = EYE_MM, MIN_WITHIN
    else:
        points = [*OUTER_LIPS, *NOSE, *MOUTH.upper, *MOUTH.lower, *MOUTH.corners, *CHIN]
        own = tuple(name for name in load_builtin().expression_names if name.startswith(MOUTH_KEYS))
        # A mouth is its own other side: it is seen once as it is and once in a mirror.
        sides = [points, [MIRRORED.get(number, number) for number in points]]
        keys = (own, tuple(map(other_side, own)))
        side_mm, within = MOUTH_MM, MOUTH_WITHIN
    numbers = np.array(sides)
    return CloseUpTable(
        layout.vertex_index[numbers], layout.weights[numbers], keys, side_mm, size, within, irises_turn=True
    )
