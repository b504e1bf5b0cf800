"""SADRNet (Ruan et al., IEEE TIP 2021): a pose-dependent face and a deformation of the mean face, as maps.

A transposed convolution of stride 1 is an ordinary one with its kernel turned; one of stride 2 with four
columns and rows is an ordinary one of 2 x 2 that gives each pixel's four parts as channels. Both are written
as such here: the same functions with the same number of weights, on which CPUs are several times quicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import ConfigError
from lineament.train.networks.residual_encoder import OF_DEFAULT, EncoderConfig, Readout

PLAIN_EPS, RESIDUAL_EPS = 1e-3, 1e-5
VARIANCE_EPS = 1e-3
PAPER_STD = 0.001  # of first weights
FACE_SPREAD, SHAPE_SPREAD, OFFSET_SPREAD = (0.2, 0.45), (0.6, 0.0), (0.06, 0.0)
"""Usual std and mean of maps in the paper's units."""
POSE = 9  # six of the rotation, logarithm of the scale, two of the translation
DECODER = ((32, 1), (16, 2), (16, 1), (16, 1), (8, 2), (8, 1), (8, 1), (4, 2), (4, 1), (4, 1))
"""Channels, in units of the width, and stride of each layer."""
HEAD = ((2, 2), (2, 1), (1, 2), (1, 1))
"""The same of a head; three more layers of few channels follow."""
ENCODER = ((2, 2), (2, 1), (4, 2), (4, 1), (8, 2), (8, 1))
GATED = ((16, 2), (16, 1), (32, 2), (32, 1))
"""Residual blocks before and behind the attention."""
CELL = 8
"""Crop px along a cell of the attention."""
RESIDUAL_MAP = 64
"""Texels along a side of the maps of the residual encoder."""


@dataclass(frozen=True, slots=True)
class SadrConfig:
    """Sizes and switches; the defaults are the paper's.

    Attributes:
        crop_size: side of the crop, px; a multiple of 32.
        map_size: side of the maps, texels; 0 has them as large as the crop.
        encoder: "paper", or "residual" for the convolutions and the coefficients of the compact regressor,
            which can begin with its weights (:mod:`lineament.train.networks.sadrnet_residual`). Its crops are
            multiples of 8 px, its maps 64 texels.
        residual: sizes of that encoder.
        readout: of the same.
        frozen: whether its layers before the attention keep the weights that they begin with.
        width: channels of the first layer, of which all others follow; with the residual encoder an eighth of
            the decoder's first.
        attention: whether features are gated by a mask of where the face is seen.
        attention_width: channels of its layers.
        pose: "align" finds it by aligning both heads' landmarks; "regress" gives nine numbers of the deepest
            features instead of the face map; "direct" gives the face map alone.
        shape: "deform" predicts offsets from the mean face, "direct" the shape itself.
        weight: of the alignment's landmarks: as the "paper" has it, or the official "code".
        tail: channels of the two layers before each head's last.
        momentum: of normalisation.
        begin: "paper" draws first weights of std 0.001, and each head's normalised values are its map;
            "scaled" draws He's, and heads give maps in units of their usual spread: an offset map that begins
            a hundred times too large is flattened for long by the losses on its edges.

    Raises:
        ConfigError: the crop's side is no multiple of what it has to be, or a switch is one that the encoder
            has not.
    """

    crop_size: int = 256
    map_size: int = 0
    encoder: Literal["paper", "residual"] = "paper"
    residual: EncoderConfig = OF_DEFAULT
    readout: Readout = Readout()
    frozen: bool = False
    width: int = 16
    attention: bool = True
    attention_width: int = 256
    pose: Literal["align", "regress", "direct"] = "align"
    shape: Literal["deform", "direct"] = "deform"
    weight: Literal["paper", "code"] = "paper"
    tail: int = 3
    momentum: float = 0.5
    begin: Literal["paper", "scaled"] = "paper"

    def __post_init__(self) -> None:
        """Refuse crops that the strides do not divide, and switches of the other encoder."""
        if self.encoder == "residual":
            self._check_residual()
        elif self.map_size not in (0, self.crop_size) or self.frozen:
            raise ConfigError(
                f"SADRNet's own encoder makes maps as large as its crops, of layers that are all trained: "
                f"found map_size = {self.map_size} and frozen = {self.frozen}. Leave both out, or set "
                f'network.encoder = "residual".'
            )
        elif self.crop_size % 32 or self.crop_size < 64:
            raise ConfigError(
                f"SADRNet halves its crop five times: crop_size must be a multiple of 32 and at least 64, "
                f"found {self.crop_size}."
            )

    def _check_residual(self) -> None:
        if self.crop_size % CELL or not 100 <= self.crop_size <= 128:
            raise ConfigError(
                f'With network.encoder = "residual" crop_size must be a multiple of {CELL} from 104 to 128, '
                f"found {self.crop_size}."
            )
        if (self.map_size, self.pose, self.shape) != (RESIDUAL_MAP, "align", "deform"):
            raise ConfigError(
                f'network.encoder = "residual" has maps of {RESIDUAL_MAP} texels that are aligned, the shape '
                f"as a deformation: found map_size = {self.map_size}, pose = {self.pose!r}, shape = "
                f'{self.shape!r}. Set map_size = {RESIDUAL_MAP}, or network.encoder = "paper".'
            )

    @property
    def maps(self) -> int:
        """Texels along a side of the maps."""
        return self.map_size or self.crop_size

    @property
    def attention_size(self) -> int:
        """Cells along a side of the attention."""
        return self.crop_size // CELL


PAPER = SadrConfig()
NARROW = SadrConfig(crop_size=128, width=8, attention_width=64, tail=8, momentum=0.1, begin="scaled")
"""All parts of the paper at half of its width and crop, for comparisons of its switches."""
COMPACT = SadrConfig(
    crop_size=112, map_size=64, encoder="residual", frozen=True, width=8, attention_width=32, momentum=0.1
)
"""What is trained and shipped."""


@dataclass(frozen=True, slots=True)
class SadrOutput:
    """What the network says of B crops, in the paper's units.

    Attributes:
        face_map: (B, 3, M, M) P: x right, y down, z toward the viewer, 280/256 sides of the crop; None where
            the pose is regressed.
        shape_map: (B, 3, M, M) S: model frame, 0.015 a mm; None where the face is predicted directly.
        attention: (B, A, A) logits; None without attention.
        pose: (B, 9); None unless it is regressed.
    """

    face_map: Tensor | None
    shape_map: Tensor | None
    attention: Tensor | None
    pose: Tensor | None


class SadrNet(nn.Module):
    """(B, 3, S, S) crops in 0..255 to a :class:`SadrOutput`.

    Args:
        config: sizes and switches.
        mean_map: (3, M, M) the mean face in units of the shape map.
    """

    mean_map: Tensor
    steps: Tensor

    def __init__(self, config: SadrConfig, mean_map: Tensor) -> None:
        super().__init__()
        self.config = config
        width = config.width
        # Four columns with a border of one: 255 of 256.
        self.first = nn.Sequential(
            nn.Conv2d(3, width, 4, 1, 1, bias=False), plain_norm(width, config), nn.ReLU()
        )
        self.encoder = _residual(1, ENCODER, config)
        self.attention = attention_layers(ENCODER[-1][0] * width, config) if config.attention else None
        self.gated = _residual(ENCODER[-1][0], GATED, config)
        self.decoder = _upward(GATED[-1][0], DECODER, config)
        spread = OFFSET_SPREAD if config.shape == "deform" else SHAPE_SPREAD
        self.face_head = None if config.pose == "regress" else _head(config, FACE_SPREAD)
        self.shape_head = None if config.pose == "direct" else _head(config, spread)
        self.pose_head = _pose_head(GATED[-1][0] * width) if config.pose == "regress" else None
        self.register_buffer("mean_map", mean_map.float())
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._begin()

    def forward(self, crop: Tensor) -> SadrOutput:
        """See the class; in training each call is counted in `steps`."""
        if self.training:
            self.steps += 1
        features = self.encoder(self.first(standardised(crop)))
        attention = None
        if self.attention is not None:
            attention = self.attention(features)
            features = features * torch.exp(torch.sigmoid(attention))
        deep = self.gated(features)
        maps = self.decoder(deep)
        return SadrOutput(
            face_map=None if self.face_head is None else self.face_head(maps).float(),
            shape_map=None if self.shape_head is None else self._shape(self.shape_head(maps).float()),
            attention=None if attention is None else attention[:, 0].float(),
            pose=None if self.pose_head is None else self.pose_head(deep.mean((2, 3))).float(),
        )

    def _shape(self, found: Tensor) -> Tensor:
        return found + self.mean_map if self.config.shape == "deform" else found

    def _begin(self) -> None:
        """First weights of convolutions."""
        for layer in self.modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            if self.config.begin == "paper":
                nn.init.normal_(layer.weight, std=PAPER_STD)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def standardised(crop: Tensor) -> Tensor:
    """(B, 3, S, S) crops in 0..255 with mean 0 and variance 1 in each picture and channel."""
    values = crop.float() / 255
    mean = values.mean((2, 3), keepdim=True)
    variance = (values - mean).square().mean((2, 3), keepdim=True)
    return (values - mean) / (variance + VARIANCE_EPS).sqrt()


class CircularConv(nn.Module):
    """A 4 x 4 convolution of a picture that goes on at its other border: two px before, one behind.

    Args:
        channels: in and out.
        stride: of the convolution.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 4, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to sides divided by the stride, rounded up."""
        x = torch.cat([x[:, :, -2:], x, x[:, :, :1]], dim=2)
        return self.conv(torch.cat([x[:, :, :, -2:], x, x[:, :, :, :1]], dim=3))


class ResidualBlock(nn.Module):
    """Narrow, 4 x 4, wide again, and what was there added.

    Args:
        channels: in and out.
        stride: of the 4 x 4 convolution.
        config: of the network.
    """

    def __init__(self, channels: tuple[int, int], stride: int, config: SadrConfig) -> None:
        super().__init__()
        before, after = channels
        half = after // 2
        self.body = nn.Sequential(
            nn.Conv2d(before, half, 1, bias=False),
            plain_norm(half, config, RESIDUAL_EPS),
            nn.ReLU(),
            CircularConv(half, stride),
            plain_norm(half, config, RESIDUAL_EPS),
            nn.ReLU(),
            nn.Conv2d(half, after, 1, bias=False),
            plain_norm(after, config, RESIDUAL_EPS),
        )
        self.shortcut = (
            nn.Identity()
            if before == after and stride == 1
            else nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), plain_norm(after, config, RESIDUAL_EPS)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to sides divided by the stride, rounded up."""
        return torch.relu(self.body(x) + self.shortcut(x))


class TransposedConv(nn.Module):
    """A transposed 4 x 4 convolution, padding 1, output padding stride - 1, without its first row and column.

    Args:
        channels: in and out.
        stride: 1 or 2; the output's side over the input's.
    """

    def __init__(self, channels: tuple[int, int], stride: int) -> None:
        super().__init__()
        before, after = channels
        self.stride, self.channels = stride, after
        if stride == 1:
            self.conv = nn.Conv2d(before, after, 4, bias=False)
        else:
            self.conv = nn.Conv2d(before, 4 * after, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to sides multiplied with the stride."""
        if self.stride == 1:
            return self.conv(functional.pad(x, (1, 2, 1, 2)))
        return functional.pixel_shuffle(self.conv(functional.pad(x, (0, 1, 0, 1))), 2)


def plain_norm(channels: int, config: SadrConfig, eps: float = PLAIN_EPS) -> nn.BatchNorm2d:
    """A normalisation with the network's momentum."""
    return nn.BatchNorm2d(channels, eps=eps, momentum=config.momentum)


def _residual(before: int, blocks: tuple[tuple[int, int], ...], config: SadrConfig) -> nn.Sequential:
    """Blocks of given channels, in units of the width, and strides."""
    widths = [before, *(after for after, _ in blocks)]
    return nn.Sequential(
        *(
            ResidualBlock((config.width * widths[number], config.width * after), stride, config)
            for number, (after, stride) in enumerate(blocks)
        )
    )


def attention_layers(channels: int, config: SadrConfig) -> nn.Sequential:
    """Five convolutions from features to the logits of the mask."""
    layers: list[nn.Module] = []
    for _ in range(4):
        width = config.attention_width
        layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), plain_norm(width, config), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, 1, 1, bias=False))


def _up(before: int, after: int, stride: int, config: SadrConfig) -> list[nn.Module]:
    return [TransposedConv((before, after), stride), plain_norm(after, config), nn.ReLU()]


def _upward(before: int, layers: tuple[tuple[int, int], ...], config: SadrConfig) -> nn.Sequential:
    """Transposed convolutions of given channels, in units of the width, and strides."""
    found: list[nn.Module] = []
    for after, stride in layers:
        found += _up(before * config.width, after * config.width, stride, config)
        before = after
    return nn.Sequential(*found)


class Spread(nn.Module):
    """Numbers of about -1..1 as numbers of a given std and mean."""

    def __init__(self, std: float, mean: float) -> None:
        super().__init__()
        self.std, self.mean = std, mean

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return self.std * x.float() + self.mean


def _head(config: SadrConfig, spread: tuple[float, float]) -> nn.Sequential:
    """Seven transposed convolutions; the last keeps its normalisation and has no activation."""
    tail = config.tail
    last: list[nn.Module] = [TransposedConv((tail, 3), 1), plain_norm(3, config)]
    last += [Spread(*spread)] if config.begin == "scaled" else []
    return nn.Sequential(
        *_upward(DECODER[-1][0], HEAD, config),
        *_up(HEAD[-1][0] * config.width, tail, 1, config),
        *_up(tail, tail, 1, config),
        *last,
    )


def _pose_head(channels: int) -> nn.Sequential:
    """Our own, for the paper does not describe its own: two layers on the mean of the deepest features."""
    head = nn.Sequential(nn.Linear(channels, 256), nn.ReLU(), nn.Linear(256, POSE))
    with torch.no_grad():
        head[2].weight.mul_(0.1)
        # Upright, in the middle, as large as faces usually are in their crops.
        head[2].bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0, -1.5, 0.45, 0.45]))
    return head
