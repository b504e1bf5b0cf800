"""Methods whose network takes crops of samples: one way to train them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from lineament.bundle import CropSpec, DetectorSpec, FaceModelSpec, Manifest
from lineament.bundle.plain_graph import DETECTOR
from lineament.data.crops.sampler import CropSampler
from lineament.data.labels.target_generator import TargetConfig
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.train.batches.alignment_figures import (
    NME,
    TRAIN_NME,
    CropEstimate,
    CropLandmarks,
    figures_on,
)
from lineament.train.batches.crop_run import CropTrainConfig, train_on_crops
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.pictures import CropPictures, PictureSource
from lineament.train.batches.samples import CropSource, crops_as_input, plain_batches
from lineament.train.engine.face_model_record import check_record, record_of
from lineament.train.engine.loop import ALONE, CHECKPOINT
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import ABOUT, CONFIG, read_table
from lineament.train.networks.regressor import RegressorOutput, rename_keys
from lineament.train.runs.method import TrainableMethod, ema_state

C = TypeVar("C", bound=CropTrainConfig)


@runtime_checkable
class KnowsItsCropSize(Protocol):
    """A network that can begin with one of its kind that was trained on smaller or larger crops."""

    def at_other_size(self, state: dict[str, Tensor], ratio: float) -> None:
        """Carry what is in px in the state of such a network into crops `ratio` times as large, in place."""


def no_targets(config: Any) -> None:  # noqa: ANN401
    """Labels are all that the loss compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropMethod(TrainableMethod[C]):
    """A network from crops to whatever its loss compares.

    Attributes:
        network: of a configuration and a face model, with random weights.
        prepare: gives a new network its statistics, and the weights of `config.start` where there are any;
            not called when a run goes on.
        loss: of a configuration, the network and the face model: a module that takes what the network gives
            and a :class:`LabelBatch`, and gives the terms, of which "loss" is minimised.
        targets: of a configuration: what is made of each crop's labels, which the loss finds in
            :attr:`LabelBatch.targets`; None where labels are all that it compares.
        occlusion: whether the loss asks for the mask of what hides the face.
        estimate: of the network, what it gave and the labels' :class:`CropLandmarks`: landmarks and rotation,
            from which the figures are taken that all methods share.
    """

    network: Callable[[C, MorphableModel], nn.Module]
    prepare: Callable[[Any, C, CropSource], None]
    loss: Callable[[C, Any, MorphableModel], nn.Module]
    targets: Callable[[C], TargetConfig | None] = no_targets
    occlusion: bool = False
    estimate: Callable[[Any, Any, CropLandmarks], CropEstimate]

    def train(
        self, config: C, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
    ) -> Path:
        """See :class:`TrainableMethod`.

        Raises:
            ConfigError: the run began with another face model.
            DataError: samples cannot be read.
        """
        source = self.source(config)
        plain = replace(source, occlusion=False, targets=None)
        held_out, known = (plain.sampler(validation=validation) for validation in (True, False))
        model = held_out.model
        network = self.begun_network(config, out, source, model, seed=config.loop.seed)

        def validate(ema_network: nn.Module) -> dict[str, float]:
            return self.figures_of_both(
                ema_network, held_out, known, config.validation_crops, processes.device
            )

        return train_on_crops(
            config,
            out,
            network,
            lambda network: self.loss(config, network, model),
            source,
            validate,
            about={"method": self.name, "face_model": record_of(model)},
            processes=processes,
            seconds=seconds,
        )

    def begun_network(
        self,
        config: C,
        out: Path,
        source: CropSource,
        model: MorphableModel,
        *,
        seed: int,
        device: torch.device | None = None,
    ) -> nn.Module:
        """The network that a run begins with; of one that goes on, before its checkpoint is read.

        Args:
            config: of the run.
            out: its folder.
            source: of its crops.
            model: the face model.
            seed: of random weights.
            device: to prepare it on; None for the CPU.

        Raises:
            ConfigError: the run began with another face model.
        """
        torch.manual_seed(seed)
        network = self.network(config, model).to(device or torch.device("cpu"))
        if (out / CHECKPOINT).exists():
            check_record(_record(out), model, where=out, schemes=True)
        else:
            self.prepare(network, config, source)
        return network

    def source(self, config: C) -> CropSource:
        """The crops of a run, with all that its loss asks for."""
        return CropSource(
            config.data,
            config.augment,
            config.face_model,
            swap_probability=config.face_swap,
            occlusion=self.occlusion,
            targets=self.targets(config),
        )

    def figures(
        self, network: nn.Module, sampler: CropSampler, count: int, device: torch.device
    ) -> dict[str, float]:
        """The figures of a network on undisturbed crops, under the names that all methods share.

        Args:
            network: in evaluation mode, on the device.
            sampler: of the crops.
            count: of crops.
            device: to compute on.
        """
        landmarks = CropLandmarks(sampler.model).to(device)

        def batches() -> Iterator[tuple[Tensor, RegressorOutput]]:
            for batch in plain_batches(sampler, count, device):
                yield batch["crop"], LabelBatch.of(batch).face

        def estimate(crops: Tensor) -> CropEstimate:
            return self.estimate(network, network(crops_as_input(crops)), landmarks)

        return figures_on(batches(), estimate, landmarks)

    def figures_of_both(
        self,
        network: nn.Module,
        held_out: CropSampler,
        known: CropSampler,
        count: int,
        device: torch.device,
    ) -> dict[str, float]:
        """The figures on people kept from training, and beside them the error on those trained on.

        Args:
            network: in evaluation mode, on the device.
            held_out: of crops of people kept from training.
            known: of crops of the others.
            count: of crops of each.
            device: to compute on.
        """
        figures = self.figures(network, held_out, count, device)
        own = self.figures(network, known, count, device)
        return figures | ({TRAIN_NME: own[NME]} if NME in own else {})

    def trained(self, run: Path) -> nn.Module:
        """See :class:`TrainableMethod`."""
        config = self.config_of(run)
        model = load_model(config.face_model)
        check_record(_record(run), model, where=run, schemes=False)
        network = self.network(config, model)
        network.load_state_dict(ema_state(run))
        return network.eval()

    def about(self, run: Path) -> Manifest:
        """See :class:`TrainableMethod`."""
        config = self.config_of(run)
        return replace(
            TrainableMethod.about(self, run),
            crop=CropSpec(config.network.crop_size, config.augment.crop_margin),
            face_model=FaceModelSpec(config.face_model),
            detector=DetectorSpec(DETECTOR),
        )

    def pictures(self, run: Path, *, samples: tuple[str, ...] = ()) -> PictureSource:
        """See :class:`TrainableMethod`."""
        return CropPictures(self.config_of(run), samples)


def begin_with_run(network: nn.Module, run: Path, config: CropTrainConfig) -> None:
    """Take over the averaged weights of another run; layers that it lacks stay as they are.

    A run on crops of another size is taken over where the network knows what of it is in px
    (:class:`KnowsItsCropSize`).

    Args:
        network: of the new run.
        run: folder of the other.
        config: of the new run.

    Raises:
        DataError: the folder holds no run.
        ConfigError: that run's network has layers that this one lacks, or has in another size, or it was
            trained on another face model.
    """
    check_record(_record(run), load_model(config.face_model), where=run, schemes=False)
    before, own = ema_state(run), network.state_dict()
    rename_keys(before, getattr(network, "former_names", {}))
    size = read_table(run, CONFIG)["network"]["crop_size"]
    if size != config.network.crop_size:
        if not isinstance(network, KnowsItsCropSize):
            raise ConfigError(
                f"{run} was trained on crops of {size} px, not {config.network.crop_size}: its statistics "
                f"would be wrong. Give both the same crop_size."
            )
        network.at_other_size(before, config.network.crop_size / size)
    wrong = [name for name in before if name in own and own[name].shape != before[name].shape]
    if not wrong:
        wrong = network.load_state_dict(before, strict=False).unexpected_keys
    if wrong:
        raise ConfigError(
            f"The network cannot begin with that of {run}: {len(wrong)} of its tensors do not fit "
            f"({', '.join(wrong[:3])}). Give both the same sizes, and the new one all parts of the other."
        )


def _record(run: Path) -> dict[str, str] | None:
    """What a run folder says of its face model; None where it is older than that."""
    return read_table(run, ABOUT).get("face_model") if (run / ABOUT).exists() else None
