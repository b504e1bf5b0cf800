"""The face detector's network: plain convolutions, three scales, one prediction a cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
CHANNELS = 7  # logit, log distances to left, top, right, bottom, and the vector to the top of the head


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """Widths and depths: 0.75 M parameters, 0.3 G multiplications for a photo of 384 x 288.

    Attributes:
        stem: channels at strides 2 and 4.
        stages: channels at strides 8, 16 and 32.
        blocks: residual blocks at strides 8, 16 and 32.
        head: channels of the pyramid and of the three heads.
    """

    stem: tuple[int, int] = (16, 32)
    stages: tuple[int, int, int] = (48, 72, 96)
    blocks: tuple[int, int, int] = (1, 2, 2)
    head: int = 48


class FaceDetectorNetwork(nn.Module):
    """(n, 3, H, W) in 0..1, H and W multiples of 32, to three maps (n, 7, H / stride, W / stride)."""

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        config = DetectorConfig() if config is None else config
        self.stem = nn.Sequential(_conv(3, config.stem[0], 2), _conv(*config.stem, 2))
        widths = (config.stem[1], *config.stages)
        self.stages = nn.ModuleList(
            nn.Sequential(
                _conv(before, after, 2),
                *(_Residual(after, dilation=2 if stride == 32 else 1) for _ in range(depth)),
            )
            for before, after, depth, stride in zip(widths, config.stages, config.blocks, STRIDES)
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, config.head, 1) for width in config.stages)
        self.heads = nn.ModuleList(
            nn.Sequential(_conv(config.head, config.head, 1), nn.Conv2d(config.head, CHANNELS, 1))
            for _ in STRIDES
        )
        for head in self.heads:
            head[1].weight.data *= 0.3
            head[1].bias.data.zero_()
            head[1].bias.data[0] = -4.0  # nearly every cell is empty

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions at strides 8, 16 and 32."""
        features = []
        picture = self.stem(picture)
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        maps = []
        above: Tensor | None = None
        for feature, lateral, head in reversed(list(zip(features, self.laterals, self.heads))):
            level = lateral(feature)
            if above is not None:
                level = level + functional.interpolate(above, scale_factor=2.0, mode="nearest")
            above = functional.relu(level)
            maps.append(head(above))
        return maps[2], maps[1], maps[0]


class _Residual(nn.Module):
    def __init__(self, channels: int, *, dilation: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 1)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.second(self.first(features)))


def _conv(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def decode_boxes(maps: Tensor, centers_xy: Tensor, bases: Tensor) -> Tensor:
    """Boxes (..., 4) xyxy px from log distances (..., 4); the torch twin of `lineament.detect.decode_level`.

    Args:
        maps: (..., 4) logs of the distances to left, top, right and bottom, in units of `bases`.
        centers_xy: (..., 2) px, the middle of each cell.
        bases: (..., 1) px.
    """
    distances = bases * torch.exp(maps.clamp(-6, 6))
    return torch.cat([centers_xy - distances[..., :2], centers_xy + distances[..., 2:]], dim=-1)
