"""HS-U-Net whose encoder is that of the compact regressor, which it can begin with: ours, not the paper's.

What a regressor knows of a crop is of use here twice: its features at five sizes are what the decoder leads
across, and the vector from which it reads pose and coefficients says where each part of the face lies, so
that it is spread over the coarsest map. The finest maps have half of the crop's size; they are smooth where
the face is, and are enlarged where vertices are looked for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.cprfa.config import UnetConfig
from lineament.train.networks.cprfa.hsunet import CODE, SCALES, Maps, bounded, convolutions, maps_of
from lineament.train.networks.residual_encoder import EncoderConfig, ResidualBackbone, pixels_around_zero

COORDINATES = 2
LEVELS = 5
"""Features at a half, a quarter, an eighth, a sixteenth and a thirty-second of the crop."""


class BegunBackbone(ResidualBackbone):
    """The regressor's layers up to its heads, giving what lies between, too.

    Args:
        config: sizes of the maps' network.
        crop_size: px.
    """

    def __init__(self, config: UnetConfig, crop_size: int) -> None:
        sizes = EncoderConfig(config.residual.stem, config.residual.stages, config.residual.blocks)
        super().__init__(crop_size, sizes, squeeze=config.squeeze, hidden=config.hidden)
        self._blocks, self._frozen = sizes.blocks, config.frozen
        self.requires_grad_(True)

    def parts(self) -> list[nn.Module]:
        """The stem, each stage, and what makes a vector of the last."""
        ends = [0, 3]
        for count in self._blocks:
            ends.append(ends[-1] + count)
        own: list[nn.Module] = [self.features[a:b] for a, b in pairwise(ends)]
        return [*own, nn.Sequential(self.features[ends[-1] :], self.hidden)]

    def levels(self, crop: Tensor) -> list[Tensor]:
        """(B, 3, S, S) values 0..255 to features of five sizes, finest first, and the (B, hidden) vector."""
        features, found = pixels_around_zero(crop), []
        for number, part in enumerate(self.parts()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self._frozen):
                features = part(features)
            found.append(features)
        return found

    def train(self, mode: bool = True) -> Self:
        """As of any module; what is frozen keeps its statistics."""
        super().train(mode)
        for part in self.parts()[: self._frozen]:
            part.train(False)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """As of any module; what is frozen has no gradients."""
        super().requires_grad_(requires_grad)
        for part in self.parts()[: self._frozen]:
            part.requires_grad_(False)
        return self


class ResidualHsUnet(nn.Module):
    """Crops to maps at an eighth, a quarter and a half of their size.

    Each group of outputs is what the coarser one says, enlarged, and what is learned to be added; codes are
    added before they are bounded.

    Args:
        config: sizes.
        crop_size: px; a multiple of 16.
    """

    def __init__(self, config: UnetConfig, crop_size: int) -> None:
        super().__init__()
        self.config = config
        self.outputs = CODE + 1 + config.depth
        self.encoder = BegunBackbone(config, crop_size)
        widths, residual = config.widths, config.residual
        channels = (residual.stem, *residual.stages)
        self.side = -(-crop_size // 2**LEVELS)
        self.across = nn.ModuleList(
            convolutions(channel, width, 1, kernel=1) for channel, width in zip(channels, widths, strict=True)
        )
        _, up = config.convolutions
        self.above, self.decoder, self.heads = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level in range(LEVELS - 1, -1, -1):
            # Beside the encoder's features: what the coarser level knows, its outputs, coordinates.
            others = COORDINATES + (self.outputs if level < SCALES - 1 else 0)
            above = max(widths[level] - others, widths[level] // 2)
            self.above.append(
                nn.Linear(config.hidden, above * self.side**2)
                if level == LEVELS - 1
                else convolutions(widths[level + 1], above, 1, kernel=1)
            )
            self.decoder.append(convolutions(widths[level] + above + others, widths[level], up))
            if level < SCALES:
                self.heads.append(nn.Conv2d(widths[level], self.outputs, 3, padding=1))
        for head in self.heads:
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """As of any module; what is frozen has no gradients."""
        super().requires_grad_(requires_grad)
        self.encoder.requires_grad_(requires_grad)
        return self

    def forward(self, crop: Tensor) -> list[Maps]:
        """(B, 3, S, S) values 0..255 to maps, coarsest first."""
        *skips, vector = self.encoder.levels(crop)
        raw: Tensor | None = None
        found: list[Tensor] = []
        features = vector
        for number, (above, layers) in enumerate(zip(self.above, self.decoder, strict=True)):
            level = LEVELS - 1 - number
            skip = self.across[level](skips[level])
            size = skip.shape[-1]
            coarse = above(features)
            if level == LEVELS - 1:
                coarse = coarse.unflatten(1, (-1, self.side, self.side))
            parts = [skip, _enlarged(coarse, size), _coordinates(skip)]
            if raw is not None:
                raw = _enlarged(raw, size)
                parts.append(bounded(raw).to(skip.dtype))
            features = layers(torch.cat(parts, dim=1))
            if level < SCALES:
                said = self.heads[len(found)](features).float()
                raw = said if raw is None else raw + said
                found.append(bounded(raw))
        return [maps_of(values) for values in found]


def _enlarged(features: Tensor, size: int) -> Tensor:
    if features.shape[-1] == size:
        return features
    return functional.interpolate(features, size=(size, size), mode="bilinear", align_corners=False)


def _coordinates(like: Tensor) -> Tensor:
    """(B, 2, S, S) -1..1 to the right and down."""
    size = like.shape[-1]
    along = torch.linspace(-1 + 1 / size, 1 - 1 / size, size, device=like.device, dtype=like.dtype)
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    # As many as there are crops, also in a graph, whose number of crops is left open.
    return torch.stack([columns, rows]) + 0 * like[:, :1]
