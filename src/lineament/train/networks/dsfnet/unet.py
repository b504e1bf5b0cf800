"""The fusion: one U-Net over the chart with two decoders, of offsets and of positions."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUTS = 12
"""Positions of the image-space and of the model-space face, then their offsets."""
MOSTLY_MODEL = -2.0
"""What the part of the image-space face in a blend begins at: a logit."""


class FusionNet(nn.Module):
    """Maps of both faces, and features of the model-space branch, to the maps of one.

    Args:
        widths: channels of the levels, finest first.
        joined: channels of the features that join at the coarsest level; 0 for none.
        norm_momentum: of batch normalisation.
        blend: whether the maps are told as a mix of both faces and what is to be added to it.
    """

    def __init__(
        self, widths: tuple[int, ...], joined: int, *, norm_momentum: float, blend: bool = False
    ) -> None:
        super().__init__()
        self.blend = blend
        self.levels = nn.ModuleList(
            _double(before, width) for before, width in itertools.pairwise((INPUTS, *widths))
        )
        self.middle = _double(widths[-1] + joined, widths[-1])
        outputs = 3 + blend
        self.offset, self.position = Decoder(widths, outputs), Decoder(widths, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = norm_momentum
        if blend:  # it begins as the model-space face
            for decoder in (self.offset, self.position):
                nn.init.zeros_(decoder.last[-1].weight)
                nn.init.constant_(decoder.last[-1].bias[3:], MOSTLY_MODEL)

    def forward(self, maps: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, 12, M, M) and (B, C, h, h) to offsets and positions, (B, 3, M, M) each."""
        skips: list[Tensor] = []
        image_position, model_position, image_offset, model_offset = maps.split(3, dim=1)
        for level in self.levels:
            maps = level(maps if not skips else functional.max_pool2d(maps, 2))
            skips.append(maps)
        if features is not None:
            size = maps.shape[-2:]
            resized = functional.interpolate(features, size=size, mode="bilinear", align_corners=False)
            maps = torch.cat([maps, resized], dim=1)
        middle = self.middle(maps)
        finer = skips[-2::-1]
        offset, position = self.offset(middle, finer).float(), self.position(middle, finer).float()
        if not self.blend:
            return offset, position
        return (
            blended(offset, image_offset, model_offset),
            blended(position, image_position, model_position),
        )


def blended(found: Tensor, image: Tensor, model: Tensor) -> Tensor:
    """(B, 3, M, M) of what a decoder found, (B, 4, M, M): what is to be added, and the part of `image`.

    Args:
        found: by a decoder.
        image: (B, 3, M, M) of the image-space face.
        model: the same of the model-space face.
    """
    return model + torch.sigmoid(found[:, 3:]) * (image - model) + found[:, :3]


class Decoder(nn.Module):
    """From the coarsest level to the maps."""

    def __init__(self, widths: tuple[int, ...], outputs: int = 3) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths[::-1]))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, 2) for coarse, fine in pairs)
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * fine, fine, 3, 1, 1), nn.ReLU(), nn.Conv2d(fine, fine, 3, 1, 1), nn.ReLU()
            )
            for _, fine in pairs
        )
        self.last = nn.Sequential(
            nn.Conv2d(widths[0], widths[0], 3, 1, 1),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            nn.Conv2d(widths[0], outputs, 1),
        )

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """(B, C, M / 16, M / 16) and the finer levels, coarsest first, to (B, outputs, M, M)."""
        for up, level, skip in zip(self.ups, self.levels, skips, strict=True):
            features = level(torch.cat([up(features), skip], dim=1))
        return self.last(features)


def _double(channels_in: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (channels_in, channels):
        layers += [nn.Conv2d(before, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers)
