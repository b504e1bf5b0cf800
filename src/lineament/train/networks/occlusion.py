"""A small network that says where a crop shows the face itself and not something in front of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.residual_encoder import ResidualBlock


@dataclass(frozen=True, slots=True)
class OcclusionConfig:
    """Sizes of the network.

    Attributes:
        crop_size: side of the input, px; a multiple of 16. The mask has half as many cells.
        channels: of the maps at a half, a quarter, an eighth and a sixteenth of that size.
    """

    crop_size: int = 64
    channels: tuple[int, int, int, int] = (16, 24, 48, 64)


class OcclusionNet(nn.Module):
    """Crop to a mask, down and up again (a feature pyramid, Lin et al. 2017).

    Args:
        config: sizes.
    """

    def __init__(self, config: OcclusionConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third, fourth = config.channels
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.down = nn.ModuleList(
            [
                ResidualBlock(first, second, 2),
                nn.Sequential(ResidualBlock(second, third, 2), ResidualBlock(third, third, 1)),
                nn.Sequential(ResidualBlock(third, fourth, 2), ResidualBlock(fourth, fourth, 1)),
            ]
        )
        narrow = ((fourth, third), (third, second), (second, first))
        self.narrower = nn.ModuleList([nn.Conv2d(wide, thin, 1) for wide, thin in narrow])
        self.merged = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(thin, thin, 3, 1, 1, bias=False), nn.BatchNorm2d(thin), nn.ReLU())
                for _, thin in narrow
            ]
        )
        self.mask = nn.Conv2d(first, 1, 1)

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, S, S) float crops with values in 0..255, RGB, to (B, S / 2, S / 2) logits of being shown."""
        maps = [self.stem((crop - 127.5) / 64.0)]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        features = maps.pop()
        for narrower, merged in zip(self.narrower, self.merged, strict=True):
            up = functional.interpolate(narrower(features), scale_factor=2.0, mode="nearest")
            features = merged(up + maps.pop())
        return self.mask(features)[:, 0].float()
