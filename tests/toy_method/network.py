"""The toy's network: what its file in ``train/networks/`` would be."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class ToyConfig:
    """Sizes.

    Attributes:
        crop_size: px, a multiple of four.
        map_size: texels along a side of the map, a fourth of the crop.
        channels: of both layers.
    """

    crop_size: int = 32
    map_size: int = 8
    channels: int = 8


class ToyNetwork(nn.Module):
    """(B, 3, S, S) crops to (B, 3, M, M) position maps in sides of the crop."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        channels = config.channels
        self.features = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.offsets = nn.Conv2d(channels, 3, 3, 2, 1)
        self.register_buffer("mean_map", torch.zeros(3, config.map_size, config.map_size))

    def forward(self, crop):
        return self.mean_map + 0.1 * self.offsets(self.features((crop - 127.5) / 128)).float()
