"""Losses of close-up networks: points in the picture, keys where they are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.errors import ConfigError
from lineament.train.batches.labels import LabelBatch
from lineament.train.closeup.targets import KEYS, POINTS, SHOWN
from lineament.train.networks.closeup import CloseUpOutput

KEY_UNIT = 0.2
"""An error of a key that counts as one."""


@dataclass(frozen=True, slots=True)
class CloseUpLossConfig:
    """Weights of the terms.

    Attributes:
        points: mean distance of the points, hundredths of the close-up's side.
        keys: mean squared error of expression keys of rendered faces, which are exact, in units of
            :data:`KEY_UNIT`. Not the mean error: most keys rest on most faces, and the median of what is
            possible is rest.
        raised: how much more the error of a key counts that a rendered face raises by one. Each key rests
            on 98 of 100 faces: without it the cheapest answer is rest.
        hard: factor on the errors of the keys of `hard_keys`.
        hard_keys: first parts of the names of keys that others hide: one that moves little, or that looks
            much like another one, is learned last.
        irises: factor on the error of an iris: it alone shows where an eye looks, and is one point of many.
        fitted_raised: how much more keys of photographs count by how far they are raised there, as `raised`
            of rendered faces.
        fitted: factor on the errors of the keys of photographs, which are fits.
        sides: mean squared error of the left key less the right one of each pair, in units of
            :data:`KEY_UNIT`: what tells a mouth pulled aside from a broad one, which both keys together hide.
        fitted_keys: first parts of the names of keys that fits of photographs are believed in; of the others
            only rendered faces say how far they are raised.
        changed_keys: the same of photographs whose mouths or eyes were edited, which show what they are said
            to; empty for those of `fitted_keys`. Of fits with a mouth pulled aside nearly all are wrong.
    """

    points: float = 1.0
    keys: float = 3.0
    raised: float = 0.0
    hard: float = 1.0
    hard_keys: tuple[str, ...] = ()
    irises: float = 1.0
    fitted_raised: float = 0.0
    fitted: float = 0.3
    sides: float = 0.0
    fitted_keys: tuple[str, ...] = (
        "eyeBlink",
        "jawOpen",
        "jawLeft",
        "jawRight",
        "mouthLeft",
        "mouthRight",
        "mouthSmile",
    )
    changed_keys: tuple[str, ...] = ()


def left_and_right(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Places of the keys that have a left and a right one, such as `mouthLeft` and `mouthRight`."""
    ends = "Left", "Right"
    right = {name.removesuffix(ends[1]): place for place, name in enumerate(names) if name.endswith(ends[1])}
    stems = [
        (name.removesuffix(ends[0]), place) for place, name in enumerate(names) if name.endswith(ends[0])
    ]
    return [(place, right[stem]) for stem, place in stems if stem in right]


class CloseUpLoss(nn.Module):
    """Distance between predicted and true points and keys; parts that are not shown count for nothing.

    Args:
        names: (K,) of the keys.
        turning: (P,) bool, which points are irises.
        config: weights.

    Raises:
        ConfigError: `sides` is asked for and no key has two sides, as those of one eye.
    """

    def __init__(self, names: tuple[str, ...], turning: NDArray[np.bool_], config: CloseUpLossConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer(
            "point_factors", torch.where(torch.as_tensor(turning), config.irises, 1.0).float()
        )
        for buffer, starts in (
            ("believed", config.fitted_keys),
            ("believed_if_changed", config.changed_keys or config.fitted_keys),
        ):
            share = [config.fitted * name.startswith(starts) for name in names]
            self.register_buffer(buffer, torch.tensor(share, dtype=torch.float32))
        factors = [config.hard if name.startswith(config.hard_keys) else 1.0 for name in names]
        self.register_buffer("factors", torch.tensor(factors, dtype=torch.float32))
        if config.sides and not left_and_right(names):
            raise ConfigError(
                f"loss.sides is {config.sides} and none of {', '.join(names)} has two sides: leave it at 0."
            )
        self.register_buffer("pairs", torch.tensor(left_and_right(names), dtype=torch.long).reshape(-1, 2))

    def forward(self, predicted: CloseUpOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss"; means over the batch."""
        config, shown = self.config, truth.targets[SHOWN]
        apart = 100 * (predicted.points - truth.targets[POINTS])
        distance = (torch.sqrt((apart**2).sum(-1) + 1e-4) * self.point_factors).mean(1)
        exact = truth.is_rendered.to(distance.dtype)[:, None]
        wanted = truth.targets[KEYS]
        up = wanted.clamp(min=0)
        believed = torch.where(truth.is_changed[:, None], self.believed_if_changed, self.believed)
        weights = torch.maximum(exact * (1 + config.raised * up), believed * (1 + config.fitted_raised * up))
        errors, weights = (predicted.keys - wanted) / KEY_UNIT, weights * self.factors
        terms = {
            "points": config.points * (distance * shown).mean(),
            "keys": config.keys * ((errors**2 * weights).mean(1) * shown).mean(),
        }
        if config.sides:
            left, right = self.pairs.unbind(1)
            apart = (errors[:, left] - errors[:, right]) ** 2
            weights = torch.maximum(weights[:, left], weights[:, right])
            terms["sides"] = config.sides * ((apart * weights).mean(1) * shown).mean()
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}
