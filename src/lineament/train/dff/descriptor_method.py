"""The row of the descriptor network D: what it is trained on, how, and how well it matches.

    lineament train dff-descriptor --config FILE --out RUN
    lineament export RUN --out descriptor.lineament        # for other programs; L_dff reads the run

It may use fits, and does: the regressor that it teaches may not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lineament.bundle import CropSpec, FaceModelSpec, Manifest
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.models import load_model
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.pictures import CropPictures, PictureSource
from lineament.train.batches.samples import batches_of, crops_as_input, on_device
from lineament.train.dff.descriptor_loss import DescriptorLoss, DescriptorLossConfig
from lineament.train.dff.descriptor_pairs import PairSource
from lineament.train.dff.descriptors import UnitDescriptors, trained_descriptor
from lineament.train.dff.matching import matching_figures
from lineament.train.engine.face_model_record import record_of
from lineament.train.engine.loop import ALONE, LoopConfig, Run, Terms
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.processes import Processes
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.dff.descriptor import COMPACT, DescriptorConfig, DescriptorNet
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import one_crop_graph
from lineament.train.runs.method import TrainableMethod

LOOP = LoopConfig(
    steps=6_000,
    batch=16,
    optimiser=OptimiserConfig(kind="adam", learning_rate=1e-3, weight_decay=0.0),
    schedule=ScheduleConfig(warm_up=200),
    save_every=500,
)
AUGMENT = AugmentConfig(
    crop_size=COMPACT.crop_size,
    loose_roll=float(np.radians(15)),
    max_roll=float(np.radians(30)),
    occluder_probability=0.3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest. The defaults are the compact preset.

    A step's batch is of pairs, so it has twice as many crops.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes.
        loss: weights and forms of the terms.
        same_photo: fraction of pairs that are pictures of one photograph.
        validation_crops: pairs that figures are taken on.
    """

    loop: LoopConfig = LOOP
    network: DescriptorConfig = COMPACT
    loss: DescriptorLossConfig = DescriptorLossConfig()
    augment: AugmentConfig = AUGMENT
    same_photo: float = 0.5
    validation_crops: int = 128

    def __post_init__(self) -> None:
        """Refuse what pairs cannot have."""
        CropTrainConfig.__post_init__(self)
        if self.crops_by != "workers" or self.face_swap or self.start:
            raise ConfigError(
                "Pairs for descriptors are made by worker processes, of the samples' own faces, for a new "
                "network: leave crops_by, face_swap and start out."
            )

    @property
    def pairs(self) -> PairSource:
        """What is trained on."""
        return PairSource(self.data, self.augment, self.face_model, self.same_photo)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptorMethod(TrainableMethod[DescriptorTrainConfig]):
    """Pairs of crops to descriptors."""

    def train(
        self,
        config: DescriptorTrainConfig,
        out: Path,
        *,
        processes: Processes = ALONE,
        seconds: float | None = None,
    ) -> Path:
        """See :class:`TrainableMethod`."""
        device = processes.device
        torch.manual_seed(config.loop.seed)
        network = DescriptorNet(config.network).to(device, memory_format=torch.channels_last)
        run = Run(out, network, config.loop, processes=processes)
        loss = DescriptorLoss(config.loss)
        if processes.is_first:
            about = {"method": self.name, "face_model": record_of(load_model(config.face_model))}
            data = {"folders": config.data.manifest(), "start": None}
            run.folder.begin(config, data, step=run.step, about=about)

        def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> Terms:
            batch = on_device(batch, device)
            with config.loop.autocast(device):
                found = network(crops_as_input(batch["crop"].flatten(0, 1)))
            return loss(found, batch)

        held_out = config.pairs.steady(validation=True).open()

        def validate(ema: nn.Module) -> dict[str, float]:
            assert isinstance(ema, DescriptorNet)
            return matching_figures(UnitDescriptors(ema), held_out, config.validation_crops, device)

        batches = batches_of(config.pairs, config.loop, run.step, processes=processes, workers=config.workers)
        run.train(batches, terms_of, validate, seconds=seconds)
        return out

    def trained(self, run: Path) -> DescriptorNet:
        """See :class:`TrainableMethod`."""
        return trained_descriptor(run)

    def about(self, run: Path) -> Manifest:
        """See :class:`TrainableMethod`."""
        config = self.config_of(run)
        return replace(
            TrainableMethod.about(self, run),
            crop=CropSpec(config.network.crop_size, config.augment.crop_margin),
            face_model=FaceModelSpec(config.face_model),
        )

    def pictures(self, run: Path, *, samples: tuple[str, ...] = ()) -> PictureSource:
        """See :class:`TrainableMethod`."""
        return CropPictures(self.config_of(run), samples)


def _answers(network: DescriptorNet, crop: Tensor) -> tuple[Tensor, ...]:
    found = network(crop)
    return found.unit, torch.sigmoid(found.face)


DFF_DESCRIPTOR = DescriptorMethod(
    name="dff-descriptor",
    config=DescriptorTrainConfig,
    exporter=Exporter(
        method="dff-descriptor",
        # `crop` (n, S, S, 3) uint8 to `descriptors` (n, C, S, S) and `face` (n, S, S).
        graphs=one_crop_graph(
            _answers,
            outputs=("descriptors", "face"),
            tolerance={"descriptors": 1e-3, "face": 1e-2},
            half_tolerance={"descriptors": 0.1, "face": 0.3},
        ),
    ),
)
