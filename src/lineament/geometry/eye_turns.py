"""How points on eyeballs move with the expressions of looking.

The built-in model's blendshapes of looking move the lids alone, for a turned sphere is the same sphere. An
iris, though, is a place on it, and where irises are seen is what tells where eyes look.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

EYEBALLS = "eyeballs"
LOOKS = {
    "eyeLookOut": (32.0, 0.0),
    "eyeLookIn": (-32.0, 0.0),
    "eyeLookUp": (0.0, 25.0),
    "eyeLookDown": (0.0, -30.0),
}
"""Degrees outward and up that an eye turns at weight 1, of rendered faces, of fits and in files."""


def eye_turns(model: MorphableModel, vertex_index: Array, weights: Array) -> Array:
    """(E, P, 3) float32 mm, model frame, by which weight 1 of each expression turns points on eyeballs.

    Between, points go straight: at half the weight an iris lies 0.6 mm deep in its eyeball. Zero for points
    beside the eyeballs, for other expressions, and for models whose eyeballs are no part of their own.

    Args:
        model: the face model.
        vertex_index: (P, 3) corners on its mesh.
        weights: (P, 3) barycentric weights.
    """
    moved = np.zeros((len(model.expression_names), len(vertex_index), 3), np.float32)
    if EYEBALLS not in model.parts:
        return moved
    balls = np.unique(model.triangles[slice(*model.parts[EYEBALLS])])
    neutral = np.asarray(model.neutral_model, np.float64)
    points = np.einsum("pc,pcd->pd", weights, neutral[vertex_index])
    on_balls = np.isin(vertex_index, balls).all(axis=1)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        own = on_balls & (sign * points[:, 0] > 0)
        if not own.any():
            continue
        away = points[own] - sphere_centre(neutral[balls[sign * neutral[balls, 0] > 0]])
        for look, turn_deg in LOOKS.items():
            if look + side in model.expression_names:
                number = model.expression_names.index(look + side)
                outward, up = np.radians(turn_deg)
                moved[number, own] = away @ turn_of(sign * outward, up).T - away
    return moved


def sphere_centre(points: Array) -> Array:
    """(3,) centre of the sphere through (n, 3) points, by least squares."""
    known = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    return np.asarray(np.linalg.lstsq(known, np.square(points).sum(axis=1), rcond=None)[0][:3])


def turn_of(right: float, up: float) -> Array:
    """(3, 3) that turns +z to the viewer's right and up, radians."""
    c, s = np.cos(right), np.sin(right)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(up), np.sin(up)
    about_x = np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    return np.asarray(about_y @ about_x)
