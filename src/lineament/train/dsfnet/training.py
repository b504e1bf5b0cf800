"""DSFNet's configuration, and what a new one begins with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lineament.data.crops.augment import AugmentConfig
from lineament.data.labels.label_surface import LabelSurface
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.uv import region_weight_map
from lineament.methods.dsfnet_points import FaceChart, crop_from_cloud
from lineament.models.regions import SCHEME as REGION_SCHEME
from lineament.models.regions import face_regions
from lineament.train.batches.alignment_figures import CropEstimate, CropLandmarks
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.dsfnet.loss import DsfLoss, DsfLossConfig
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import SADRNET
from lineament.train.networks.dsfnet.config import COMPACT, DsfConfig
from lineament.train.networks.dsfnet.faces import DsfOutput, Face, rotations_of
from lineament.train.networks.dsfnet.network import DsfNet, dsf_net
from lineament.train.networks.dsfnet.residual import RegressorBranch
from lineament.train.networks.residual_encoder import ResidualBackbone
from lineament.train.regressor.label_statistics import CoefficientStatistics, fitted_faces
from lineament.train.regressor.training import first_crops, regressor_weights
from lineament.train.regressor.warm_start import (
    ExportedNetwork,
    coefficient_rows,
    log_scale_at,
    pose_rows,
    take_layers,
)
from lineament.train.runs.crop_method import begin_with_run

PUBLISHED = LoopConfig(
    steps=306_125,
    batch=12,
    optimiser=OptimiserConfig(kind="adam", learning_rate=5e-5, weight_decay=1e-4, decay_vectors=True),
    schedule=replace(SADRNET, warm_up=40_816, start=0.1, periods=30),
)
"""30 epochs of 122,450 samples, the first four rising, 0.85 an epoch afterwards."""
OURS = LoopConfig(steps=10_000, batch=64, optimiser=OptimiserConfig(learning_rate=1.0e-3, weight_decay=0.01))


@dataclass(frozen=True, slots=True, kw_only=True)
class DsfTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        network: sizes and switches; the compact preset unless something else is asked for.
        loss: weights and forms of the terms.
        standardisation_crops: drawn to find the spread of poses in crops.
    """

    loop: LoopConfig = OURS
    network: DsfConfig = COMPACT
    loss: DsfLossConfig = DsfLossConfig()
    augment: AugmentConfig = AugmentConfig(crop_size=COMPACT.crop_size, occluder_probability=0.5)
    standardisation_crops: int = 1024


def new_network(config: DsfTrainConfig, model: MorphableModel) -> DsfNet:
    """The network of a run, with random weights.

    Raises:
        ConfigError: the model has fewer modes than the network is to give, or no chart.
    """
    wanted = (config.network.identity, config.network.expression)
    found = (len(model.identity_basis), len(model.expression_basis))
    if found[0] < wanted[0] or found[1] < wanted[1]:
        raise ConfigError(
            f"The network is to give {wanted[0]} identity and {wanted[1]} expression values, but {model!r} "
            f"has {found[0]} and {found[1]}: set network.identity and network.expression."
        )
    try:
        surface = LabelSurface.of(model, size=config.network.map_size)
    except ValueError as error:
        raise ConfigError(f"{error} Choose another face_model.") from error
    return dsf_net(config.network, model, surface.triangles)


def prepare(network: DsfNet, config: DsfTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`, and a whitening where they bring none.

    A run folder is one of DSFNet; a name or a file are weights of the compact regressor, which the residual
    backbone and its model-space branch begin with. All else is then learned anew.

    Raises:
        ConfigError: the start does not fit, or what is frozen has nothing to begin with.
        WeightsError: no such weights.
    """
    if config.start and Path(config.start).is_dir():
        begin_with_run(network, Path(config.start), config)
        return
    if config.network.frozen and not config.start:
        raise ConfigError(
            "network.residual.frozen keeps the encoder as it begins, and it would begin with random weights: "
            "set start to weights of the compact regressor or a run, or leave frozen out."
        )
    standardise(network, source, config.standardisation_crops, seed=config.loop.seed)
    if config.start:
        exported = regressor_weights(
            config.start,
            fits=config.network.backbone == "residual",
            only='a network with network.backbone = "residual"',
        )
        crops = first_crops(replace(source, targets=None), config.loop)
        if config.network.frozen:  # its normalisations do the same whatever they are measured on
            crops = islice(crops, 1)
        take_regressor(network, exported, crops)


@torch.no_grad()
def take_regressor(network: DsfNet, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give the residual backbone and its model-space branch a regressor's weights, in the own whitening.

    Args:
        network: with the residual backbone, whitened.
        exported: weights with as many coefficients.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: layers differ in size.
    """
    sizes, branch = network.config.residual, network.model_branch
    backbone = ResidualBackbone(
        network.config.crop_size, sizes.convolutions, squeeze=sizes.squeeze, hidden=sizes.hidden
    )
    take_layers(backbone, exported, crops)
    count = len(network.encoder.features)
    network.encoder.features.load_state_dict(backbone.features[:count].state_dict())
    squeeze = nn.Sequential(*backbone.features[count:].children())
    branch.squeeze.load_state_dict(squeeze.state_dict())
    branch.hidden.load_state_dict(backbone.hidden.state_dict())
    branch.log_scale_mean.copy_(log_scale_at(exported, network.config.crop_size))
    rows = [pose_rows(exported)]
    for kind in ("identity", "expression"):
        mean, spread = getattr(network, f"{kind}_mean"), getattr(network, f"{kind}_std")
        rows.append(coefficient_rows(exported, kind, mean, spread))
    branch.heads.weight.copy_(torch.cat([weight for weight, _ in rows]))
    branch.heads.bias.copy_(torch.cat([bias for _, bias in rows]))


@torch.no_grad()
def standardise(network: DsfNet, source: CropSource, count: int, *, seed: int = 0) -> None:
    """Set the network's whitening: poses as crops show them, coefficients as samples have them.

    Raises:
        DataError: the samples have fewer coefficients than the network gives.
    """
    wanted = network.config
    truth = fitted_faces(source, count, seed=seed, identity=wanted.identity, expression=wanted.expression)
    pose = network.coefficients_of_labels(truth).pose
    network.pose_mean.copy_(pose.mean(0))
    network.pose_std.copy_(pose.std(0))
    if isinstance(network.model_branch, RegressorBranch):
        network.model_branch.log_scale_mean.copy_(torch.log(truth.scale).mean())
    statistics = CoefficientStatistics.of(source)
    for each in fields(statistics):
        kept = getattr(network, each.name)
        kept.copy_(getattr(statistics, each.name)[: len(kept)])


def loss_of(config: DsfTrainConfig, network: DsfNet, model: MorphableModel) -> DsfLoss:
    """The loss, in the network's frames."""
    return DsfLoss(network, config.loss, torch.as_tensor(position_weights(network.chart)))


def position_weights(chart: FaceChart) -> np.ndarray:
    """(T,) weights of texels in the loss of positions, 16 : 12 : 3 : 0 with mean 1.

    The under-jaw has none. All count alike on a model without the landmarks that regions are found by.
    """
    model = chart.model
    if REGION_SCHEME not in model.schemes:
        return np.ones(len(chart.texel), np.float32)
    layout = model.schemes[REGION_SCHEME]
    landmark_uv = np.einsum("pck,pc->pk", model.uv[layout.vertex_index], layout.weights)
    weights = region_weight_map(chart.uv_map, face_regions(model), landmark_uv).ravel()[chart.texel]
    return (weights / weights.mean()).astype(np.float32)


def estimate(network: DsfNet, output: DsfOutput, landmarks: CropLandmarks) -> CropEstimate:
    """What the network says, in terms that all methods share; each branch's landmarks beside it."""
    branches = ["ms", *(["is"] if output.image is not None else []), *(["f"] if output.fused else [])]
    faces = {branch: network.face(output, branch) for branch in branches}
    others = {branch: _landmarks_crop(face, network) for branch, face in faces.items()}
    own = network.config.output
    return CropEstimate(others[own], rotations_of(faces[own]), others)


def _landmarks_crop(face: Face, network: DsfNet) -> Tensor:
    """(B, 68, 3) crop px."""
    found = crop_from_cloud(face.landmarks.double().cpu().numpy(), network.config.crop_size)
    return torch.as_tensor(found).to(face.landmarks)
