"""The compact regressor's layers as DSFNet's encoder and model-space branch: they begin with its weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.dsfnet.config import DsfConfig, ResidualConfig
from lineament.train.networks.dsfnet.hrnet import convolution
from lineament.train.networks.regressor import POSE_NUMBERS, RegressorOutput, pose_of_numbers


class Pyramid(nn.Module):
    """Features of all resolutions in one map at a quarter of the crop, coarse to fine (Lin et al. 2017).

    Args:
        channels: of the features, finest first.
        config: sizes.
    """

    def __init__(self, channels: tuple[int, ...], config: ResidualConfig) -> None:
        super().__init__()
        width = config.pyramid
        self.lateral = nn.ModuleList(convolution(before, width, size=1, active=False) for before in channels)
        self.merged = nn.ModuleList(convolution(width, width) for _ in channels)

    def forward(self, features: list[Tensor]) -> Tensor:
        """(B, C, S / 4, S / 4) and coarser ones to (B, C', S / 4, S / 4)."""
        merged: Tensor | None = None
        for lateral, merge, level in reversed(list(zip(self.lateral, self.merged, features, strict=True))):
            own = lateral(level)
            if merged is not None:
                own = own + twice_as_large(merged, own.shape[2], own.shape[3])
            merged = merge(torch.relu(own))
        assert merged is not None, "an encoder has features"
        return merged


def twice_as_large(features: Tensor, height: int, width: int) -> Tensor:
    """A (B, C, h, w) map that a stride of two made of a (height, width) one, at that one's size.

    An odd side leaves half a place over at its end.
    """
    larger = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
    return larger[:, :, :height, :width]


class RegressorBranch(nn.Module):
    """Pose and coefficients off the coarsest features, and the features that the fusion reads.

    Layers and numbers are those of :class:`lineament.train.networks.regressor.Regressor`, but coefficients
    are in this network's whitening. The pose's nine numbers become a rotation, a scale and a translation, so
    that the twelve of DSFNet's pose always are those of a face.

    Args:
        channels: of the coarsest features.
        config: of the network.
    """

    def __init__(self, channels: int, config: DsfConfig) -> None:
        super().__init__()
        sizes = config.residual
        self.crop_size = config.crop_size
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, sizes.squeeze, 1, bias=False), nn.BatchNorm2d(sizes.squeeze), nn.ReLU()
        )
        side = math.ceil(config.crop_size / 32)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(sizes.squeeze * side * side, sizes.hidden), nn.ReLU()
        )
        self.sizes = (POSE_NUMBERS, config.identity, config.expression)
        self.heads = nn.Linear(sizes.hidden, sum(self.sizes))
        self.register_buffer("log_scale_mean", torch.zeros(()))
        nn.init.normal_(self.heads.weight, std=0.01)
        nn.init.zeros_(self.heads.bias)
        with torch.no_grad():
            self.heads.bias[[0, 4]] = 1.0  # upright

    def forward(self, features: Tensor) -> tuple[RegressorOutput, Tensor]:
        """(B, C, S / 32, S / 32) to poses with whitened coefficients, and (B, C', S / 32, S / 32)."""
        shared = self.squeeze(features)
        numbers, identity, expression = self.heads(self.hidden(shared)).float().split(self.sizes, dim=1)
        pose = pose_of_numbers(numbers, self.log_scale_mean, self.crop_size)
        return RegressorOutput(pose.rotation, pose.scale, pose.translation, identity, expression), shared
