"""SynergyNet's configuration, and what a new one begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.alignment_figures import SCHEME, CropEstimate, CropLandmarks
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import SYNERGYNET
from lineament.train.networks.synergynet import (
    DEPTH_TRANSLATION,
    POSE,
    SynergyConfig,
    SynergyNet,
    SynergyOutput,
)
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
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig

PUBLISHED = LoopConfig(
    batch=128,
    optimiser=OptimiserConfig(kind="sgd", learning_rate=0.01, weight_decay=5e-4, decay_vectors=True),
    schedule=replace(SYNERGYNET, warm_up=200),
)
"""0.08 for a batch of 1024, scaled to ours; a warm-up, because our batches are smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynergyTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        network: sizes and switches.
        loss: weights and forms of the terms.
        standardisation_crops: drawn to find the mean and standard deviation of poses in crops.
    """

    loop: LoopConfig = PUBLISHED
    network: SynergyConfig = SynergyConfig()
    loss: SynergyLossConfig = SynergyLossConfig()
    augment: AugmentConfig = AugmentConfig(crop_size=120)
    face_swap: float = 0.25
    standardisation_crops: int = 1024

    def __post_init__(self) -> None:
        """Refuse a result that the loss never asks for, and crops of another size than the network's."""
        CropTrainConfig.__post_init__(self)
        missing = {"pose", "shape", "expression"} - {*self.loss.targets}
        if self.network.landmarks == "geometry" and missing:
            raise ConfigError(
                f'network.landmarks = "geometry" needs all of the parameters, and loss.targets leaves '
                f"{', '.join(sorted(missing))} out: put them in, or ask for other landmarks."
            )


def synergy_net(config: SynergyConfig, model: MorphableModel) -> SynergyNet:
    """A network of random weights for a face model.

    Raises:
        ConfigError: the model has fewer modes than the network is to give.
    """
    found = (len(model.identity_basis), len(model.expression_basis))
    if found[0] < config.identity or found[1] < config.expression:
        raise ConfigError(
            f"The network is to give {config.identity} identity and {config.expression} expression values, "
            f"but {model!r} has {found[0]} and {found[1]}: set network.identity and network.expression."
        )
    return SynergyNet(config, model.landmark_points(SCHEME))


def new_network(config: SynergyTrainConfig, model: MorphableModel) -> SynergyNet:
    """The network of a run, with random weights."""
    return synergy_net(config.network, model)


def prepare(network: SynergyNet, config: SynergyTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`, and a standardisation where they bring none.

    A run folder is one of SynergyNet; a name or a file are weights of the compact regressor, with whose
    features and coefficients the backbone "residual" begins, and with whose pose the "rotation". What there
    is beside them is learned anew.

    Raises:
        ConfigError: the start does not fit.
        WeightsError: no such weights.
    """
    if config.network.frozen and not config.start:
        raise ConfigError(
            "network.frozen leaves the backbone as it begins, with random weights: give a start."
        )
    if config.start and Path(config.start).is_dir():
        begin_with_run(network, Path(config.start), config)
        return
    standardise(network, source, config.standardisation_crops, seed=config.loop.seed)
    if config.start:
        sizes = config.network
        exported = regressor_weights(
            config.start,
            fits=sizes.backbone == "residual" and not sizes.feature_layers,
            only='a network with network.backbone = "residual" and no feature_layers',
        )
        take_layers(network.backbone, exported, first_crops(source, config.loop))
        take_heads(network, exported)


@torch.no_grad()
def take_heads(network: SynergyNet, exported: ExportedNetwork) -> None:
    """Give the heads the regressor's rows, in the network's standardisation.

    That of the pose has the regressor's numbers where `network.pose` is "rotation"; another is left as it is.

    Args:
        network: with backbone "residual", standardised.
        exported: weights with at least as many coefficients.

    Raises:
        ConfigError: it has fewer.
    """
    rows = {}
    if network.config.pose == "rotation":
        network.log_scale_mean.copy_(log_scale_at(exported, network.config.crop_size))
        rows[0] = pose_rows(exported)
    _, *means = network.mean.split(network.sizes)
    _, *spreads = network.std.split(network.sizes)
    for number, kind in enumerate(("identity", "expression")):
        rows[number + 1] = coefficient_rows(exported, kind, means[number], spreads[number])
    for number, (weight, bias) in rows.items():
        head = network.heads[number][1]
        head.weight.copy_(weight)
        head.bias.copy_(bias)


@torch.no_grad()
def standardise(network: SynergyNet, source: CropSource, count: int, *, seed: int = 0) -> None:
    """Set the network's standardisation: poses as crops show them, coefficients as samples have them.

    Raises:
        DataError: the samples have fewer coefficients than the network gives.
    """
    _, identity, expression = network.sizes
    truth = fitted_faces(source, count, seed=seed, identity=identity, expression=expression)
    pose = network.parameters_of(truth)[:, :POSE]
    known = CoefficientStatistics.of(source)
    means = (pose.mean(0), known.identity_mean[:identity], known.expression_mean[:expression])
    stds = (pose.std(0), known.identity_std[:identity], known.expression_std[:expression])
    network.mean.copy_(torch.cat(means))
    network.std.copy_(torch.cat(stds))
    network.std[DEPTH_TRANSLATION] = 0.0  # labels have none: it is constant


def loss_of(config: SynergyTrainConfig, network: SynergyNet, model: MorphableModel) -> SynergyLoss:
    """The loss, in the network's standardisation."""
    return SynergyLoss(network, config.loss)


def estimate(network: SynergyNet, output: SynergyOutput, landmarks: CropLandmarks) -> CropEstimate:
    """What the network says, in terms that all methods share; coarse and refined landmarks beside it."""
    others = {"coarse": output.coarse} | ({} if output.refined is None else {"refined": output.refined})
    rotation = network.face_of(network.result_parameters(output)).rotation
    return CropEstimate(network.result_landmarks(output), rotation, others)
