"""The configuration of Zhou and Huang's method, and what a new network begins with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.foreign import foreign
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.models.texture import TEXTURE_PATH, TextureModel, load_texture_model
from lineament.train.batches.alignment_figures import CropEstimate, CropLandmarks
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.dff.contour import ContourPoints
from lineament.train.dff.descriptors import DescriptorChoice
from lineament.train.dff.face import FacePoints, FaceSurface, check_modes, expression_unit
from lineament.train.dff.loss import OURS, DffLoss, DffLossConfig, Labels
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import DFF
from lineament.train.networks.dff.network import COMPACT, DffConfig, DffNet, DffOutput, mean_translation
from lineament.train.networks.residual_encoder import EncoderConfig, ResidualBackbone
from lineament.train.regressor.training import first_crops, regressor_weights
from lineament.train.regressor.warm_start import (
    ExportedNetwork,
    coefficient_rows,
    log_scale_at,
    pose_rows,
    take_layers,
)
from lineament.train.runs.crop_method import begin_with_run

SCHEME = "300w-lp"
PUBLISHED = LoopConfig(
    steps=10 * 250_000 // 16,
    batch=16,
    optimiser=OptimiserConfig(kind="adam", learning_rate=1e-5, weight_decay=0.0),
    schedule=DFF,
    precision="float32",
)
"""Ten epochs of 250,000 pictures; a tenth of the rate after the fifth."""
OUR_LOOP = LoopConfig(
    steps=10_000,
    batch=32,
    optimiser=OptimiserConfig(learning_rate=5e-4, weight_decay=0.01),
    save_every=500,
)
COLOURED = AugmentConfig(crop_size=COMPACT.crop_size, occluder_probability=0.3, grey_probability=0.05)
"""Photographs are mostly left in colour: grey ones say nothing of a person's."""
PUBLISHED_AUGMENT = AugmentConfig(
    crop_size=224,
    crop_margin=1.5,
    tight_probability=0.0,
    loose_shift=0.0,
    loose_scale=0.0,
    loose_roll=float(np.radians(30)),
    occluder_probability=0.0,
    grey_probability=0.0,
    blur_probability=0.0,
    noise_probability=0.0,
    jpeg_probability=0.0,
    border_probability=0.0,
)
"""Flips, turns and colours, as printed; the crop's own places and sizes are not varied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DffTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest. The defaults are the compact preset.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes and switches.
        loss: weights and switches of the terms.
        dff: whose descriptors L_dff compares.
        labels: whose points are learnt: "hand", set by people; "detector", of a network for the plane;
            "mesh478", read off MediaPipe's mesh. Projections of fits are no choice: they would be labels in
            space in disguise.
        texture_model: .npz of the colours; empty for the one in the package.
        conv_weights: a file of tensors named ``features.N.weight`` and ``features.N.bias`` for VGG-16's
            convolutions, as released ImageNet weights have them; empty for random ones.
    """

    loop: LoopConfig = OUR_LOOP
    network: DffConfig = COMPACT
    loss: DffLossConfig = OURS
    dff: DescriptorChoice = field(default_factory=DescriptorChoice)
    labels: tuple[Labels, ...] = ("hand", "detector", "mesh478")
    texture_model: str = ""
    conv_weights: str = ""
    augment: AugmentConfig = COLOURED

    def __post_init__(self) -> None:
        """Refuse a run without labels."""
        CropTrainConfig.__post_init__(self)
        if not self.labels:
            raise ConfigError("labels names nobody's points: choose from hand, detector, mesh478.")

    @property
    def texture(self) -> TextureModel:
        """The texture model."""
        return load_texture_model(self.texture_model or TEXTURE_PATH)


class TrainedDff(DffNet):
    """A network that knows the 68 landmarks of its face model, and what an export says of its colours.

    Args:
        config: sizes and switches.
        model: the face model.
        texture: name of the texture model.
    """

    def __init__(self, config: DffConfig, model: MorphableModel, texture: str) -> None:
        super().__init__(config)
        self.landmarks = FacePoints(model.landmark_points(SCHEME), config)
        self.expression_unit = expression_unit(model)
        self.texture_name = texture


def new_network(config: DffTrainConfig, model: MorphableModel) -> TrainedDff:
    """The network of a run: random weights, whose numbers are zero.

    Raises:
        ConfigError: model or texture has fewer modes than the network gives, or they do not fit.
    """
    check_modes(model, config.texture, config.network)
    return TrainedDff(config.network, model, config.texture.name)


def prepare(network: TrainedDff, config: DffTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`; or put its mean face frontal into the crop.

    A run folder is one of this method. A name or a file are weights of the compact regressor, which learnt
    from labels in space: what begins with them has not learnt from photographs alone.

    Raises:
        ConfigError: the start or the convolutions do not fit, or layers that are to stay have no start.
        WeightsError: no such weights.
    """
    if config.network.frozen and not config.start:
        raise ConfigError(
            "network.frozen leaves the convolutions as they begin, with random weights: give a start."
        )
    if config.start and not Path(config.start).is_dir():
        sizes = config.network
        exported = regressor_weights(
            config.start,
            fits=sizes.backbone == "residual" and sizes.rotation == "six",
            only='a network with network.backbone = "residual" and network.rotation = "six"',
        )
        take_regressor(network, exported, first_crops(source, config.loop))
        return
    if config.start:
        begin_with_run(network, Path(config.start), config)
        network.steps.zero_()
        network.point_errors.zero_()
        return
    xy = load_model(config.face_model).landmark_points(SCHEME).neutral_model[:, :2]
    where = mean_translation(xy.min(axis=0), xy.max(axis=0), config.network, config.augment.crop_margin)
    network.translation_mean.copy_(torch.as_tensor(where))
    if config.conv_weights:
        load_convolutions(network, Path(config.conv_weights))


@torch.no_grad()
def take_regressor(network: TrainedDff, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give a network the compact regressor's layers, and its rows of pose and coefficients.

    Args:
        network: with backbone "residual" and rotation "six".
        exported: weights with at least as many coefficients.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: layers differ in size, or there are fewer coefficients.
    """
    config = network.config
    encoder = EncoderConfig(config.stem, config.stages, config.blocks)
    backbone = ResidualBackbone(config.crop_size, encoder, squeeze=config.squeeze, hidden=config.hidden)
    take_layers(backbone, exported, crops)
    network.features.load_state_dict(backbone.features.state_dict())
    network.hidden[0].load_state_dict(backbone.hidden[1].state_dict())
    scale = torch.exp(log_scale_at(exported, config.crop_size))
    network.translation_mean.copy_(
        torch.stack([0 * scale, 0 * scale, config.focal * config.crop_size / scale])
    )
    unit = torch.full((config.expression,), network.expression_unit)
    ones = torch.ones(config.identity)
    numbers = network.numbers.weight.split(config.sizes), network.numbers.bias.split(config.sizes)
    rows = {
        0: coefficient_rows(exported, "identity", 0 * ones, ones),
        2: coefficient_rows(exported, "expression", 0 * unit, unit),
        3: tuple(values[:6] for values in pose_rows(exported)),
        4: tuple(values[6:] for values in pose_rows(exported)),
    }
    for part, given in rows.items():
        for own, values in zip(numbers, given, strict=True):
            own[part].copy_(values)


def load_convolutions(network: DffNet, path: Path) -> None:
    """Take the convolutions of VGG-16 from a file; what else is in it is left.

    Raises:
        ConfigError: the network is another one, or the file lacks a tensor or holds one of another shape.
    """
    if network.config.backbone != "vgg16":
        raise ConfigError("conv_weights are VGG-16's: set network.backbone to 'vgg16', or leave them out.")
    advice = "Give a file of torch.save with tensors named features.0.weight, features.0.bias and so on."
    with foreign(ConfigError, f"{path} holds no convolutions of VGG-16", advice):
        state = torch.load(path, weights_only=True, map_location="cpu")
        own = {name.removeprefix("features."): v for name, v in state.items() if name.startswith("features.")}
        network.features.load_state_dict(own)


def loss_of(config: DffTrainConfig, network: TrainedDff, model: MorphableModel) -> DffLoss:
    """The losses of a run.

    Raises:
        ConfigError: descriptors are asked for and are not there.
        DataError: their run cannot be read.
    """
    surface = FaceSurface(model, config.texture, config.network)
    layout = model.schemes[SCHEME]
    skin = surface.skin.numpy()
    corners = np.searchsorted(skin, layout.vertex_index).clip(0, len(skin) - 1)
    return DffLoss(
        network,
        surface,
        ContourPoints(model, config.network) if config.loss.contour == "dynamic" else None,
        config.dff.open() if config.loss.w_dff else None,
        config.loss,
        labels=config.labels,
        steps=config.loop.steps,
        bf16=config.loop.precision == "bf16",
        bounds=model.expression_bounds,
        unit=network.expression_unit,
        landmark_corners=torch.as_tensor(corners),
        landmark_weights=torch.as_tensor(np.float32(layout.weights)),
    )


def estimate(network: TrainedDff, output: DffOutput, landmarks: CropLandmarks) -> CropEstimate:
    """What the network says, in terms that all methods share."""
    return CropEstimate(network.landmarks(output, output.picture.shape[-1]), output.rotation)
