"""Where the points of other programs' meshes and landmark schemes lie on the built-in face model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.data.fitting.layout import Opening, PointLayout
from lineament.errors import ModelError
from lineament.foreign import foreign
from lineament.models.builtin import BUILTIN_PATH

IRIS_POINTS = (468, 469)
IRIS_TRUST = 25.0
IRIS_EDGES = ((8812, 8817), (8683, 8688))
IRIS_EDGE_WEIGHTS = (0.921263, 0.078737)
"""Where the axes of the right and the left eyeball, which the renderer paints irises around, meet the mesh:
between two vertices each. (The table of the face model has irises 2.3 mm lower.)"""
MIDDLE_OF_LIDS, MIDDLE_OF_LIPS = slice(2, 5), slice(3, 6)
# How far MediaPipe's mesh stays open over shut eyes and lips, judged by eye on photographs: gap over width.
LIDS_SHUT, LIDS_OPEN = 0.09, 0.16
LIPS_SHUT, LIPS_OPEN = 0.015, 0.05
UPPER_LID_FRACTION, UPPER_LIP_FRACTION = 0.7, 0.5

RIGHT_EYE = Opening(
    upper=np.array([246, 161, 160, 159, 158, 157, 173]),
    lower=np.array([7, 163, 144, 145, 153, 154, 155]),
    corners=(33, 133),
    middle=MIDDLE_OF_LIDS,
    shut=LIDS_SHUT,
    open=LIDS_OPEN,
    upper_fraction=UPPER_LID_FRACTION,
    shut_shapes=("eyeBlinkRight",),
    hidden_points=(468,),
    hidden_shapes=tuple(f"eyeLook{way}Right" for way in ("Down", "In", "Out", "Up")),
)
LEFT_EYE = Opening(
    upper=np.array([466, 388, 387, 386, 385, 384, 398]),
    lower=np.array([249, 390, 373, 374, 380, 381, 382]),
    corners=(263, 362),
    middle=MIDDLE_OF_LIDS,
    shut=LIDS_SHUT,
    open=LIDS_OPEN,
    upper_fraction=UPPER_LID_FRACTION,
    shut_shapes=("eyeBlinkLeft",),
    hidden_points=(469,),
    hidden_shapes=tuple(f"eyeLook{way}Left" for way in ("Down", "In", "Out", "Up")),
)
MOUTH = Opening(
    upper=np.array([191, 80, 81, 82, 13, 312, 311, 310, 415]),
    lower=np.array([95, 88, 178, 87, 14, 317, 402, 318, 324]),
    corners=(78, 308),
    middle=MIDDLE_OF_LIPS,
    shut=LIPS_SHUT,
    open=LIPS_OPEN,
    upper_fraction=UPPER_LIP_FRACTION,
)


def mesh_layout(path: Path = BUILTIN_PATH) -> PointLayout:
    """The 468 vertices of MediaPipe's mesh and the right and left iris centres, as points of LFM."""
    with foreign(ModelError, f"The table {path} is damaged", "Reinstall lineament."), np.load(path) as data:
        trust, depth_trust = data["mesh478_trust"].astype(float)
        trust[list(IRIS_POINTS)] = IRIS_TRUST
        vertex_index, weights = data["mesh478_vertex_index"].astype(np.int32), data["mesh478_weights"]
        for point, (front, above) in zip(IRIS_POINTS, IRIS_EDGES, strict=True):
            vertex_index[point], weights[point] = (front, above, front), (*IRIS_EDGE_WEIGHTS, 0)
        return PointLayout(
            vertex_index=vertex_index,
            weights=weights,
            trust=trust,
            depth_trust=depth_trust,
            openings=(RIGHT_EYE, LEFT_EYE, MOUTH),
        )
