"""The configuration of occlusion networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineament.data.crops.augment import AugmentConfig
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.networks.occlusion import OcclusionConfig, OcclusionNet
from lineament.train.occlusion.loss import OcclusionLoss, OcclusionLossConfig
from lineament.train.runs.crop_method import begin_with_run

OCCLUSION_AUGMENT = AugmentConfig(
    crop_size=64,
    tight_probability=1.0,
    tight_shift=0.03,
    tight_scale=0.05,
    occluder_probability=0.65,
    blur_probability=0.25,
    noise_probability=0.2,
    border_probability=0.08,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OcclusionTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        network: sizes.
        loss: weights of the terms.
    """

    network: OcclusionConfig = OcclusionConfig()
    loss: OcclusionLossConfig = OcclusionLossConfig()
    augment: AugmentConfig = OCCLUSION_AUGMENT


def new_network(config: OcclusionTrainConfig, model: MorphableModel) -> OcclusionNet:
    """A network of random weights."""
    return OcclusionNet(config.network)


def prepare(network: OcclusionNet, config: OcclusionTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`.

    Raises:
        ConfigError: they do not fit.
        DataError: the start is no run folder.
    """
    if config.start:
        begin_with_run(network, Path(config.start), config)


def loss_of(config: OcclusionTrainConfig, network: OcclusionNet, model: MorphableModel) -> OcclusionLoss:
    """The loss."""
    return OcclusionLoss(model, config.network.crop_size, config.loss)
