"""Coefficients off a set of points (Qi et al. 2017), without input and feature transforms."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from lineament.train.networks.dsfnet.config import DsfConfig
from lineament.train.networks.dsfnet.heads import POSE, Coefficients


class PointNet(nn.Module):
    """Shared layers, the maximum over all points, coefficients."""

    def __init__(self, config: DsfConfig) -> None:
        super().__init__()
        widths = (config.points.features, *config.points.widths)
        self.shared = nn.Sequential(
            *(
                nn.Sequential(nn.Conv1d(before, width, 1), nn.BatchNorm1d(width), nn.ReLU())
                for before, width in itertools.pairwise(widths)
            )
        )
        self.identity = _normalised(widths[-1], config.identity)
        self.expression = _normalised(widths[-1], config.expression)
        self.pose = nn.Linear(widths[-1], POSE)  # used where nothing is aligned; counted as released
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = config.encoder.norm_momentum

    def forward(self, points: Tensor) -> Coefficients:
        """(B, F, m) features of points to coefficients."""
        whole = self.shared(points).amax(2)
        return Coefficients(
            self.pose(whole).float(), self.identity(whole).float(), self.expression(whole).float()
        )


def _normalised(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, count), nn.BatchNorm1d(count))
