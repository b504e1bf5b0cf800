"""SynergyNet (Wu et al., 3DV 2021): a crop to standardised pose and coefficients, landmarks, and back.

Pose is twelve numbers as in 3DDFA, in our frames: nine of scale times rotation, three of translation. A point
of the model lies in the crop at ``axes * (M @ point) + t``, px, with ``axes`` (1, -1, -1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.train.networks.landmark_cycle import LandmarksTo3dmm, MultiAttributeFeatureAggregation
from lineament.train.networks.mobilenet import MobileNetV2
from lineament.train.networks.regressor import POSE_NUMBERS, RegressorOutput, pose_of_numbers, rename_keys
from lineament.train.networks.residual_encoder import OF_DEFAULT, EncoderConfig, Readout, ResidualBackbone
from lineament.train.networks.resnet import ResNet

POSE = 12
DEPTH_TRANSLATION = 11
"""Number of the parameter that a picture says nothing about."""
OF_THE_FACE_MODEL = ("rest", "identity_basis", "expression_basis", "axes")
FORMER_NAMES = {"spread": "std", "refiner.": "mafa.", "reverser.": "landmarks_to_3dmm."}
"""First parts of the names that tensors had in checkpoints of before December 2026, and what they are now."""


@dataclass(frozen=True, slots=True)
class MafaConfig:
    """The refinement of landmarks.

    Attributes:
        enabled: without it there are coarse landmarks only.
        attributes: what is known of the face beside its points' features, which always take part.
        last: "linear", or "code" with a last ReLU as released.
        step: what the output is multiplied by, px; 0.05 in the released code.
    """

    enabled: bool = True
    attributes: tuple[Literal["image", "shape", "expression"], ...] = ("image", "shape", "expression")
    last: Literal["linear", "code"] = "linear"
    step: float = 1.0


@dataclass(frozen=True, slots=True)
class LandmarksTo3dmmConfig:
    """The way back from landmarks to parameters, in training only.

    Attributes:
        enabled: whether there is one.
        input: which landmarks it reads; coarse ones where nothing refines them.
        attributes: also give it image features, shape and expression.
        last: "linear", or "code" with a last ReLU as released.
    """

    enabled: bool = True
    input: Literal["refined", "coarse"] = "refined"
    attributes: bool = False
    last: Literal["linear", "code"] = "linear"


@dataclass(frozen=True, slots=True)
class SynergyConfig:
    """All of the network.

    Attributes:
        backbone: "mobilenet-v2" or "resnet-50" as in the paper, or "residual", the layers of the compact
            regressor, with whose weights it can begin.
        residual: sizes of that one; the defaults are those of `default`.
        readout: of the same.
        width: factor of the channels of the first two.
        frozen: whether the backbone keeps the weights that it begins with, which is a third of the work; a
            run that starts with this one may train all.
        pose: "matrix", twelve standardised numbers as in the paper; or "rotation", nine as the compact
            regressor gives them, which become the twelve of a proper rotation and a scale: a head of its kind
            can begin with its weights.
        crop_size: px.
        identity: number of identity coefficients.
        expression: number of expression coefficients.
        dropout: before the heads.
        feature_layers: widths of fully connected layers, with normalisation and ReLU, between the image
            feature and the heads; refinement reads the image feature itself.
        mafa: the refinement.
        landmarks_to_3dmm: from landmarks back to parameters.
        points: what the point networks read: "centred" from -1 to 1, or "pixels" as released.
        landmarks: which landmarks are the result, `lmk` in the ablations. "geometry" gives pose, coefficients
            and landmarks of the parameters that the landmarks lead back to (supplement D, "landmark geometry
            alone").

    Raises:
        ConfigError: geometry is asked for where there is no way back from landmarks, or another width of a
            backbone that has but one.
    """

    backbone: Literal["mobilenet-v2", "resnet-50", "residual"] = "mobilenet-v2"
    residual: EncoderConfig = OF_DEFAULT
    readout: Readout = Readout()
    width: float = 1.0
    frozen: bool = False
    pose: Literal["matrix", "rotation"] = "matrix"
    crop_size: int = 120
    identity: int = 100
    expression: int = 53
    dropout: float = 0.2
    feature_layers: tuple[int, ...] = ()
    mafa: MafaConfig = MafaConfig()
    landmarks_to_3dmm: LandmarksTo3dmmConfig = LandmarksTo3dmmConfig()
    points: Literal["centred", "pixels"] = "centred"
    landmarks: Literal["refined", "coarse", "geometry"] = "refined"

    def __post_init__(self) -> None:
        """Refuse an answer of a part that is not there, and a width where sizes are fixed."""
        if self.backbone == "residual" and self.width != 1:
            raise ConfigError(
                f"network.width is {self.width}, but the residual backbone has the sizes of "
                f"network.residual: leave it at 1."
            )
        if self.landmarks == "geometry" and not self.landmarks_to_3dmm.enabled:
            raise ConfigError(
                'landmarks = "geometry" is what landmarks_to_3dmm gives, which is not enabled: enable it, or '
                'ask for "refined" or "coarse".'
            )


AS_RELEASED = SynergyConfig(
    identity=40,
    expression=10,
    mafa=MafaConfig(last="code", step=0.05),
    landmarks_to_3dmm=LandmarksTo3dmmConfig(last="code"),
    points="pixels",
    landmarks="coarse",
)
"""The network of the released code; its loss is `lineament.train.synergynet.loss.AS_RELEASED`."""


@dataclass(frozen=True, slots=True)
class SynergyOutput:
    """What the network predicts for B crops.

    Attributes:
        parameters: (B, 12 + K + E) standardised pose, identity, expression.
        coarse: (B, 68, 3) landmarks of the parameters, crop px.
        refined: (B, 68, 3), or None without refinement.
        landmarks_to_3dmm: (B, 12 + K + E) standardised parameters predicted from the landmarks; None where
            neither training nor the result asks for them.
    """

    parameters: Tensor
    coarse: Tensor
    refined: Tensor | None
    landmarks_to_3dmm: Tensor | None


class SynergyNet(nn.Module):
    """Crop to parameters and landmarks.

    Args:
        config: sizes and switches.
        landmark_points: the face model's 68 landmarks (:meth:`MorphableModel.landmark_points`) with at least
            as many modes as the network has.
    """

    former_names = FORMER_NAMES

    def __init__(self, config: SynergyConfig, landmark_points: MorphableModel) -> None:
        super().__init__()
        self.config = config
        self.backbone = _backbone(config)
        self.sizes = (POSE, config.identity, config.expression)
        widths_after = (self.backbone.channels, *config.feature_layers)
        self.feature_layers = nn.Sequential(*(_feature_layer(*pair) for pair in pairwise(widths_after)))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Dropout(config.dropout), nn.Linear(widths_after[-1], size))
            for size in (POSE if config.pose == "matrix" else POSE_NUMBERS, *self.sizes[1:])
        )
        self._initialise()
        widths = {
            "image": self.backbone.channels,
            "shape": config.identity,
            "expression": config.expression,
        }
        self.mafa, self.landmarks_to_3dmm = None, None
        if config.mafa.enabled:
            chosen = [widths[name] for name in widths if name in config.mafa.attributes]
            self.mafa = MultiAttributeFeatureAggregation(chosen, released=config.mafa.last == "code")
        if config.landmarks_to_3dmm.enabled:
            known = list(widths.values()) if config.landmarks_to_3dmm.attributes else []
            self.landmarks_to_3dmm = LandmarksTo3dmm(
                self.sizes, known, released=config.landmarks_to_3dmm.last == "code"
            )
        self._remember(landmark_points)
        if config.frozen:
            self.backbone.requires_grad_(False)

    def begun(self) -> Iterator[nn.Parameter]:
        """What may begin with weights that were trained before: backbone and heads."""
        yield from self.backbone.parameters()
        yield from self.heads.parameters()

    def train(self, mode: bool = True) -> Self:
        """See :class:`torch.nn.Module`; a frozen backbone stays as in evaluation."""
        super().train(mode)
        if self.config.frozen:
            self.backbone.eval()
        return self

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def _remember(self, points: MorphableModel) -> None:
        """Constants: landmarks of the face model, standardisation, and the frame of the point networks.

        What the face model says is no part of a checkpoint, which would bring an old model back.
        """
        config = self.config
        self.register_buffer("rest", torch.as_tensor(points.neutral_model), persistent=False)
        for name, count in (("identity", config.identity), ("expression", config.expression)):
            basis = torch.as_tensor(getattr(points, f"{name}_basis"))[:count]
            self.register_buffer(f"{name}_basis", basis.flatten(1).contiguous(), persistent=False)
        self.register_buffer("axes", torch.tensor([1.0, -1.0, -1.0]), persistent=False)
        if config.pose == "rotation":
            self.register_buffer("log_scale_mean", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(sum(self.sizes)))
        self.register_buffer("std", torch.ones(sum(self.sizes)))
        half = config.crop_size / 2
        centred = config.points == "centred"
        self.register_buffer("point_origin", torch.tensor([half, half, 0.0] if centred else [0.0] * 3))
        self.register_buffer("point_scale", torch.full((3,), 1 / half if centred else 1.0))

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:  # noqa: ANN401
        """Checkpoints of before December 2026 hold what their face model said, which is left out."""
        for name in OF_THE_FACE_MODEL:
            state.pop(prefix + name, None)
        rename_keys(state, {prefix + old: prefix + new for old, new in FORMER_NAMES.items()})
        super()._load_from_state_dict(state, prefix, *rest)

    def at_other_size(self, state: dict[str, Tensor], ratio: float) -> None:
        """Carry a state of this network into crops `ratio` times as large: the same face, more px.

        Means and deviations of the pose, the frame of the point networks and the last layer of the refinement
        are in px; what the point networks read, and all that they give beside px, stays the same.

        Args:
            state: of a network that differs in its crop size at most; changed in place.
            ratio: of the new crops' side to the old ones'.
        """
        for name in ("mean", "std"):
            state[name] = torch.cat([state[name][:POSE] * ratio, state[name][POSE:]])
        if "log_scale_mean" in state:
            state["log_scale_mean"] = state["log_scale_mean"] + math.log(ratio)
        state["point_origin"] = state["point_origin"] * ratio
        state["point_scale"] = state["point_scale"] / ratio
        # A ReLU after it lets a factor through, a normalisation's weight and bias stand for the layer's own.
        last = "mafa.last.1" if "mafa.last.1.weight" in state else "mafa.last.0"
        for name in (f"{last}.weight", f"{last}.bias"):
            if name in state:
                state[name] = state[name] * ratio

    def standardised(self, parameters: Tensor) -> Tensor:
        """(B, 12 + K + E) in units of the training set's standard deviations; constant ones become zero."""
        return (parameters - self.mean) / self.std.where(self.std != 0, torch.inf)

    def parameters_of(self, face: RegressorOutput) -> Tensor:
        """(B, 12 + K + E) raw parameters of labelled faces."""
        matrix = (face.scale[:, None, None] * face.rotation).flatten(1)
        translation = torch.cat([face.translation, torch.zeros_like(face.translation[:, :1])], dim=1)
        identity, expression = (
            values[:, :count]
            for values, count in zip((face.identity, face.expression), self.sizes[1:], strict=True)
        )
        return torch.cat([matrix, translation, identity, expression], dim=1)

    def landmarks_of(self, standardised: Tensor) -> Tensor:
        """(B, 68, 3) landmarks in the crop, px, of standardised parameters."""
        pose, identity, expression = (standardised * self.std + self.mean).split(self.sizes, dim=1)
        flat = identity @ self.identity_basis + expression @ self.expression_basis
        points = self.rest + flat.view(-1, self.rest.shape[0], 3)
        rotated = points @ pose[:, :9].view(-1, 3, 3).transpose(1, 2) * self.axes
        return rotated + pose[:, None, 9:]

    def forward(self, crop: Tensor) -> SynergyOutput:
        """(B, 3, S, S) float crops with values in 0..255, RGB."""
        features = self.features(crop)
        read = self.feature_layers(features)
        pose, *coefficients = (head(read).float() for head in self.heads)
        if self.config.pose == "rotation":
            pose = self._pose_of_nine(pose)
        parameters = torch.cat([pose, *coefficients], dim=1)
        # Half precision would round landmarks to half a pixel.
        with torch.autocast(crop.device.type, enabled=False):
            return self._with_landmarks(parameters, features.float())

    def features(self, crop: Tensor) -> Tensor:
        """(B, F) the image feature of (B, 3, S, S) float crops with values in 0..255, RGB."""
        residual = self.config.backbone == "residual"  # brings its own range of values
        return self.backbone(crop if residual else (crop - 127.5) / 128)

    def _pose_of_nine(self, numbers: Tensor) -> Tensor:
        """(B, 12) standardised pose of (B, 9) numbers in the compact regressor's units."""
        face = pose_of_numbers(numbers, self.log_scale_mean, self.config.crop_size)
        matrix = (face.scale[:, None, None] * face.rotation).flatten(1)
        pose = torch.cat([matrix, face.translation, torch.zeros_like(face.translation[:, :1])], dim=1)
        spread = self.std[:POSE].where(self.std[:POSE] != 0, torch.inf)
        return (pose - self.mean[:POSE]) / spread

    def _with_landmarks(self, parameters: Tensor, features: Tensor) -> SynergyOutput:
        coarse = self.landmarks_of(parameters)
        _, shape, expression = parameters.split(self.sizes, dim=1)
        attributes = {"image": features, "shape": shape, "expression": expression}
        refined = landmarks_to_3dmm = None
        if self.mafa is not None:
            chosen = [attributes[name] for name in attributes if name in self.config.mafa.attributes]
            moved = self.mafa(self._point_input(coarse), chosen).transpose(1, 2)
            refined = coarse + self.config.mafa.step * moved * torch.sign(self.point_scale)
        wanted = self.training or self.config.landmarks == "geometry"
        if self.landmarks_to_3dmm is not None and wanted:
            read = (
                refined
                if refined is not None and self.config.landmarks_to_3dmm.input == "refined"
                else coarse
            )
            known = list(attributes.values()) if self.config.landmarks_to_3dmm.attributes else []
            landmarks_to_3dmm = self.landmarks_to_3dmm(self._point_input(read), known)
        return SynergyOutput(parameters, coarse, refined, landmarks_to_3dmm)

    def result_parameters(self, output: SynergyOutput) -> Tensor:
        """(B, 12 + K + E) the standardised parameters that the configuration calls the result."""
        if self.config.landmarks != "geometry":
            return output.parameters
        assert output.landmarks_to_3dmm is not None, "the configuration has seen to it"
        return output.landmarks_to_3dmm

    def result_landmarks(self, output: SynergyOutput) -> Tensor:
        """(B, 68, 3) the landmarks that the configuration calls the result."""
        if self.config.landmarks == "geometry":
            return self.landmarks_of(self.result_parameters(output))
        wanted = self.config.landmarks == "refined" and output.refined is not None
        return output.refined if wanted else output.coarse

    def face_of(self, standardised: Tensor) -> RegressorOutput:
        """Proper cameras and coefficients of standardised parameters."""
        pose, identity, expression = (standardised * self.std + self.mean).split(self.sizes, dim=1)
        rotation, scale = nearest_rotation(pose[:, :9].view(-1, 3, 3))
        return RegressorOutput(rotation, scale, pose[:, 9:11], identity, expression)

    def _point_input(self, points: Tensor) -> Tensor:
        """(B, 3, 68) what the point networks read of (B, 68, 3) landmarks, crop px."""
        return ((points - self.point_origin) * self.point_scale).transpose(1, 2)


def _backbone(config: SynergyConfig) -> MobileNetV2 | ResNet | ResidualBackbone:
    if config.backbone == "residual":
        sizes = config.readout
        return ResidualBackbone(config.crop_size, config.residual, squeeze=sizes.squeeze, hidden=sizes.hidden)
    return (MobileNetV2 if config.backbone == "mobilenet-v2" else ResNet)(width=config.width)


def _feature_layer(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())


def nearest_rotation(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, 3) proper rotations and (B,) scales nearest to the first two rows of (B, 3, 3) matrices.

    The scale is the mean length of the two rows, which are made orthogonal without preferring either.
    """
    lengths = matrix[:, :2].norm(dim=2)
    rows = matrix[:, :2] / lengths[:, :, None].clamp(min=1e-9)
    between, across = rows[:, 0] + rows[:, 1], rows[:, 0] - rows[:, 1]
    between = between / between.norm(dim=1, keepdim=True).clamp(min=1e-9)
    across = across / across.norm(dim=1, keepdim=True).clamp(min=1e-9)
    first, second = (between + across) * 0.5**0.5, (between - across) * 0.5**0.5
    a0, a1, a2 = first.unbind(1)
    b0, b1, b2 = second.unbind(1)
    third = torch.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], dim=1)
    return torch.stack([first, second, third], dim=1), lengths.mean(1)
