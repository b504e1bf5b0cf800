"""Eyes as the renderer paints them: sclera, iris, pupil, and where eyeballs look for given blendshapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.eye_turns import LOOKS
from lineament.geometry.morphable import MorphableModel

Array = NDArray[np.floating]

IRIS_SINE = 0.40
"""Sine of the angle at the eyeball's centre between its axis and the iris' rim (5.9 of 15.1 mm)."""
SCLERA_RGB = (0.84, 0.80, 0.78)
IRIS_RGB = {
    "brown": (0.30, 0.18, 0.10),
    "dark": (0.17, 0.11, 0.08),
    "hazel": (0.40, 0.30, 0.15),
    "green": (0.36, 0.42, 0.28),
    "grey": (0.45, 0.49, 0.52),
    "blue": (0.34, 0.47, 0.62),
}
IRIS_PROBABILITIES = (0.36, 0.22, 0.12, 0.07, 0.07, 0.16)


@dataclass(frozen=True, slots=True)
class EyeLook:
    """What two eyes look like.

    Attributes:
        iris_rgb: (3,) encoded colour in the middle of the iris.
        sclera_rgb: (3,).
        pupil: radius of the pupil as a part of the iris'.
        seed: of the iris' fibres.
    """

    iris_rgb: Array
    sclera_rgb: Array
    pupil: float
    seed: int


def random_eyes(rng: np.random.Generator) -> EyeLook:
    """Eyes of a random colour."""
    colours = list(IRIS_RGB.values())
    iris = np.array(colours[rng.choice(len(colours), p=IRIS_PROBABILITIES)]) * np.exp(rng.normal(0, 0.12, 3))
    sclera = (
        np.array(SCLERA_RGB)
        * np.exp(rng.normal(0, 0.05))
        * (1, 1 - 0.04 * rng.random(), 1 - 0.06 * rng.random())
    )
    return EyeLook(
        np.clip(iris, 0.04, 0.8),
        np.clip(sclera, 0, 0.95),
        float(rng.uniform(0.28, 0.55)),
        int(rng.integers(2**31)),
    )


def gaze_directions(model: MorphableModel, expression: Array) -> Array:
    """(2, 3) unit vectors, model frame, along which the left and the right eye look.

    The model's eyeballs do not turn with the blendshapes of looking (a turned sphere looks the same): the
    iris is painted where these directions meet the eyeball.
    """
    weight = dict(zip(model.expression_names, np.asarray(expression, float), strict=True))
    directions = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        turn_deg = np.sum([weight[look + side] * np.array(turn) for look, turn in LOOKS.items()], axis=0)
        aside, up = np.radians(turn_deg) * (outward, 1.0)
        directions.append([np.cos(up) * np.sin(aside), np.sin(up), np.cos(up) * np.cos(aside)])
    return np.array(directions)


def eye_albedo(away: Array) -> Array:
    """(P, 3) encoded colours of a plain brown eye at places by the sine of their angle from its axis."""
    iris = np.where((away < 0.4 * IRIS_SINE)[:, None], 0.04, np.float32(IRIS_RGB["brown"]))
    return np.where((away < IRIS_SINE)[:, None], iris, np.float32(SCLERA_RGB)).astype(np.float32)
