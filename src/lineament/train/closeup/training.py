"""The configuration of close-up networks, and what a new one begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.data.fitting.closeups import close_up_table
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource, StepBatches
from lineament.train.closeup.loss import CloseUpLoss, CloseUpLossConfig
from lineament.train.closeup.targets import KEYS, POINTS, SHOWN, CloseUpTargets
from lineament.train.networks.closeup import CloseUpConfig, CloseUpNet
from lineament.train.regressor.training import first_crops
from lineament.train.regressor.warm_start import ExportedNetwork, take_all
from lineament.train.runs.crop_method import begin_with_run

START_BATCHES, START_ROWS = 4, 256
"""Batches of crops, and their rows, on which means and standard deviations are measured."""
MIN_KEY_STD = 0.1
CLOSE_UP_AUGMENT = AugmentConfig(
    crop_size=64,
    close_up="eye",
    tight_shift=0.05,
    tight_scale=0.06,
    tight_roll=float(np.radians(5)),
    occluder_probability=0.04,
    grey_probability=0.15,
    blur_probability=0.25,
    noise_probability=0.2,
    jpeg_probability=0.15,
    border_probability=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUpTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        network: sizes, and which part.
        loss: weights of the terms.
    """

    network: CloseUpConfig = CloseUpConfig()
    loss: CloseUpLossConfig = CloseUpLossConfig()
    augment: AugmentConfig = CLOSE_UP_AUGMENT

    @property
    def start_graphs(self) -> tuple[str, ...]:
        """The part of weights with close-ups; a close-up's own file has one graph."""
        return (self.network.part, "network")

    def __post_init__(self) -> None:
        """Refuse crops of something else."""
        CropTrainConfig.__post_init__(self)
        if self.augment.close_up != self.network.part:
            raise ConfigError(
                f"augment.close_up is {self.augment.close_up!r} and network.part {self.network.part!r}: make "
                f"them equal."
            )


def new_network(config: CloseUpTrainConfig, model: MorphableModel) -> CloseUpNet:
    """A network of random weights."""
    table = close_up_table(config.network.part, config.network.crop_size)
    return CloseUpNet(config.network, points=table.vertex_index.shape[1], keys=len(table.keys[0]))


def prepare(network: CloseUpNet, config: CloseUpTrainConfig, source: CropSource) -> None:
    """Set a new network's means and standard deviations, and give it the weights of `config.start`.

    A start is a run folder, or weights by name or file: of a close-up, or of a method with close-ups such as
    "default", of which the same part is taken.

    Raises:
        ConfigError: they do not fit.
        DataError: the folder holds no run.
        WeightsError: no such weights.
    """
    if config.start and Path(config.start).is_dir():
        begin_with_run(network, Path(config.start), config)
        return
    if config.start:
        exported = ExportedNetwork.read(config.start, *config.start_graphs)
        take_all(network, exported, first_crops(source, config.loop))
        return
    batches = StepBatches(source, config.loop, first=0, rows=range(START_ROWS))
    arrays = [batches[step] for step in range(START_BATCHES)]
    points, keys, shown = (
        np.concatenate([batch[name] for batch in arrays]) for name in (POINTS, KEYS, SHOWN)
    )
    points, keys = points[shown > 0], keys[shown > 0]
    network.point_mean.copy_(torch.as_tensor(points.mean(0)))
    network.point_std.copy_(torch.as_tensor(points.std(0).mean()))
    network.key_mean.copy_(torch.as_tensor(keys.mean(0)))
    network.key_std.copy_(torch.as_tensor(np.maximum(keys.std(0), MIN_KEY_STD)))


def loss_of(config: CloseUpTrainConfig, network: CloseUpNet, model: MorphableModel) -> CloseUpLoss:
    """The loss."""
    table = close_up_table(config.network.part)
    turning = table.of(model)[0].turns.any(axis=(0, 2))
    return CloseUpLoss(table.keys[0], turning, config.loss)


def targets_of(config: CloseUpTrainConfig) -> CloseUpTargets:
    """What is made of each crop's labels."""
    return CloseUpTargets(config.network.part, config.network.crop_size)
