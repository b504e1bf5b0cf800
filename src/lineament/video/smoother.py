"""One person's face through time without trembling: the One Euro filter, with real time stamps.

Casiez, Roussel and Vogel 2012, "1 Euro filter": a low-pass filter whose cutoff rises with speed. A face at
rest is smoothed hard, a fast one hardly, so that nothing lags behind. Rotations are filtered on the rotation
group, in the tangent at the last one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_vector, vector_from_matrix
from lineament.result import MorphableResult

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class OneEuro:
    """How hard a quantity is smoothed.

    Attributes:
        rest_hz: cutoff at rest; lower is smoother.
        speed_hz: how much the cutoff rises for a unit of the quantity a second; higher lags less.
        speed_cutoff_hz: cutoff of the speed's own filter.
    """

    rest_hz: float
    speed_hz: float
    speed_cutoff_hz: float = 1.0


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """Of a face. Turns in radians, places in mm, sizes as logarithms, expressions as weights."""

    turn: OneEuro = OneEuro(rest_hz=0.7, speed_hz=3.0, speed_cutoff_hz=2.0)
    place: OneEuro = OneEuro(rest_hz=0.7, speed_hz=0.06)
    size: OneEuro = OneEuro(rest_hz=0.5, speed_hz=6.0)
    expression: OneEuro = OneEuro(rest_hz=1.0, speed_hz=4.0)
    identity_s: float = 5.0  # over how many seconds the person's shape is averaged before it stands still
    longest_gap_s: float = 0.5  # after longer ones the motion begins anew; the shape is kept


@dataclass(slots=True)
class _Filtered:
    """State of one filtered quantity: a vector, or a turn given as the step from the last one."""

    config: OneEuro
    value: Array | None = None
    speed: Array | None = None

    def step(self, value: Array, elapsed_s: float) -> Array:
        """The filtered value; the first one is taken as it is."""
        if self.value is None:
            self.value = value
        else:
            self.value = self.value + self.share(value - self.value, elapsed_s)
        return self.value

    def share(self, difference: Array, elapsed_s: float) -> Array:
        """The part of a difference from the filtered value that is followed."""
        speed = difference / elapsed_s
        before = np.zeros_like(speed) if self.speed is None else self.speed
        self.speed = before + _follow(self.config.speed_cutoff_hz, elapsed_s) * (speed - before)
        cutoff = self.config.rest_hz + self.config.speed_hz * float(np.linalg.norm(self.speed))
        return _follow(cutoff, elapsed_s) * difference


def _follow(cutoff_hz: float, elapsed_s: float) -> float:
    """Share of a difference that a low-pass filter of first order makes up for in a time."""
    return 1 - math.exp(-2 * math.pi * cutoff_hz * elapsed_s)


@dataclass(slots=True)
class FaceSmoother:
    """Smooths the face of one person, frame after frame."""

    config: SmoothingConfig = field(default_factory=SmoothingConfig)
    _time_s: float = field(default=-math.inf, init=False)
    _rotation: Array | None = field(default=None, init=False)
    _turn: _Filtered = field(init=False)
    _place: _Filtered = field(init=False)
    _size: _Filtered = field(init=False)
    _expression: list[_Filtered] = field(default_factory=list, init=False)
    _identity: Array | None = field(default=None, init=False)
    _identity_weight_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._rotation = None
        self._turn, self._place = _Filtered(self.config.turn), _Filtered(self.config.place)
        self._size = _Filtered(self.config.size)
        self._expression = []

    def step(self, time_s: float, face: MorphableResult) -> MorphableResult:
        """The face smoothed; a time that is not after the last one counts as a millisecond later."""
        elapsed = max(time_s - self._time_s, 1e-3)
        if elapsed > self.config.longest_gap_s:
            self._begin()
            elapsed = min(elapsed, self.config.longest_gap_s)
        self._time_s = time_s
        identity = self._averaged(face, elapsed)
        expression = self._smooth_expression(face.expression, elapsed)
        smooth = MorphableResult.from_coefficients(
            face.model,
            identity,
            expression,
            camera=self._smooth_camera(face.camera, elapsed),
            crop_box=face.crop_box,
            detection=face.detection,
            uncertainty_mm=face.uncertainty_mm,
        )
        return replace(smooth, landmark_scheme=face.landmark_scheme)

    def _smooth_camera(self, camera: WeakPerspective, elapsed: float) -> WeakPerspective:
        rotation = np.asarray(camera.rotation, np.float64)
        if self._rotation is None:
            self._rotation = rotation
        else:
            step = vector_from_matrix(self._rotation.T @ rotation)
            self._rotation = self._rotation @ matrix_from_vector(self._turn.share(step, elapsed))
        scale = float(np.exp(self._size.step(np.array([math.log(camera.scale)]), elapsed))[0])
        # The place is filtered in mm, by the smooth size: a trembling size must not move it.
        place = self._place.step(np.asarray(camera.translation, np.float64)[:2] / scale, elapsed) * scale
        depth = float(camera.translation[2])
        return WeakPerspective(self._rotation, scale, np.array([*place, depth]))

    def _smooth_expression(self, expression: Array, elapsed: float) -> Array:
        """Weights one by one: a blink is fast, whatever the mouth does."""
        if not self._expression:
            self._expression = [_Filtered(self.config.expression) for _ in expression]
        smooth = [
            one.step(np.array([weight]), elapsed)[0]
            for one, weight in zip(self._expression, expression.tolist(), strict=True)
        ]
        return np.array(smooth, dtype=np.float32)

    def _averaged(self, face: MorphableResult, elapsed: float) -> Array:
        """The mean shape so far; the longer it is known the less a frame changes it.

        Frames that show the face from the side count less: its shape is seen worse there.
        """
        weight = min(elapsed, 0.1) * max(0.1, math.cos(face.pose.yaw) ** 2)
        identity = np.asarray(face.identity, np.float64)
        known = min(self._identity_weight_s, self.config.identity_s)
        if self._identity is None:
            self._identity = identity
        else:
            self._identity = self._identity + weight / (known + weight) * (identity - self._identity)
        self._identity_weight_s += weight
        return self._identity.astype(np.float32)
