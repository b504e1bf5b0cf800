"""A compact SADRNet around the regressor's network, so that it can begin with trained weights.

The parts are the paper's: features at an eighth of the crop, gated by a mask of where the face is seen;
deeper ones behind the gate; a decoder from a thirty-second upwards; two heads, whose maps are aligned with
each other. Ours are three things. The gate is exp(A - 1/2), which leaves features as they are where nothing
is known of the mask. Coefficients and a pose read off the coarsest features (the regressor's own head) give
the maps that the heads correct; without training, the corrections are zero. And the decoder looks at the
gated features where these first maps say that each texel is: maps over the chart and maps over the picture
have no common places that a plain skip could join.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.methods.sadrnet_tables import POSITION_UNIT, SHAPE_PER_MM
from lineament.train.networks.regressor import Regressor, RegressorConfig, RegressorOutput
from lineament.train.networks.residual_encoder import pixels_around_zero
from lineament.train.networks.sadrnet import (
    CELL,
    SadrConfig,
    SadrOutput,
    TransposedConv,
    attention_layers,
    plain_norm,
)

FACE_STEP, OFFSET_STEP = 0.05, 0.06
"""What a one of the corrections means in the units of the two maps."""
COARSEST = 8
"""Of the decoder's maps, before three doublings."""
QUARTER = 4


class ResidualSadrNet(nn.Module):
    """(B, 3, S, S) crops in 0..255 to a :class:`SadrOutput`.

    Args:
        config: with encoder "residual".
        mean_map: (3, M, M) the mean face in units of the shape map.
        modes: (K + E, 3, M, M) what a one of each identity and expression coefficient adds to it.
        mask: (M, M) texels of the surface, on which the face map's least depth is zero.
        identity: K, of which the rest are expressions.
    """

    mean_map: Tensor
    modes: Tensor
    mask: Tensor
    steps: Tensor
    pose_head = None

    def __init__(
        self, config: SadrConfig, mean_map: Tensor, modes: Tensor, mask: Tensor, *, identity: int
    ) -> None:
        super().__init__()
        self.config = config
        sizes, reads = config.residual, config.readout
        self.trunk = Regressor(
            RegressorConfig(
                crop_size=config.crop_size,
                stem=sizes.stem,
                stages=sizes.stages,
                blocks=sizes.blocks,
                squeeze=reads.squeeze,
                hidden=reads.hidden,
                identity=identity,
                expression=len(modes) - identity,
            )
        )
        self._ends = [3 + sum(sizes.blocks[: number + 1]) for number in range(len(sizes.blocks))]
        quarter, eighth = sizes.stages[:2]
        self.attention = attention_layers(eighth, config) if config.attention else None
        width = config.width
        self.first = TransposedConv((reads.squeeze, 8 * width), 2)
        self.of_vector = nn.Linear(reads.hidden, 8 * width * COARSEST**2)
        self.coarse = nn.Sequential(
            *_after(8 * width, config),
            *_plain(8 * width, 8 * width, config),
            *_doubled(8 * width, 6 * width, config),
            *_plain(6 * width, 6 * width, config),
            *_doubled(6 * width, 3 * width, config),
        )
        self.eighth = nn.Sequential(
            nn.Conv2d(eighth, 3 * width, 1, bias=False), plain_norm(3 * width, config)
        )
        self.quarter = nn.Sequential(nn.Conv2d(quarter, width, 1, bias=False), plain_norm(width, config))
        self.fine = nn.Sequential(
            *_plain(7 * width, 3 * width, config), *_plain(3 * width, 3 * width, config)
        )
        self.face_head = _correction(config)
        self.shape_head = _correction(config)
        self.register_buffer("mean_map", mean_map.float())
        self.register_buffer("modes", modes.float().flatten(1), persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        if config.frozen:
            self._frozen().requires_grad_(False)

    def begun(self) -> Iterator[nn.Parameter]:
        """The layers that the regressor has too."""
        return self.trunk.parameters()

    def train(self, mode: bool = True) -> ResidualSadrNet:
        """As any network, but frozen layers keep what they know of their features."""
        super().train(mode)
        if self.config.frozen:
            self._frozen().eval()
        return self

    def forward(self, crop: Tensor) -> SadrOutput:
        """See the class; in training each call is counted in `steps`."""
        if self.training:
            self.steps += 1
        layers, ends = self.trunk.features, self._ends
        quarter = layers[: ends[0]](pixels_around_zero(crop))
        eighth = layers[ends[0] : ends[1]](quarter)
        attention = None
        if self.attention is not None:
            attention = self.attention(eighth)
            gate = torch.exp(torch.sigmoid(attention) - 0.5)
            eighth = eighth * gate
            quarter = quarter * functional.interpolate(gate, scale_factor=2.0, mode="nearest")
        squeezed = layers[ends[1] :](eighth)
        vector = self.trunk.hidden(squeezed)
        face, shape = self.first_maps(self.trunk.face_of(vector))
        moved = self.of_vector(vector).view(-1, self.first.channels, COARSEST, COARSEST)
        maps = self.coarse(self.first(squeezed[:, :, :4, :4]) + moved)
        places = face.detach()[:, :2, ::2, ::2]
        seen = [
            self._looked_up(self.eighth(eighth), places, CELL),
            self._looked_up(self.quarter(quarter), places, QUARTER),
        ]
        maps = self.fine(torch.cat([maps, *seen], dim=1))
        return SadrOutput(
            face_map=face + FACE_STEP * self.face_head(maps).float(),
            shape_map=shape + OFFSET_STEP * self.shape_head(maps).float(),
            attention=None if attention is None else attention[:, 0].float(),
            pose=None,
        )

    def first_maps(self, face: RegressorOutput) -> tuple[Tensor, Tensor]:
        """(B, 3, M, M) face map and shape map of coefficients and a pose."""
        size = self.mean_map.shape[-1]
        coefficients = torch.cat([face.identity, face.expression], dim=1)
        shape = self.mean_map + (coefficients @ self.modes).view(-1, 3, size, size)
        side = POSITION_UNIT * self.config.crop_size
        turned = torch.einsum("bij,bjhw->bihw", face.rotation, shape)
        x, y, z = (turned * (face.scale / (SHAPE_PER_MM * side))[:, None, None, None]).unbind(1)
        right, down = (face.translation / side)[:, :, None, None].unbind(1)
        least = torch.where(self.mask, z, torch.inf).flatten(1).amin(1)
        return torch.stack([right + x, down - y, z - least[:, None, None]], dim=1), shape

    def _looked_up(self, features: Tensor, places: Tensor, stride: int) -> Tensor:
        """(B, C, m, m) features of the picture at (B, 2, m, m) places of the face map."""
        # The middle of the first cell of strided convolutions is the picture's first px.
        moved = (stride - 1) / self.config.crop_size
        grid = (2 * POSITION_UNIT * places - (1 - moved)).permute(0, 2, 3, 1)
        return functional.grid_sample(features, grid.to(features.dtype), align_corners=False)

    def _frozen(self) -> nn.Sequential:
        """The layers before the gate."""
        return self.trunk.features[: self._ends[1]]


def _after(channels: int, config: SadrConfig) -> list[nn.Module]:
    return [plain_norm(channels, config), nn.ReLU()]


def _plain(before: int, after: int, config: SadrConfig) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, 1, 1, bias=False), *_after(after, config)]


def _doubled(before: int, after: int, config: SadrConfig) -> list[nn.Module]:
    return [TransposedConv((before, after), 2), *_after(after, config)]


def _correction(config: SadrConfig) -> nn.Sequential:
    """A head that says nothing at first."""
    width = config.width
    last = TransposedConv((2 * width, 3), 2)
    nn.init.zeros_(last.conv.weight)
    return nn.Sequential(*_plain(3 * width, 2 * width, config), last)
