"""Partly seen texture to whole texture, and what judges patches of it (Isola et al. 2017, Mao et al. 2017).

The fixed template of SynergyNet's supplement G is an input of the translator and what its output is relative
to; the layers are our own, small.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

CHANNELS = 5  # of the input: colours completed by the other side, trust, the other side's trust
MAPS = 4  # of the last layer: three colours and how far the first completion is kept


@dataclass(frozen=True, slots=True)
class TextureGanConfig:
    """Sizes and switches.

    Attributes:
        size: texels along a side; a multiple of 16.
        template: whether the template is added to the input and to the output; False is the ablation.
        channels: of the translator's maps at a half, a quarter, an eighth and a sixteenth of the size.
        judge_channels: of the discriminator's maps at a quarter and an eighth.
    """

    size: int = 128
    template: bool = True
    channels: tuple[int, int, int, int] = (16, 32, 64, 96)
    judge_channels: tuple[int, int] = (32, 64)


class Translated(NamedTuple):
    """What a training step looks at; colours are -1 to 1.

    Attributes:
        whole: (B, 3, S, S) what the translator says.
        real: (B, 1, S / 8, S / 8) the discriminator's scores of true textures.
        fake: the same of the translator's, which no gradient reaches.
        fooling: the same scores of a discriminator that gets no gradient from them.
    """

    whole: Tensor
    real: Tensor
    fake: Tensor
    fooling: Tensor


def _layer(given: int, wanted: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, wanted, 3, stride, 1, bias=False), nn.BatchNorm2d(wanted), nn.ReLU(inplace=True)
    )


class TextureTranslator(nn.Module):
    """A U-Net at half the texture's size; texels come in and go out in blocks of two by two.

    Args:
        config: sizes.
        template: (3, S, S) -1 to 1.
    """

    template: Tensor

    def __init__(self, config: TextureGanConfig, template: Tensor) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("template", template[None].clone() if config.template else None)
        channels = config.channels
        given = CHANNELS + (3 if config.template else 0)
        self.stem = _layer(4 * given, channels[0])
        steps = list(itertools.pairwise(channels))
        self.down = nn.ModuleList(
            nn.Sequential(_layer(thin, wide, 2), _layer(wide, wide)) for thin, wide in steps
        )
        self.narrower = nn.ModuleList(nn.Conv2d(wide, thin, 1) for thin, wide in reversed(steps))
        self.merged = nn.ModuleList(_layer(thin, thin) for thin, _ in reversed(steps))
        self.last = nn.Conv2d(channels[0], 4 * MAPS, 3, 1, 1)
        nn.init.zeros_(self.last.weight)  # it begins with what the other side says
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, texture: Tensor) -> Tensor:
        """(B, 5, S, S) floats of 0 to 255 to (B, 3, S, S) colours, -1 to 1."""
        first, trusts = texture[:, :3] / 127.5 - 1, texture[:, 3:] / 255
        parts = [first, trusts]
        if self.config.template:
            parts.append(self.template.expand_as(first))
        maps = [self.stem(functional.pixel_unshuffle(torch.cat(parts, 1), 2))]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        features = maps.pop()
        for narrower, merged in zip(self.narrower, self.merged, strict=True):
            up = functional.interpolate(narrower(features), scale_factor=2.0, mode="bilinear")
            features = merged(up + maps.pop())
        change, less = functional.pixel_shuffle(self.last(features).float(), 2).split((3, 1), 1)
        if self.config.template:
            return self.template + (first - self.template) * (1 - less) + change
        return first * (1 - less) + change


class TextureJudge(nn.Module):
    """Scores patches of textures; no normalisation, so each texture is judged alone.

    Args:
        config: sizes.
    """

    def __init__(self, config: TextureGanConfig) -> None:
        super().__init__()
        first, second = config.judge_channels
        self.layers = nn.Sequential(
            nn.Conv2d(4 * 4, first, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(first, second, 3, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, second, 3, 1, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, 1, 3, 1, 1),
        )

    def forward(self, colors: Tensor, trust: Tensor) -> Tensor:
        """(B, 3, S, S) colours, -1 to 1, and (B, 1, S, S) what was seen, to (B, 1, S / 8, S / 8) scores."""
        scores: Tensor = self.layers(functional.pixel_unshuffle(torch.cat([colors, trust], 1), 2))
        return scores.float()


class TextureGan(nn.Module):
    """Both networks, trained by one optimiser: neither's loss reaches the other's weights.

    Args:
        config: sizes.
        template: (3, S, S) -1 to 1.
    """

    def __init__(self, config: TextureGanConfig, template: Tensor) -> None:
        super().__init__()
        self.config = config
        self.translator = TextureTranslator(config, template)
        self.judge = TextureJudge(config)

    def forward(self, texture: Tensor, whole: Tensor) -> Translated:
        """Translate, and judge.

        Args:
            texture: (B, 5, S, S) floats of 0 to 255.
            whole: (B, 3, S, S) the true textures, -1 to 1.
        """
        said = self.translator(texture)
        trust = texture[:, 3:4] / 255
        shown = torch.lerp(said, whole, trust)  # what is seen is never the translator's
        still: Mapping[str, Tensor] = {name: p.detach() for name, p in self.judge.named_parameters()}
        return Translated(
            said,
            self.judge(whole, trust),
            self.judge(shown.detach(), trust),
            functional_call(self.judge, dict(still), (shown, trust)),
        )
