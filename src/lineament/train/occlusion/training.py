"""The configuration of occlusion networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineament.bundle import Bundle
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.methods.occlusion_network import OCCLUSION
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource
from lineament.train.networks.occlusion import OcclusionConfig, OcclusionNet
from lineament.train.occlusion.loss import OcclusionLoss, OcclusionLossConfig
from lineament.train.regressor.training import first_crops
from lineament.train.regressor.warm_start import ExportedNetwork, take_own
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

    @property
    def start_graphs(self) -> tuple[str, ...]:
        """Of weights that have one beside other networks, or its own file."""
        return (OCCLUSION, "network")


def new_network(config: OcclusionTrainConfig, model: MorphableModel) -> OcclusionNet:
    """A network of random weights."""
    return OcclusionNet(config.network)


def prepare(network: OcclusionNet, config: OcclusionTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`.

    A start is a run folder, or weights by name or file: of an occlusion network, or of a method that has one
    such as "default".

    Raises:
        ConfigError: they do not fit, or have no such network.
        DataError: the folder holds no run.
        WeightsError: no such weights.
    """
    if config.start and Path(config.start).is_dir():
        begin_with_run(network, Path(config.start), config)
    elif config.start:
        exported = ExportedNetwork.of_graph(Bundle.open(config.start), *config.start_graphs)
        if exported is None:
            raise ConfigError(
                f"{config.start} has no network that sees what is in front of a face: start with a run, or "
                f'with weights that have one, such as "default".'
            )
        take_own(network, exported, first_crops(source, config.loop))


def loss_of(config: OcclusionTrainConfig, network: OcclusionNet, model: MorphableModel) -> OcclusionLoss:
    """The loss."""
    return OcclusionLoss(model, config.network.crop_size, config.loss)
