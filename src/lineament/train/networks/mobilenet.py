"""MobileNet-V2 (Sandler et al. 2018), features only."""

from __future__ import annotations

from torch import Tensor, nn

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, stride (table 2)."""
STEM, LAST = 32, 1280


class MobileNetV2(nn.Module):
    """(B, 3, S, S) to (B, channels): the average of the last map.

    Args:
        width: factor of all channels, rounded to multiples of eight; the last layer only widens.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = rounded(STEM * width)
        layers: list[nn.Module] = [_conv(3, channels, kernel=3, stride=2)]
        for expansion, base, count, stride in STAGES:
            for number in range(count):
                after = rounded(base * width)
                layers.append(InvertedResidual(channels, after, expansion, stride if number == 0 else 1))
                channels = after
        self.channels = rounded(LAST * max(1.0, width))
        layers.append(_conv(channels, self.channels, kernel=1))
        self.features = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> Tensor:
        """Features of pictures around zero."""
        return self.features(picture).mean((2, 3))


class InvertedResidual(nn.Module):
    """Wide in the middle, thin at the ends, a shortcut between the ends."""

    def __init__(self, before: int, after: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = before * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_conv(before, inner, kernel=1)]
        layers += [
            _conv(inner, inner, kernel=3, stride=stride, groups=inner),
            nn.Conv2d(inner, after, 1, bias=False),
            nn.BatchNorm2d(after),
        ]
        self.conv = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and before == after

    def forward(self, features: Tensor) -> Tensor:
        """(B, before, H, W) to (B, after, H / stride, W / stride)."""
        moved = self.conv(features)
        return features + moved if self.has_shortcut else moved


def rounded(channels: float) -> int:
    """The multiple of eight nearest to a number of channels, never below nine tenths of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _conv(before: int, after: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU6(),
    )
