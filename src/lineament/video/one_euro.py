"""The One Euro filter: a low-pass filter whose cutoff rises with speed, with real time stamps.

Casiez, Roussel and Vogel 2012. What rests is smoothed hard, what is fast hardly, so that nothing lags behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(slots=True)
class Filtered:
    """State of filtered vectors (..., C), each with its own speed; or of turns, as steps from the last."""

    config: OneEuro
    value: Array | None = None
    speed: Array | None = None

    def step(self, value: Array, elapsed_s: float) -> Array:
        """The filtered value; the first one is taken as it is."""
        if self.value is None:
            self.value = value
        else:
            self.value = self.value + self.followed(value - self.value, elapsed_s)
        return self.value

    def followed(self, difference: Array, elapsed_s: float) -> Array:
        """The part of a difference from the filtered value that is followed."""
        speed = difference / elapsed_s
        before = np.zeros_like(speed) if self.speed is None else self.speed
        follow = 1 - math.exp(-2 * math.pi * self.config.speed_cutoff_hz * elapsed_s)
        self.speed = before + follow * (speed - before)
        length = np.linalg.norm(self.speed, axis=-1, keepdims=True)
        cutoff_hz = self.config.rest_hz + self.config.speed_hz * length
        followed: Array = (1 - np.exp(-2 * math.pi * cutoff_hz * elapsed_s)) * difference
        return followed
