"""HRNet (Sun et al. 2019) with one module a stage: four branches of resolution side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.dsfnet.config import HrnetConfig
from lineament.train.networks.residual_encoder import ResidualBlock

EXPANSION = 4
BRANCHES = 4


class Hrnet(nn.Module):
    """Pictures to features at a quarter, an eighth, a sixteenth and a thirty-second of their size.

    Attributes:
        channels: of the four.
    """

    def __init__(self, config: HrnetConfig) -> None:
        super().__init__()
        self.channels = tuple(config.width * 2**branch for branch in range(BRANCHES))
        wide = config.bottleneck * EXPANSION
        self.stem = nn.Sequential(
            convolution(3, config.stem, stride=2), convolution(config.stem, config.stem, stride=2)
        )
        self.first = nn.Sequential(
            *(
                Bottleneck(config.stem if number == 0 else wide, config.bottleneck)
                for number in range(config.bottlenecks)
            )
        )
        self.begin = nn.ModuleList(
            [convolution(wide, self.channels[0]), convolution(wide, self.channels[1], stride=2)]
        )
        self.lower = nn.ModuleList(
            convolution(self.channels[branch - 1], self.channels[branch], stride=2) for branch in (2, 3)
        )
        self.stages = nn.ModuleList(
            Exchange(self.channels[:count], config.blocks, config.upward) for count in range(2, BRANCHES + 1)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001)
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = config.norm_momentum

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(B, 3, S, S) to four (B, C, S / 4, S / 4), finest first."""
        features = self.first(self.stem(pictures))
        branches = self.stages[0]([begin(features) for begin in self.begin])
        for lower, stage in zip(self.lower, self.stages[1:], strict=True):
            branches = stage([*branches, lower(branches[-1])])
        return branches


class Exchange(nn.Module):
    """Residual blocks in each branch, then every branch becomes the sum of all at its resolution."""

    def __init__(self, channels: tuple[int, ...], blocks: int, upward: str = "repeated") -> None:
        super().__init__()
        self.mode = {"repeated": "nearest", "bilinear": "bilinear"}[upward]
        self.branches = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, width, 1) for _ in range(blocks))) for width in channels
        )
        self.ways = nn.ModuleList(
            nn.ModuleList(_way(channels, start, end) for start in range(len(channels)))
            for end in range(len(channels))
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        """As many (B, C, H, W) as there were."""
        own = [blocks(features) for blocks, features in zip(self.branches, branches, strict=True)]
        return [
            torch.relu(
                sum(
                    enlarged(way(features), 2 ** max(start - end, 0), self.mode)
                    for start, (way, features) in enumerate(zip(ways, own, strict=True))
                )
            )
            for end, ways in enumerate(self.ways)
        ]


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut (He et al. 2016)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        wide = channels * EXPANSION
        self.layers = nn.Sequential(
            convolution(channels_in, channels, size=1),
            convolution(channels, channels),
            convolution(channels, wide, size=1, active=False),
        )
        same = channels_in == wide
        self.shortcut = nn.Identity() if same else convolution(channels_in, wide, size=1, active=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 4 C', H, W)."""
        return torch.relu(self.layers(features) + self.shortcut(features))


def convolution(
    channels_in: int, channels: int, *, size: int = 3, stride: int = 1, active: bool = True
) -> nn.Sequential:
    """A convolution, its normalisation, and a ReLU where active."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(channels),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []))


def _way(channels: tuple[int, ...], start: int, end: int) -> nn.Module:
    """From one branch's resolution to another's; upward the features are repeated afterwards."""
    if start == end:
        return nn.Identity()
    if start > end:
        return convolution(channels[start], channels[end], size=1, active=False)
    between = [convolution(channels[start], channels[start], stride=2) for _ in range(end - start - 1)]
    return nn.Sequential(*between, convolution(channels[start], channels[end], stride=2, active=False))


def repeated(features: Tensor, factor: int) -> Tensor:
    """Each place of a (B, C, H, W) map `factor` times along both sides."""
    return features if factor == 1 else functional.interpolate(features, scale_factor=factor, mode="nearest")


def enlarged(features: Tensor, factor: int, mode: str) -> Tensor:
    """A (B, C, H, W) map with both sides `factor` times as long, repeated ("nearest") or "bilinear"."""
    if mode == "nearest":
        return repeated(features, factor)
    if factor == 1:
        return features
    return functional.interpolate(features, scale_factor=factor, mode=mode, align_corners=False)
