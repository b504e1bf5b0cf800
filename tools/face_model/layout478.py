"""The 478-point mesh as points of LFM, and how far each point can be trusted."""

from __future__ import annotations

import numpy as np

from lineament.data.fitting.layout import PointLayout
from tools.face_model.assemble import Assembled
from tools.face_model.parts import RINGS, SPOKES

# The rings around the eye openings and the inner and outer lips in the canonical mesh's numbering.
LIDS = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    *(362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LID_TRUST, LIP_TRUST, IRIS_TRUST, DEPTH_TRUST = 4.0, 2.0, 3.0, 0.3
PUPIL_BELOW_POLE = 0.45
"""Where the iris of somebody looking straight ahead lies between the eyeball's pole and the ring below."""


def layout478(assembled: Assembled) -> PointLayout:
    """The 468 registered vertices and the two iris centres (right eye's first, the detector's order)."""
    places = assembled.mesh478.places
    count = len(places.vertex_index)
    left_pole = assembled.face_vertex_count
    right_pole = left_pole + 1 + (RINGS - 1) * SPOKES
    below = 1 + 3 * SPOKES // 4
    irises = np.array([[pole, pole + below, pole] for pole in (right_pole, left_pole)])
    fractions = np.array([[1 - PUPIL_BELOW_POLE, PUPIL_BELOW_POLE, 0.0]] * 2)
    trust = np.ones(count + 2)
    trust[list(LIDS)], trust[list(LIPS)], trust[count:] = LID_TRUST, LIP_TRUST, IRIS_TRUST
    depth_trust = np.full(count + 2, DEPTH_TRUST)
    depth_trust[count:] = 0.0
    return PointLayout(
        vertex_index=np.concatenate([places.vertex_index, irises]).astype(np.int32),
        weights=np.concatenate([places.weights, fractions]).astype(np.float32),
        trust=trust,
        depth_trust=depth_trust,
    )
