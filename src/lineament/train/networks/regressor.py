"""The compact coefficient regressor: a plain residual network, because CPUs like 3x3 convolutions best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lineament.train.networks.residual_encoder import encoder_layers, pixels_around_zero

SCALE_UNIT = 0.2
"""What a one of the head's number means in the logarithm of the scale."""
POSE_NUMBERS = 9
"""Six of the rotation, one of the scale, two of the translation come before the coefficients."""
FORMER_NAMES = {"identity_spread": "identity_std", "expression_spread": "expression_std"}
"""Names that buffers had in checkpoints and graphs of before December 2026, and what they are called now."""


@dataclass(frozen=True, slots=True)
class RegressorConfig:
    """Sizes of the network.

    Attributes:
        crop_size: side of the input, px; a multiple of 16.
        stem: channels after the first convolution (stride 2).
        stages: channels of the four stages, each of stride 2.
        blocks: residual blocks a stage.
        squeeze: channels that the last map is reduced to before it is read out position by position.
        hidden: width of the layer before the heads.
        identity: number of identity coefficients.
        expression: number of expression coefficients.
    """

    crop_size: int = 112
    stem: int = 48
    stages: tuple[int, ...] = (64, 128, 256, 384)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    squeeze: int = 128
    hidden: int = 512
    identity: int = 100
    expression: int = 53


@dataclass(frozen=True, slots=True)
class RegressorOutput:
    """What the network says of B crops.

    Attributes:
        rotation: (B, 3, 3) proper rotations, model frame.
        scale: (B,) crop px per mm.
        translation: (B, 2) crop px, where the model's origin falls.
        identity: (B, K).
        expression: (B, E).
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor
    identity: Tensor
    expression: Tensor


class Regressor(nn.Module):
    """Crop to pose, identity and expression.

    The numbers of the heads are in units of the training set's standard deviations, all of them about one:
    rotation as six numbers (Zhou et al. 2019), the logarithm of scale, translation, coefficients.
    """

    former_names = FORMER_NAMES

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        layers = encoder_layers(config.stem, config.stages, config.blocks)
        layers += [
            nn.Conv2d(config.stages[-1], config.squeeze, 1, bias=False),
            nn.BatchNorm2d(config.squeeze),
            nn.ReLU(),
        ]
        self.features = nn.Sequential(*layers)
        side = -(-config.crop_size // 32)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(config.squeeze * side * side, config.hidden), nn.ReLU()
        )
        self.heads = nn.Linear(config.hidden, POSE_NUMBERS + config.identity + config.expression)
        for name, size in (("identity", config.identity), ("expression", config.expression)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        self.register_buffer("log_scale_mean", torch.zeros(()))
        self.register_buffer("translation_mean", torch.full((2,), config.crop_size / 2))
        nn.init.normal_(self.heads.weight, std=0.01)
        with torch.no_grad():
            self.heads.bias.copy_(
                torch.tensor([1.0, 0, 0, 0, 1.0, 0] + [0.0] * (self.heads.out_features - 6))
            )

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:  # noqa: ANN401
        rename_keys(state, {prefix + old: prefix + new for old, new in FORMER_NAMES.items()})
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, crop: Tensor) -> RegressorOutput:
        """(B, 3, S, S) float crops with values in 0..255, RGB."""
        return self.face_of(self.hidden(self.features(pixels_around_zero(crop))))

    def face_of(self, vector: Tensor) -> RegressorOutput:
        """What the heads say of (B, H) hidden numbers."""
        sizes = (POSE_NUMBERS, self.config.identity, self.config.expression)
        numbers, identity, expression = self.heads(vector).float().split(sizes, dim=1)
        pose = pose_of_numbers(numbers, self.log_scale_mean, self.config.crop_size)
        return RegressorOutput(
            rotation=pose.rotation,
            scale=pose.scale,
            translation=pose.translation,
            identity=self.identity_mean + self.identity_std * identity,
            expression=self.expression_mean + self.expression_std * expression,
        )


@dataclass(frozen=True, slots=True)
class CropPose:
    """The pose of B heads in their crops; see :class:`RegressorOutput`."""

    rotation: Tensor
    scale: Tensor
    translation: Tensor


def pose_of_numbers(numbers: Tensor, log_scale_mean: Tensor, crop_size: int) -> CropPose:
    """Poses of (B, 9) numbers of a head: six of the rotation, one of the scale, two of the translation.

    Args:
        numbers: each of about one.
        log_scale_mean: () logarithm of the usual scale, px per mm.
        crop_size: px.
    """
    return CropPose(
        rotation=rotation_from_six(numbers[:, :6]),
        scale=torch.exp(SCALE_UNIT * numbers[:, 6] + log_scale_mean),
        translation=crop_size / 2 + 0.1 * crop_size * numbers[:, 7:9],
    )


def rename_keys(state: dict[str, Any], names: Mapping[str, str]) -> None:
    """Give entries of a checkpoint, in place, other first parts of their names; a longer word stays as it is.

    Args:
        state: by name.
        names: former to present; those with a dot at the end stand for all below a module.
    """
    for key in list(state):
        for old, new in names.items():
            if key == old or (old.endswith(".") and key.startswith(old)):
                state[new + key.removeprefix(old)] = state.pop(key)


def rotation_from_six(six: Tensor) -> Tensor:
    """Torch twin of :func:`lineament.geometry.rotation.matrix_from_six`: (B, 6) to (B, 3, 3)."""
    first = six[:, :3] / torch.sqrt((six[:, :3] ** 2).sum(1, keepdim=True) + 1e-12)
    second = six[:, 3:] - (first * six[:, 3:]).sum(1, keepdim=True) * first
    second = second / torch.sqrt((second**2).sum(1, keepdim=True) + 1e-12)
    a0, a1, a2 = first.unbind(1)
    b0, b1, b2 = second.unbind(1)
    third = torch.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], dim=1)
    return torch.stack([first, second, third], dim=1)
