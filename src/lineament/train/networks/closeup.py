"""A small network that looks at an eye or a mouth alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lineament.train.networks.residual_encoder import ResidualBlock


@dataclass(frozen=True, slots=True)
class CloseUpConfig:
    """Sizes of the network.

    Attributes:
        part: what it looks at.
        crop_size: side of the input, px; a multiple of 16.
        stem: channels after the first convolution (stride 2).
        stages: channels of the three stages, each of stride 2.
        blocks: residual blocks a stage.
        squeeze: channels that the last map is reduced to before it is read out position by position.
        hidden: width of the layer before the heads.
    """

    part: Literal["eye", "mouth"] = "eye"
    crop_size: int = 64
    stem: int = 24
    stages: tuple[int, ...] = (32, 64, 128)
    blocks: tuple[int, ...] = (1, 2, 2)
    squeeze: int = 64
    hidden: int = 256


@dataclass(frozen=True, slots=True)
class CloseUpOutput:
    """What the network says of B close-ups.

    Attributes:
        points: (B, P, 2) of the part, sides of the close-up from its middle, x right and y down.
        keys: (B, K) expression keys of the part.
    """

    points: Tensor
    keys: Tensor


class CloseUpNet(nn.Module):
    """Close-up to points and expression keys, both in units of the training set's standard deviations.

    Args:
        config: sizes.
        points: P.
        keys: K.
    """

    def __init__(self, config: CloseUpConfig, *, points: int, keys: int) -> None:
        super().__init__()
        self.config, self.point_count = config, points
        layers: list[nn.Module] = [
            nn.Conv2d(3, config.stem, 3, 2, 1, bias=False),
            nn.BatchNorm2d(config.stem),
            nn.ReLU(),
        ]
        channels = config.stem
        for width, count in zip(config.stages, config.blocks, strict=True):
            for number in range(count):
                layers.append(ResidualBlock(channels, width, 2 if number == 0 else 1))
                channels = width
        layers += [
            nn.Conv2d(channels, config.squeeze, 1, bias=False),
            nn.BatchNorm2d(config.squeeze),
            nn.ReLU(),
        ]
        self.features = nn.Sequential(*layers)
        side = config.crop_size // 16
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(config.squeeze * side * side, config.hidden), nn.ReLU()
        )
        self.heads = nn.Linear(config.hidden, 2 * points + keys)
        self.register_buffer("point_mean", torch.zeros(points, 2))
        self.register_buffer("point_std", torch.tensor(0.05))
        self.register_buffer("key_mean", torch.zeros(keys))
        self.register_buffer("key_std", torch.full((keys,), 0.25))
        nn.init.normal_(self.heads.weight, std=0.01)
        nn.init.zeros_(self.heads.bias)

    def forward(self, crop: Tensor) -> CloseUpOutput:
        """(B, 3, S, S) float close-ups with values in 0..255, RGB."""
        numbers = self.heads(self.hidden(self.features((crop - 127.5) / 64.0))).float()
        split = 2 * self.point_count
        points = numbers[:, :split].view(-1, self.point_count, 2)
        return CloseUpOutput(
            points=self.point_mean + self.point_std * points,
            keys=self.key_mean + self.key_std * numbers[:, split:],
        )
