"""HS-U-Net: normalised coordinates of the mean face and a mask, at three scales (section 3 of the paper)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.cprfa.config import UnetConfig

SCALES = 3
"""Groups of outputs; the last is that of the crop itself."""
CODE = 3


@dataclass(frozen=True, slots=True)
class Maps:
    """What each of H x W pixels says.

    Attributes:
        code: (B, 3, H, W) in 0..1, place on the mean face.
        face: (B, H, W) logits of showing the face.
        depth: (B, H, W) toward the viewer from the middle of the landmarks, crop sides, or None.
    """

    code: Tensor
    face: Tensor
    depth: Tensor | None

    def enlarged(self, size: int) -> Maps:
        """The maps at `size` x `size`, linear between their pixels."""
        if self.face.shape[-1] == size:
            return self
        code, face, depth = (
            None if values is None else functional.interpolate(values, size=(size, size), mode="bilinear")
            for values in (self.code, self.face[:, None], None if self.depth is None else self.depth[:, None])
        )
        assert code is not None
        assert face is not None
        return Maps(code, face[:, 0], None if depth is None else depth[:, 0])


class HsUnet(nn.Module):
    """Crops to maps at a quarter, a half and all of their size.

    Args:
        config: sizes.
    """

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        self.config = config
        widths, (down, up) = config.widths, config.convolutions
        self.outputs = CODE + 1 + config.depth
        self.encoder = nn.ModuleList(
            convolutions(3 if level == 0 else widths[level - 1], width, down)
            for level, width in enumerate(widths)
        )
        levels = range(len(widths) - 2, -1, -1)
        self.enlarge = nn.ModuleList(
            convolutions(widths[level + 1], widths[level], 1, kernel=config.up_kernel) for level in levels
        )
        joined = [2 * widths[level] + (self.outputs if level < SCALES - 1 else 0) for level in levels]
        self.decoder = nn.ModuleList(
            convolutions(channels, widths[level], up) for channels, level in zip(joined, levels, strict=True)
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(widths[level], self.outputs, 3, padding=1) for level in range(SCALES - 1, -1, -1)
        )
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, crop: Tensor) -> list[Maps]:
        """(B, 3, S, S) values 0..255 to maps, coarsest first."""
        features = crop / 255 - 0.5
        skips = []
        for level, layers in enumerate(self.encoder):
            features = layers(functional.max_pool2d(features, 2) if level else features)
            skips.append(features)
        found: list[Tensor] = []
        skips.pop()
        for enlarge, layers in zip(self.enlarge, self.decoder, strict=True):
            parts = [enlarge(_twice(features)), skips.pop()]
            if found:
                parts.append(_twice(found[-1]).to(parts[0].dtype))
            features = layers(torch.cat(parts, dim=1))
            if len(skips) < SCALES:
                found.append(bounded(self.heads[len(found)](features).float()))
        return [maps_of(values) for values in found]


def bounded(values: Tensor) -> Tensor:
    """(B, C, H, W) outputs with codes between 0 and 1, the rest as it is."""
    return torch.cat([torch.sigmoid(values[:, :CODE]), values[:, CODE:]], dim=1)


def maps_of(values: Tensor) -> Maps:
    """What (B, 4 or 5, H, W) bounded outputs say, with depth where there is a fifth."""
    depth = values[:, CODE + 1] if values.shape[1] > CODE + 1 else None
    return Maps(values[:, :CODE], values[:, CODE], depth)


def convolutions(channels_in: int, channels: int, count: int, *, kernel: int = 3) -> nn.Sequential:
    """So many convolutions, each normalised and with a ReLU."""
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [
            nn.Conv2d(channels if number else channels_in, channels, kernel, 1, kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="nearest")
