"""The descriptor network D: a U-Net that gives each pixel of a face a place among all faces (section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

UNIT_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class DescriptorConfig:
    """Sizes of the network.

    Attributes:
        crop_size: px, a multiple of two to the power of the levels less one.
        widths: channels of the levels, finest first, each of half the size.
        encoder: 3x3 convolutions of each level on the way down.
        decoder: 3x3 convolutions of each level on the way up.
        channels: of the descriptors.
    """

    crop_size: int = 112
    widths: tuple[int, ...] = (16, 24, 48, 96, 128)
    encoder: int = 2
    decoder: int = 2
    channels: int = 32


PAPER = DescriptorConfig(crop_size=224, widths=(32, 64, 128, 256, 256))
"""The sheet's sizes."""
COMPACT = DescriptorConfig()


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the network says of B crops.

    Attributes:
        unit: (B, C, S, S) descriptors of length one.
        face: (B, S, S) logit of whether the face is seen.
    """

    unit: Tensor
    face: Tensor


class DescriptorNet(nn.Module):
    """Crops to unit descriptors and a face mask.

    Args:
        config: sizes.
    """

    def __init__(self, config: DescriptorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.down = nn.ModuleList(
            _level(before, after, config.encoder) for before, after in pairwise((3, *widths))
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, 2, 2) for shallow, deep in reversed(list(pairwise(widths)))
        )
        self.joined = nn.ModuleList(_level(2 * width, width, config.decoder) for width in widths[-2::-1])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(widths[0], config.channels + 1, 1)

    def forward(self, crop: Tensor) -> Descriptors:
        """(B, 3, S, S) float crops with values in 0..255, RGB."""
        features, kept = (crop - 127.5) / 64.0, []
        for number, level in enumerate(self.down):
            features = level(self.pool(features) if number else features)
            kept.append(features)
        for up, joined, skip in zip(self.up, self.joined, kept[-2::-1], strict=True):
            features = joined(torch.cat([up(features), skip], dim=1))
        found = self.head(features).float()
        return Descriptors(unit_length(found[:, :-1]), found[:, -1])


def unit_length(values: Tensor) -> Tensor:
    """(B, C, ...) vectors scaled to length one, with a gradient at zero."""
    return values / torch.sqrt(values.square().sum(1, keepdim=True) + UNIT_EPSILON**2)


def _level(before: int, after: int, count: int) -> nn.Sequential:
    return nn.Sequential(*_layers(before, after, count))


def _layers(before: int, after: int, count: int) -> Iterator[nn.Module]:
    for number in range(count):
        yield nn.Conv2d(after if number else before, after, 3, 1, 1, bias=False)
        yield nn.BatchNorm2d(after)
        yield nn.ReLU(inplace=True)
