"""SADRNet's configuration, and what a new one begins with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.alignment_figures import CropEstimate, CropLandmarks
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import SADRNET
from lineament.train.networks.sadrnet import SadrConfig, SadrNet, SadrOutput
from lineament.train.networks.sadrnet_residual import ResidualSadrNet
from lineament.train.regressor.training import begin_regressor
from lineament.train.runs.crop_method import begin_with_run
from lineament.train.sadrnet.chart import SadrChart
from lineament.train.sadrnet.loss import SadrLoss, SadrLossConfig
from lineament.train.sadrnet.self_alignment import MapLandmarks, SelfAlignment
from lineament.train.sadrnet.targets import SadrTargets

STEPS = 25 * 127_450 // 16
PUBLISHED = LoopConfig(
    steps=STEPS,
    batch=16,
    optimiser=OptimiserConfig(kind="adam", learning_rate=1e-4, weight_decay=0.0),
    schedule=replace(SADRNET, start=0.1, warm_up=4 * 127_450 // 16),
    save_every=2000,
)
"""25 epochs of 127,450 pictures; from 1e-5 to 1e-4 in four epochs, then 0.85 an epoch."""
PUBLISHED_AUGMENT = AugmentConfig(
    crop_size=256,
    crop_margin=1.5,
    tight_probability=0.0,
    loose_shift=0.1,
    loose_scale=0.1,
    loose_roll=0.0,
    max_roll=float(np.radians(90)),
    occluder_probability=0.25,
    grey_probability=0.0,
    blur_probability=0.0,
    noise_probability=0.0,
    jpeg_probability=0.0,
    border_probability=0.0,
)
"""As printed, with our own things in front of faces; a third of the crops is turned (0.25 in the code)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SadrTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest. The defaults are the paper's.

    Attributes:
        network: sizes and switches.
        loss: weights of the terms.
    """

    loop: LoopConfig = PUBLISHED
    network: SadrConfig = SadrConfig()
    loss: SadrLossConfig = SadrLossConfig()
    augment: AugmentConfig = PUBLISHED_AUGMENT


class ReadMaps(nn.Module):
    """What a network with a chart has beside its layers, so that its answers can be read and exported."""

    config: SadrConfig
    steps: torch.Tensor

    def know_chart(self, chart: SadrChart) -> None:
        """Take the tables of a chart and of its face model."""
        self.chart = chart
        self.align = SelfAlignment(self.config, chart)
        self.landmarks = MapLandmarks(chart.surface.model, chart, crop_size=self.config.crop_size)

    def estimate(self, found: SadrOutput) -> CropEstimate:
        """Landmarks and rotation of what the network found."""
        return self.landmarks(found, self.align(found))


class TrainedSadrNet(SadrNet, ReadMaps):
    """The paper's network, which knows its chart.

    Args:
        config: sizes and switches.
        chart: of the face model, of the size of the maps.
    """

    def __init__(self, config: SadrConfig, chart: SadrChart) -> None:
        super().__init__(config, torch.as_tensor(chart.mean_map))
        self.know_chart(chart)


class TrainedResidualNet(ResidualSadrNet, ReadMaps):
    """The network with the regressor's encoder, which knows its chart.

    Args:
        config: sizes and switches.
        chart: of the face model, of the size of the maps.
    """

    def __init__(self, config: SadrConfig, chart: SadrChart) -> None:
        tables = (chart.mean_map, chart.modes(), chart.surface.mask)
        identity = len(chart.surface.model.identity_basis)
        super().__init__(config, *map(torch.as_tensor, tables), identity=identity)
        self.know_chart(chart)


def new_network(config: SadrTrainConfig, model: MorphableModel) -> TrainedSadrNet | TrainedResidualNet:
    """The network of a run, with random weights; a neck without weight in its loss is not exported either.

    Raises:
        ConfigError: the model has no chart.
    """
    chart = SadrChart.of(model, size=config.network.maps, neck=config.loss.neck)
    kind = TrainedResidualNet if config.network.encoder == "residual" else TrainedSadrNet
    return kind(config.network, chart)


def prepare(
    network: TrainedSadrNet | TrainedResidualNet, config: SadrTrainConfig, source: CropSource
) -> None:
    """Give a new network the weights of `config.start`, if there are any.

    A run folder is one of SADRNet; a name or a file are weights of the compact regressor, with which the
    encoder "residual" begins.

    Raises:
        ConfigError: they do not fit.
        WeightsError: no such weights.
    """
    if config.start and Path(config.start).is_dir():
        begin_with_run(network, Path(config.start), config)
        network.steps.zero_()
    elif isinstance(network, TrainedResidualNet):
        begin_regressor(network.trunk, config.start, config, source)
    elif config.start:
        raise ConfigError(
            f"{config.start} is no run folder. Weights of the regressor are a start for a network with "
            f'network.encoder = "residual" alone: name the folder of a run, or set that.'
        )


def loss_of(
    config: SadrTrainConfig, network: TrainedSadrNet | TrainedResidualNet, model: MorphableModel
) -> SadrLoss:
    """The loss on the network's chart."""
    return SadrLoss(config.loss, network, network.chart, steps=config.loop.steps)


def targets_of(config: SadrTrainConfig) -> SadrTargets:
    """What worker processes make of each crop."""
    return SadrTargets(config.network.maps)


def estimate(network: ReadMaps, output: SadrOutput, landmarks: CropLandmarks) -> CropEstimate:
    """What the network says, in terms that all methods share."""
    return network.estimate(output)
