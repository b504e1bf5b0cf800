"""Observations as life has them: fewer, moved, wrong, hidden, the head anywhere in the crop (section 9).

Maps of faces that a network has learned are cleaner than those of others, so that what updates learn on has
to be spoilt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class CorruptionConfig:
    """How much.

    Attributes:
        dropout: greatest fraction of vertices that are lost; it is drawn evenly.
        occlusion: probability of a rectangle in which nothing is detected.
        occlusion_side: least and greatest side of it, crop sides.
        jitter_px: standard deviation of places, px of 256.
        wrong: fraction of vertices that are found anywhere on the face.
        landmark_noise: standard deviation of landmarks, of the size of their box; of a detector's a third.
        landmark_wrong: fraction of landmarks that are off by much more.
        no_landmarks: probability that the detector found none.
        roll, scale, shift: standard deviations by which the head is turned in the plane (radians), enlarged
            (logarithm), moved (crop sides); a sixth is turned by up to `far_roll`.
        far_roll: radians.
    """

    dropout: float = 0.7
    occlusion: float = 0.5
    occlusion_side: tuple[float, float] = (0.1, 0.5)
    jitter_px: float = 1.5
    wrong: float = 0.03
    landmark_noise: float = 0.02
    landmark_wrong: float = 0.1
    no_landmarks: float = 0.2
    roll: float = 0.15
    scale: float = 0.06
    shift: float = 0.03
    far_roll: float = 1.0


NOTHING = CorruptionConfig(0, 0, (0.1, 0.1), 0, 0, 0, 0, 0, 0, 0, 0, 0)
"""Observations as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face's observations and truth, unit frame.

    Attributes:
        points: (V, 2) of all vertices with a code, 3 with depth; NaN where not detected.
        landmarks: (68, 2); NaN where there are none.
        pose: (6,).
        box_size: of the true landmarks.
    """

    points: Array
    landmarks: Array
    pose: Array
    box_size: float

    def moved(self, roll: float, scale: float, shift: Array) -> Face:
        """The face turned in the plane, enlarged about the middle and then moved."""
        cos, sin = scale * np.cos(roll), scale * np.sin(roll)
        linear = np.array([[cos, sin], [-sin, cos]])
        points = np.concatenate([self.points[:, :2] @ linear + shift, scale * self.points[:, 2:]], axis=1)
        pose = self.pose.copy()
        pose[2] += roll
        pose[3] *= scale
        pose[4:] = self.pose[4:] @ linear + shift
        return Face(points, self.landmarks @ linear + shift, pose, self.box_size * scale)


def corrupted(face: Face, config: CorruptionConfig, rng: np.random.Generator, *, noisy: bool = True) -> Face:
    """The face somewhere else, and spoilt.

    Args:
        face: as a crop shows it.
        config: how much.
        rng: of all draws.
        noisy: whether landmarks are the true ones; a detector's get a third of the noise.
    """
    far = rng.uniform() < 1 / 6
    roll = rng.uniform(-1, 1) * config.far_roll if far else config.roll * rng.standard_normal()
    scale = float(np.exp(config.scale * rng.standard_normal()))
    face = face.moved(roll, scale, config.shift * rng.standard_normal(2))
    landmarks = _landmarks(face, config, rng, noisy=noisy)
    return replace(face, points=_points(face, config, rng), landmarks=landmarks)


def _points(face: Face, config: CorruptionConfig, rng: np.random.Generator) -> Array:
    points = face.points.copy()
    there = np.flatnonzero(np.isfinite(points[:, 0]))
    if not len(there):
        return points
    points[:, :2] += config.jitter_px / 256 * rng.standard_normal((len(points), 2))
    wrong = there[rng.uniform(size=len(there)) < config.wrong]
    points[wrong, :2] = points[rng.choice(there, len(wrong)), :2]
    hidden = rng.uniform(size=len(points)) < rng.uniform(0, config.dropout)
    if rng.uniform() < config.occlusion:
        middle = points[rng.choice(there), :2]
        reach = rng.uniform(*config.occlusion_side, 2) / 2
        hidden |= (np.abs(points[:, :2] - middle) < reach).all(axis=1)
    points[hidden] = np.nan
    return points


def _landmarks(face: Face, config: CorruptionConfig, rng: np.random.Generator, *, noisy: bool) -> Array:
    if rng.uniform() < config.no_landmarks:
        return np.full_like(face.landmarks, np.nan)
    noise = config.landmark_noise * face.box_size / (1 if noisy else 3)
    landmarks = face.landmarks + noise * rng.standard_normal(face.landmarks.shape)
    wrong = rng.uniform(size=len(landmarks)) < config.landmark_wrong * rng.uniform()
    landmarks[wrong] += 0.15 * face.box_size * rng.standard_normal((int(wrong.sum()), 2))
    return landmarks
