"""Trains the compact regressor: ``python -m lineament.train.regressor.training --samples FOLDER --out RUN``.

Resumes from the checkpoint in the run folder. ``lineament train regressor --config FILE`` does the same with
all options.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.train.batches.crop_run import CropMaker, check_crop_sizes, train_on_crops, truth_of
from lineament.train.batches.samples import CropSource, Folders, StepBatches, crops_as_input, plain_batches
from lineament.train.engine.loop import ALONE, CHECKPOINT, LoopConfig
from lineament.train.engine.processes import Processes, joined_processes
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.regressor.losses import FaceLoss, FaceLossConfig
from lineament.train.regressor.warm_start import ExportedRegressor, start_from

LEAST_SPREAD = 0.1
"""Of coefficients: one that hardly differs between people would otherwise count as much as the first."""
START_BATCHES, START_ROWS = 8, 64
"""Batches of training crops, and their rows, on which the normalisation of given weights is measured."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All of a training run.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes; its `crop_size` must be the crops'.
        augment: crops and disturbances.
        loss: weights of the terms.
        data: where samples lie.
        face_model: the model their coefficients belong to.
        workers: processes that make batches, or decode pictures for the device.
        crops_by: "device" keeps all pictures in the GPU's memory and makes crops there.
        validation_crops: undisturbed crops of unseen people that figures are taken on.
        start: weights to start from: a name of the catalogue or an exported file; empty for random ones.
    """

    loop: LoopConfig = LoopConfig()
    network: RegressorConfig = RegressorConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: FaceLossConfig = FaceLossConfig()
    data: Folders = Folders()
    face_model: str = "lfm"
    workers: int = 1
    crops_by: CropMaker = "workers"
    validation_crops: int = 512
    start: str = ""

    def __post_init__(self) -> None:
        """Refuse crops of another size than the network's."""
        check_crop_sizes(self.augment, self.network)


def validation_figures(
    network: nn.Module, sampler: CropSampler, loss: FaceLoss, device: torch.device, count: int = 512
) -> dict[str, float]:
    """NME of the 68 landmarks, percent of the root of their box's area, on plain views of unseen people."""
    errors = []
    for batch in plain_batches(sampler, count, device):
        with torch.no_grad():
            truth, found = truth_of(batch), network(crops_as_input(batch["crop"]))
            expected, seen = (loss.points_crop(face)[:, :68, :2] for face in (truth, found))
        size = (expected.amax(1) - expected.amin(1)).prod(1).sqrt()
        errors.append(((seen - expected).norm(dim=-1).mean(1) / size).cpu())
    return {"validation_nme_percent": 100 * float(torch.cat(errors).mean())}


def prepared_network(config: TrainConfig, source: CropSource) -> Regressor:
    """A network that knows the spread of what it is to learn, with random weights or `config.start`'s."""
    torch.manual_seed(config.loop.seed)
    network = Regressor(config.network)
    statistics = source.folders.opened(validation=False).coefficient_statistics()
    names = ("identity_mean", "identity_spread", "expression_mean", "expression_spread")
    for name, values in zip(names, map(torch.as_tensor, statistics), strict=True):
        getattr(network, name).copy_(values.clamp(min=LEAST_SPREAD) if "spread" in name else values)
    plain = plain_batches(source.sampler(validation=False), 64, torch.device("cpu"))
    scales = torch.cat([batch["scale"] for batch in plain])
    network.log_scale_mean.copy_(torch.log(scales).mean())
    if config.start:
        batches = StepBatches(source, config.loop, first=0, rows=range(START_ROWS))
        crops = (crops_as_input(torch.as_tensor(batches[step]["crop"])) for step in range(START_BATCHES))
        start_from(network, ExportedRegressor.read(config.start), crops)
    return network


def train(
    config: TrainConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Returns:
        The run folder.
    """
    source = CropSource(config.data, config.augment, config.face_model)
    held_out = source.sampler(validation=True)
    goes_on = (out / CHECKPOINT).exists()  # then what it began with is not needed, and may be gone
    network = prepared_network(replace(config, start="") if goes_on else config, source)
    loss = FaceLoss(
        held_out.model,
        config.network.crop_size,
        network.identity_spread.numpy(),
        network.expression_spread.numpy(),
        config.loss,
    )

    def validate(averaged: nn.Module) -> dict[str, float]:
        return validation_figures(averaged, held_out, loss, processes.device, config.validation_crops)

    return train_on_crops(config, out, network, loss, source, validate, processes=processes, seconds=seconds)


def main() -> None:
    """Command line with the options that change most often."""
    defaults = TrainConfig()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", nargs="+", required=True, help="folders of shards")
    parser.add_argument("--weights", type=float, nargs="+", default=[], help="one a folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=defaults.loop.steps)
    parser.add_argument("--batch", type=int, default=defaults.loop.batch)
    parser.add_argument("--learning-rate", type=float, default=defaults.loop.optimiser.learning_rate)
    parser.add_argument("--workers", type=int, default=defaults.workers)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if given.threads:
        torch.set_num_threads(given.threads)
    optimiser = replace(defaults.loop.optimiser, learning_rate=given.learning_rate)
    loop = replace(defaults.loop, steps=given.steps, batch=given.batch, optimiser=optimiser)
    data = Folders(tuple(given.samples), tuple(given.weights))
    with joined_processes() as processes:
        config = replace(defaults, loop=loop, data=data, workers=given.workers)
        train(config, given.out, processes=processes)


if __name__ == "__main__":
    main()
