"""DSFNet's heads: maps over the crop, and coefficients off the coarsest features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lineament.train.networks.dsfnet.config import DsfConfig, HeadConfig
from lineament.train.networks.dsfnet.hrnet import repeated
from lineament.train.networks.residual_encoder import ResidualBlock

POSE = 12
"""Rows of (3, 4) from the model frame to the cloud frame."""


@dataclass(frozen=True, slots=True)
class CropMaps:
    """What each of S x S pixels says; S is the side of the maps, which may be half of the crop's.

    Attributes:
        correspondence: (B, 2, S, S) place on the chart, column and row in [-1, 1].
        depth: (B, S, S) before the tip of the nose, larger is nearer, in units of 280/256 crop sides.
        segmentation: (B, S, S) logits of showing the face.
        confidence: (B, S, S) in 0..1.
    """

    correspondence: Tensor
    depth: Tensor
    segmentation: Tensor
    confidence: Tensor

    def detached(self) -> CropMaps:
        """The same numbers, through which no gradient goes."""
        return CropMaps(*(getattr(self, name).detach() for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What a branch says of the face, in units of the training set's spread.

    Attributes:
        pose: (B, 12).
        identity: (B, K).
        expression: (B, E).
    """

    pose: Tensor
    identity: Tensor
    expression: Tensor


class DenseHead(nn.Module):
    """Features at a quarter of the crop to a few maps over the crop."""

    def __init__(self, channels: int, outputs: int, config: HeadConfig) -> None:
        super().__init__()
        hidden = config.hidden or channels
        self.before = 2 if config.first == "half" else 1
        self.after = (4 if config.maps == "whole" else 2) // self.before
        self.first = nn.Conv2d(channels, hidden, 3, 1, 1)
        self.norm = nn.BatchNorm2d(hidden)
        self.last = nn.Conv2d(hidden, outputs, 3, 1, 1)
        for layer in (self.first, self.last):
            nn.init.normal_(layer.weight, std=0.001)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, S / 4, S / 4) to (B, outputs, S, S), or half as many pixels a side."""
        hidden = torch.relu(self.norm(self.first(repeated(features, self.before))))
        return self.last(repeated(hidden, self.after))


class MapHeads(nn.Module):
    """The three heads."""

    def __init__(self, channels: int, config: HeadConfig) -> None:
        super().__init__()
        self.correspondence = DenseHead(channels, 2, config)
        self.segmentation = DenseHead(channels, 2, config)  # and confidence
        self.depth = DenseHead(channels, 1, config)

    def forward(self, features: Tensor) -> CropMaps:
        """All maps, in single precision: half of it would round places to texels of a coarser chart."""
        visible = self.segmentation(features).float()
        return CropMaps(
            self.correspondence(features).float(),
            self.depth(features)[:, 0].float(),
            visible[:, 0],
            torch.sigmoid(visible[:, 1]),
        )


class ModelBranch(nn.Module):
    """Coefficients off the coarsest features, and the features that the fusion reads."""

    def __init__(self, channels: int, config: DsfConfig) -> None:
        super().__init__()
        sizes, side = config.model_branch, config.crop_size // 32
        self.block = ResidualBlock(channels, sizes.channels, 1)
        self.collect = ResidualBlock(sizes.channels, sizes.collected, 1)
        collected = sizes.collected * side * side
        self.identity = nn.Linear(collected, config.identity)
        self.expression = nn.Linear(collected, config.expression)
        self.pose = nn.Linear(collected, POSE)
        self.pose_norm = nn.BatchNorm1d(POSE)

    def forward(self, features: Tensor) -> tuple[Coefficients, Tensor]:
        """(B, C, S / 32, S / 32) to coefficients and (B, C', S / 32, S / 32)."""
        shared = self.block(features)
        flat = self.collect(shared).flatten(1)
        pose = self.pose_norm(self.pose(flat).float())
        return Coefficients(pose, self.identity(flat).float(), self.expression(flat).float()), shared
