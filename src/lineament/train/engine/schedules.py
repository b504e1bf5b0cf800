"""How the learning rate goes over a run: the shapes that the papers use, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lineament.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """Learning rate relative to its highest, as a function of the step.

    Attributes:
        shape: after the warm-up "cosine" falls to `floor`; "pieces" stays at `factors`; "exponential" is
            multiplied by `decay` at the end of each of `periods`; "one-cycle" rises and falls along cosines
            (Smith and Topin 2019; its rise takes the place of the warm-up); "constant" stays.
        warm_up: steps of linear rise from `start`.
        start: factor of the first step; 0 starts at one step's share of the rise.
        floor: last factor of "cosine" and "one-cycle".
        borders: ends of the first pieces, as fractions of the run; one fewer than `factors`.
        factors: of "pieces".
        decay: of "exponential".
        periods: how many equal parts, usually epochs, the run is cut into for "exponential".
        rise: fraction of the run in which "one-cycle" rises.

    Raises:
        ConfigError: borders and factors do not fit together.
    """

    shape: Literal["cosine", "pieces", "exponential", "one-cycle", "constant"] = "cosine"
    warm_up: int = 300
    start: float = 0.0
    floor: float = 0.0
    borders: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    decay: float = 0.85
    periods: int = 30
    rise: float = 0.3

    def __post_init__(self) -> None:
        """Refuse pieces without a factor each."""
        rising = list(self.borders) == sorted(self.borders)
        if self.shape == "pieces" and (len(self.factors) != len(self.borders) + 1 or not rising):
            raise ConfigError(
                f"A schedule in pieces needs rising borders and one factor more than borders; found "
                f"borders {self.borders} and factors {self.factors}."
            )

    def factor(self, step: int, steps: int) -> float:
        """Factor of a step, counted from 0, of a run of `steps`."""
        if self.shape == "one-cycle":
            return self._one_cycle(min(step / max(steps, 1), 1.0))
        if step < self.warm_up:
            return self.start + (1 - self.start) * (step + 1) / self.warm_up
        if self.shape == "cosine":
            fraction = min((step - self.warm_up) / max(steps - self.warm_up, 1), 1.0)
            return _along_cosine(1.0, self.floor, fraction)
        if self.shape == "pieces":
            return self.factors[sum(step >= border * steps for border in self.borders)]
        if self.shape == "exponential":
            return float(self.decay ** (step * self.periods // max(steps, 1)))
        return 1.0

    def _one_cycle(self, fraction: float) -> float:
        if fraction < self.rise:
            return _along_cosine(self.start, 1.0, fraction / self.rise)
        return _along_cosine(1.0, self.floor, (fraction - self.rise) / (1 - self.rise))


def _along_cosine(first: float, last: float, fraction: float) -> float:
    return last + 0.5 * (first - last) * (1 + math.cos(math.pi * fraction))


SYNERGYNET = ScheduleConfig(
    shape="pieces", warm_up=0, borders=(5 / 80, 48 / 80, 64 / 80), factors=(0.2, 1.0, 0.2, 0.04)
)
"""As the released code trains: epochs 1-5, 6-48, 49-64 and 65-80."""
SADRNET = ScheduleConfig(shape="exponential", start=0.125, decay=0.85, periods=25)
"""0.85 an epoch; set `warm_up` to three or four epochs' steps. DSFNet: 30 periods, `start` 0.1."""
CPRFA = ScheduleConfig(shape="pieces", warm_up=0, borders=(0.5, 0.75, 0.9), factors=(1.0, 0.1, 0.01, 0.001))
"""The segmentation network: a tenth after epochs 20, 30 and 36 of 40."""
DFF = ScheduleConfig(shape="pieces", warm_up=0, borders=(0.5,), factors=(1.0, 0.1))
"""A tenth after epoch 5 of 10."""
