"""The regressor: a crop to identity, texture, expression, pose and light (sections 2 and 3 of the sheet)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import ConfigError
from lineament.train.networks.regressor import SCALE_UNIT, rotation_from_six
from lineament.train.networks.residual_encoder import ResidualBlock
from lineament.train.networks.resnet import ResNet

PLACE_UNIT = 0.1
"""What a one of the numbers of the place in the crop means, sides of the crop, where the rotation has six."""
LIGHT = (9, 3)
"""Coefficients of spherical harmonics, by channel."""
UNIT_MM = 100.0
"""The network's unit of length, a decimetre, as the customary intrinsics have it."""
FOCAL, DISTANCE_MM = 1015 / 224, 1000.0
"""The customary intrinsics: focal length in sides of the crop, and how far the model's origin is."""
AMBIENT = 1.13
"""The zeroth band that a new network begins with: light of one on every surface, since textures are albedo as
a photograph encodes it. 0.8 is the customary value for Basel's."""
EXPRESSION_UNIT = 0.25
"""Standard deviation of a blendshape; statistical modes have one of 1."""
VGG_WIDTHS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
PIXEL_MEAN, PIXEL_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""ImageNet's."""


@dataclass(frozen=True, slots=True)
class DffConfig:
    """Sizes and switches of the regressor.

    Attributes:
        crop_size: px.
        backbone: "vgg16" as printed, "resnet50", or "residual", the compact one.
        stem: channels of the residual one's first convolution.
        stages: channels of its four stages.
        blocks: residual blocks a stage.
        squeeze: channels that its last map is reduced to.
        hidden: width of the layer before the numbers; VGG-16 has two of 4,096.
        dropout: after each of VGG-16's two layers.
        identity: number of identity coefficients.
        texture: number of texture coefficients.
        expression: number of expression coefficients: 53 of LFM, up to 64 of a model that has them.
        rotation: what the numbers of the rotation are: "axis-angle"; "euler": pitch, yaw, roll; or "six"
            (Zhou et al. 2019), where those of the translation are the logarithm of the distance and the place
            in the crop: the compact regressor's nine numbers of the pose, so that a run can begin with its
            weights.
        colour_pixels: side of the small picture that texture and light are read off beside the features,
            which have learnt to leave light out; 0 for features alone, as printed.
        colour_hidden: width of the two layers between.
        frozen: whether the convolutions stay as the run begins.
        camera: "perspective" with the customary intrinsics; "weak"; or "free", in which one more number says
            how far the camera is while the face stays as large, for close-ups: a crop that a face fills is
            otherwise always taken from a metre.
        focal: focal length, sides of the crop.
        distance_mm: of the model's origin where the numbers are zero.
        ambient: coefficient of the light's zeroth band where the numbers are zero.
    """

    crop_size: int = 112
    backbone: Literal["residual", "vgg16", "resnet50"] = "residual"
    stem: int = 48
    stages: tuple[int, ...] = (64, 128, 256, 384)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    squeeze: int = 128
    hidden: int = 512
    dropout: float = 0.5
    identity: int = 80
    texture: int = 80
    expression: int = 53
    rotation: Literal["axis-angle", "euler", "six"] = "axis-angle"
    colour_pixels: int = 0
    colour_hidden: int = 256
    frozen: bool = False
    camera: Literal["perspective", "weak", "free"] = "perspective"
    focal: float = FOCAL
    distance_mm: float = DISTANCE_MM
    ambient: float = AMBIENT

    def __post_init__(self) -> None:
        """Refuse small pictures larger than the crop."""
        if not 0 <= self.colour_pixels <= self.crop_size:
            raise ConfigError(
                f"network.colour_pixels is 0 to network.crop_size, {self.crop_size}; "
                f"found {self.colour_pixels}."
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers say identity, texture, expression, rotation, translation, light, and distance."""
        free = (1,) if self.camera == "free" else ()
        turn = 6 if self.rotation == "six" else 3
        return (self.identity, self.texture, self.expression, turn, 3, LIGHT[0] * LIGHT[1], *free)


COMPACT = DffConfig()
PAPER = DffConfig(crop_size=224, backbone="vgg16", rotation="euler")


@dataclass(frozen=True, slots=True)
class DffOutput:
    """What the network says of B crops.

    Attributes:
        identity: (B, K) standard deviations.
        texture: (B, T) standard deviations.
        expression: (B, E) standard deviations; see :data:`EXPRESSION_UNIT`.
        rotation: (B, 3, 3) proper rotations of the model frame.
        translation: (B, 3) mm, frame `camera` (x right, y down, z away): where the model's origin is.
        light: (B, 9, 3) coefficients of the harmonics, by channel.
        focal: (B,) focal length, sides of the crop.
        picture: (B, 3, S, S) the crops that it says it of, values in 0..255.
    """

    identity: Tensor
    texture: Tensor
    expression: Tensor
    rotation: Tensor
    translation: Tensor
    light: Tensor
    focal: Tensor
    picture: Tensor


class DffNet(nn.Module):
    """(B, 3, S, S) crops to the numbers x, and these to their parts.

    Args:
        config: sizes and switches.
    """

    def __init__(self, config: DffConfig) -> None:
        super().__init__()
        self.config = config
        self.features, channels = _backbone(config)
        if config.backbone == "vgg16":
            self.hidden: nn.Module = nn.Sequential(
                nn.Linear(channels, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(config.dropout),
                nn.Linear(4096, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(config.dropout),
            )
        else:
            self.hidden = nn.Sequential(nn.Linear(channels, config.hidden), nn.ReLU(inplace=True))
        width = 4096 if config.backbone == "vgg16" else config.hidden
        self.numbers = nn.Linear(width, sum(config.sizes))
        nn.init.zeros_(self.numbers.weight)
        nn.init.zeros_(self.numbers.bias)
        if config.rotation == "six":
            first = config.identity + config.texture + config.expression
            with torch.no_grad():
                self.numbers.bias[[first, first + 4]] = 1.0
        self.colours = _colour_layers(config, width) if config.colour_pixels else None
        mean, std = (PIXEL_MEAN, PIXEL_STD) if config.backbone != "residual" else ((127.5,) * 3, (64.0,) * 3)
        for name, values in (("pixel_mean", mean), ("pixel_std", std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        self.register_buffer("translation_mean", torch.tensor([0.0, 0.0, config.distance_mm]))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("point_errors", torch.zeros(2, 68))
        if config.frozen:
            self.features.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As any network, but frozen layers keep what they know of their features."""
        super().train(mode)
        if self.config.frozen:
            self.features.eval()
        return self

    def begun(self) -> Iterator[nn.Parameter]:
        """What a run takes from weights that it begins with; colours have to be learnt."""
        yield from self.features.parameters()
        yield from self.hidden.parameters()

    def forward(self, crop: Tensor) -> DffOutput:
        """(B, 3, S, S) float crops with values in 0..255, RGB."""
        if self.training:
            self.steps.add_(1)
        pixels = (crop - self.pixel_mean) / self.pixel_std
        vector = self.hidden(self.features(pixels))
        numbers = self.numbers(vector).float()
        if self.colours is not None:
            small = functional.adaptive_avg_pool2d(pixels, self.config.colour_pixels).flatten(1)
            numbers = numbers + self._as_numbers(self.colours(torch.cat([small, vector], dim=1)).float())
        return self.parts(numbers, crop)

    def _as_numbers(self, colours: Tensor) -> Tensor:
        """(B, n) numbers, zero but for those of texture and light."""
        identity, texture, *between, light, free = (*self.config.sizes, 0)[:7]
        given, lit = colours.split((texture, light), dim=1)
        return torch.cat(
            [functional.pad(given, (identity, sum(between))), functional.pad(lit, (0, free))], dim=1
        )

    def parts(self, numbers: Tensor, picture: Tensor) -> DffOutput:
        """What (B, n) numbers say of pictures."""
        config = self.config
        identity, texture, expression, turn, moved, light, *free = numbers.split(config.sizes, dim=1)
        factor = torch.exp(free[0][:, 0]) if free else torch.ones_like(turn[:, 0])
        translation = self._translation(moved)
        translation = torch.cat([translation[:, :2], translation[:, 2:] * factor[:, None]], dim=1)
        ambient = torch.zeros(LIGHT, device=numbers.device)
        ambient[0] = config.ambient
        return DffOutput(
            identity=identity,
            texture=texture,
            expression=expression,
            rotation=ROTATIONS[config.rotation](turn),
            translation=translation,
            light=ambient + light.reshape(-1, *LIGHT[::-1]).transpose(1, 2),
            focal=config.focal * factor,
            picture=picture,
        )

    def _translation(self, numbers: Tensor) -> Tensor:
        """(B, 3) mm, frame `camera`, of the three numbers of the translation."""
        if self.config.rotation != "six":
            return self.translation_mean + UNIT_MM * numbers
        distance = self.translation_mean[2] * torch.exp(-SCALE_UNIT * numbers[:, :1])
        xy = self.translation_mean[:2] + PLACE_UNIT / self.config.focal * distance * numbers[:, 1:]
        return torch.cat([xy, distance], dim=1)


def _colour_layers(config: DffConfig, width: int) -> nn.Sequential:
    """Small pictures and `width` features to the numbers of texture and light."""
    read, hidden = 3 * config.colour_pixels**2 + width, config.colour_hidden
    last = nn.Linear(hidden, config.texture + LIGHT[0] * LIGHT[1])
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(read, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), last)


def _backbone(config: DffConfig) -> tuple[nn.Module, int]:
    """Layers from pixels to (B, C) features, and C."""
    if config.backbone == "resnet50":
        resnet = ResNet()
        return resnet, resnet.channels
    layers: list[nn.Module] = []
    if config.backbone == "vgg16":
        before = 3
        for widths in VGG_WIDTHS:  # numbered as in the files of released weights
            for width in widths:
                layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU(inplace=True)]
                before = width
            layers.append(nn.MaxPool2d(2))
        return nn.Sequential(*layers, nn.Flatten()), before * (config.crop_size // 32) ** 2
    layers = [
        nn.Conv2d(3, config.stem, 3, 2, 1, bias=False),
        nn.BatchNorm2d(config.stem),
        nn.ReLU(inplace=True),
    ]
    before = config.stem
    for width, count in zip(config.stages, config.blocks, strict=True):
        for number in range(count):
            layers.append(ResidualBlock(before, width, 1 if number else 2))
            before = width
    layers += [
        nn.Conv2d(before, config.squeeze, 1, bias=False),
        nn.BatchNorm2d(config.squeeze),
        nn.ReLU(inplace=True),
        nn.Flatten(),
    ]
    return nn.Sequential(*layers), config.squeeze * (-(-config.crop_size // 32)) ** 2


def rotation_from_angles(angles: Tensor) -> Tensor:
    """(B, 3, 3) ``Rx(pitch) @ Ry(yaw) @ Rz(roll)`` of (B, 3) pitch, yaw and roll in radians.

    Torch twin of :func:`lineament.geometry.rotation.matrix_from_angles`.
    """
    (a, b, c), (p, q, r) = angles.cos().unbind(1), angles.sin().unbind(1)
    rows = (
        (b * c, -b * r, q),
        (a * r + p * q * c, a * c - p * q * r, -p * b),
        (p * r - a * q * c, p * c + a * q * r, a * b),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def rotation_from_vector(vector: Tensor) -> Tensor:
    """(B, 3, 3) rotations by the length of (B, 3) vectors, radians, about their direction (Rodrigues).

    Torch twin of :func:`lineament.geometry.rotation.matrix_from_vector`.
    """
    angle = torch.sqrt(vector.square().sum(1) + 1e-12)
    sine, half = torch.sin(angle) / angle, 2 * (torch.sin(angle / 2) / angle).square()
    x, y, z = vector.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    twice = vector[:, :, None] * vector[:, None] - vector.square().sum(1)[:, None, None] * eye
    return eye + sine[:, None, None] * cross + half[:, None, None] * twice


ROTATIONS = {"axis-angle": rotation_from_vector, "euler": rotation_from_angles, "six": rotation_from_six}


def mean_translation(low_xy: np.ndarray, high_xy: np.ndarray, config: DffConfig, margin: float) -> np.ndarray:
    """(3,) mm, frame `camera`: where a face frontal in the middle of its crop has the model's origin.

    Args:
        low_xy: (2,) mm, model frame, of the box that crops are cut around.
        high_xy: (2,).
        config: of the network.
        margin: side of the crop over the longer side of the box.
    """
    x, y = (low_xy + high_xy) / 2
    side_mm = margin * float((high_xy - low_xy).max())
    return np.array([-x, y, config.focal * side_mm])
