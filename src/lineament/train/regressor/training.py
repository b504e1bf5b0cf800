"""The compact regressor's configuration, and what a new one begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.alignment_figures import CropEstimate, CropLandmarks
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource, StepBatches, crops_as_input, plain_batches
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.regressor import Regressor, RegressorConfig, RegressorOutput
from lineament.train.regressor.label_statistics import CoefficientStatistics
from lineament.train.regressor.losses import FaceLoss, FaceLossConfig
from lineament.train.regressor.warm_start import ExportedNetwork, start_from
from lineament.train.runs.crop_method import begin_with_run

START_BATCHES, START_ROWS = 8, 64
"""Batches of training crops, and their rows, on which the normalisation of given weights is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        network: sizes.
        loss: weights of the terms.
    """

    network: RegressorConfig = RegressorConfig()
    loss: FaceLossConfig = FaceLossConfig()


def new_network(config: TrainConfig, model: MorphableModel) -> Regressor:
    """A network of random weights."""
    return Regressor(config.network)


def prepare(network: Regressor, config: TrainConfig, source: CropSource) -> None:
    """Set a new network's means and standard deviations, and give it `config.start`'s weights."""
    if config.start and Path(config.start).is_dir():
        begin_regressor(network, "", config, source)
        begin_with_run(network, Path(config.start), config)
        return
    begin_regressor(network, config.start, config, source)


def begin_regressor(network: Regressor, start: str, config: CropTrainConfig, source: CropSource) -> None:
    """Set means and standard deviations as samples have them, and take exported weights.

    Args:
        network: with random weights.
        start: name of installed weights or a file; empty for none.
        config: of the run.
        source: of its crops.

    Raises:
        ConfigError: the weights are of other sizes, or not of a regressor.
        WeightsError: no such weights.
    """
    statistics = CoefficientStatistics.of(source)
    for each in fields(statistics):
        getattr(network, each.name).copy_(getattr(statistics, each.name))
    plain = plain_batches(source.sampler(validation=False), 64, torch.device("cpu"))
    scales = torch.cat([batch["scale"] for batch in plain])
    network.log_scale_mean.copy_(torch.log(scales).mean())
    if start:
        start_from(network, ExportedNetwork.read(start), first_crops(source, config.loop))


def regressor_weights(start: str, *, fits: bool, only: str) -> ExportedNetwork:
    """Weights of the compact regressor, for a network of another method to begin with.

    Args:
        start: name of installed weights or a file.
        fits: whether the network has the regressor's layers.
        only: which networks have, for the error.

    Raises:
        ConfigError: the network has other layers, or the weights are not of a regressor.
        WeightsError: no such weights.
    """
    exported = ExportedNetwork.read(start)
    if not fits:
        raise ConfigError(
            f"{start} are weights of the compact regressor: only {only} can begin with them. Set that, or "
            f"name the folder of a run of this method."
        )
    return exported


def first_crops(source: CropSource, loop: LoopConfig) -> Iterator[Tensor]:
    """Batches of (64, 3, S, S) training crops, on which the normalisation of given weights is measured."""
    batches = StepBatches(source, loop, first=0, rows=range(START_ROWS))
    return (crops_as_input(torch.as_tensor(batches[step]["crop"])) for step in range(START_BATCHES))


def loss_of(config: TrainConfig, network: Regressor, model: MorphableModel) -> FaceLoss:
    """The loss, in the network's units."""
    identity, expression = (std.cpu().numpy() for std in (network.identity_std, network.expression_std))
    return FaceLoss(model, config.network.crop_size, identity, expression, config.loss)


def estimate(network: Regressor, face: RegressorOutput, landmarks: CropLandmarks) -> CropEstimate:
    """What the network says, in terms that all methods share."""
    return CropEstimate(landmarks(face), face.rotation)
