"""CAPU: how far to go along a step, judged by the errors on the way (section 7 of the paper).

Errors that fall along the whole way ask for more than the step, errors that rise for less; where they are
least in the middle the step is right. (The caption of the paper's figure has the first two turned round,
against its text.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lineament.train.networks.cprfa.config import CapuConfig

LARGEST_ERROR = 0.2
"""Crop sides; of a wrong match, no more counts."""
HIDDEN = 32


class StepLength(nn.Module):
    """(B, 2 M) errors on the way to a factor in (0, 2) of the step; 1 at first.

    Args:
        config: how many places are looked at.
    """

    def __init__(self, config: CapuConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(
            nn.Linear(2 * config.samples + 1, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, 1),
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    @property
    def places(self) -> tuple[float, ...]:
        """Parts of the step that are looked at: k / M for k = 1 .. 2 M."""
        return tuple(k / self.config.samples for k in range(1, 2 * self.config.samples + 1))

    def forward(self, errors: Tensor, count: Tensor) -> Tensor:
        """(B, 1) factors.

        Args:
            errors: (B, 2 M) mean errors at the places, crop sides.
            count: (B,) vertices that they are means over; where these are too few the factor is 1.
        """
        mean = errors.mean(1, keepdim=True).clamp(min=1e-6)
        factor = 2 * torch.sigmoid(self.layers(torch.cat([errors / mean, mean.log()], dim=1)))
        return torch.where((count >= self.config.least)[:, None], factor, torch.ones_like(factor))


def path_error(observed: Tensor, model: Tensor, weights: Tensor) -> Tensor:
    """(...,) mean distance of (..., P, 2) points in the plane, each cut at :data:`LARGEST_ERROR`."""
    away = (observed[..., :2] - model[..., :2]).square().sum(-1).clamp(min=1e-12).sqrt()
    total = (away.clamp(max=LARGEST_ERROR) * weights).sum(-1)
    return total / weights.sum(-1).clamp(min=1)
