"""The convolutions of the compact regressor as other methods' encoder: they can begin with its weights.

Layers have the names that they have in :class:`lineament.train.networks.regressor.Regressor`;
:func:`lineament.train.regressor.warm_start.take_layers` finds them by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Sizes; the defaults are those of `fast`.

    Attributes:
        stem: channels after the first convolution (stride 2).
        stages: channels of the four stages, each of stride 2.
        blocks: residual blocks a stage.
    """

    stem: int = 32
    stages: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (2, 2, 2, 2)


OF_DEFAULT = EncoderConfig(stem=48, stages=(64, 128, 256, 384))
"""The sizes of `default`'s network of the whole face."""
OF_FAST = EncoderConfig()


@dataclass(frozen=True, slots=True)
class Readout:
    """Sizes of what the encoder reads off its coarsest features, as the regressor does.

    Attributes:
        squeeze: channels that they are reduced to.
        hidden: numbers that these become.
    """

    squeeze: int = 128
    hidden: int = 512


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H / stride, W / stride)."""
        moved = torch.relu(self.first_norm(self.first(features)))
        return torch.relu(self.second_norm(self.second(moved)) + self.shortcut(features))


def encoder_layers(stem: int, stages: tuple[int, ...], blocks: tuple[int, ...]) -> list[nn.Module]:
    """A strided convolution with its normalisation and ReLU, then residual blocks."""
    layers: list[nn.Module] = [nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()]
    channels = stem
    for width, count in zip(stages, blocks, strict=True):
        for number in range(count):
            layers.append(ResidualBlock(channels, width, 2 if number == 0 else 1))
            channels = width
    return layers


def pixels_around_zero(crop: Tensor) -> Tensor:
    """(B, 3, S, S) values 0..255 as the regressor's layers read them."""
    return (crop - 127.5) / 64.0


class ResidualEncoder(nn.Module):
    """Crops to features at a quarter, an eighth, a sixteenth and a thirty-second of their size.

    Args:
        config: sizes.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.channels = config.stages
        self.features = nn.Sequential(*encoder_layers(config.stem, config.stages, config.blocks))
        self._blocks = config.blocks

    def forward(self, crop: Tensor) -> list[Tensor]:
        """(B, 3, S, S) values 0..255 to (B, C, S / 4, S / 4) and coarser ones, finest first."""
        stem, *stages = self.parts()
        features = stem(pixels_around_zero(crop))
        found = []
        for stage in stages:
            features = stage(features)
            found.append(features)
        return found

    def parts(self) -> Iterator[nn.Sequential]:
        """The stem, which halves the crop once, and each stage."""
        yield self.features[:3]
        start = 3
        for count in self._blocks:
            yield self.features[start : start + count]
            start += count


class ResidualBackbone(nn.Module):
    """Crops to one vector, as the regressor has it before its heads.

    Args:
        crop_size: px.
        config: sizes of the encoder.
        squeeze: channels that the last map is reduced to before it is read out position by position.
        hidden: numbers of the vector.
    """

    def __init__(
        self, crop_size: int, config: EncoderConfig = OF_DEFAULT, *, squeeze: int = 128, hidden: int = 512
    ) -> None:
        super().__init__()
        self.channels = hidden
        layers = encoder_layers(config.stem, config.stages, config.blocks)
        layers += [nn.Conv2d(config.stages[-1], squeeze, 1, bias=False), nn.BatchNorm2d(squeeze), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        side = -(-crop_size // 32)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(squeeze * side * side, hidden), nn.ReLU())

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, S, S) values 0..255 to (B, hidden)."""
        return self.hidden(self.features(pixels_around_zero(crop)))
