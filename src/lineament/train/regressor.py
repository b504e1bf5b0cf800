"""Trains the compact regressor: ``python -m lineament.train.regressor --samples FOLDER --out RUN``.

Resumes from the checkpoint in the run folder. Every batch is a function of the seed and the step's number, so
a run that was interrupted sees the same data as one that was not.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from lineament.data.augment import AugmentConfig
from lineament.data.mixture import Mixture
from lineament.data.sample_store import SampleStore
from lineament.data.shards import read_manifest
from lineament.data.view_store import CropBatch, CropSampler, ViewStore
from lineament.errors import DataError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.train.loop import LoopConfig, Run
from lineament.train.losses import FaceLoss, FaceLossConfig
from lineament.train.networks.regressor import Regressor, RegressorConfig, RegressorOutput

LEAST_SPREAD = 0.02
LABELS = ("rotation", "scale", "translation", "identity", "expression")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All of a training run."""

    loop: LoopConfig = LoopConfig()
    network: RegressorConfig = RegressorConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: FaceLossConfig = FaceLossConfig()


@dataclass(frozen=True, slots=True)
class Folders:
    """Where training samples lie.

    Attributes:
        samples: folders of shards (:mod:`lineament.data.shards`).
        weights: how often each folder is drawn from; none draws all samples alike.
        views: folders of the older kind (:mod:`lineament.data.views`), counted after the others.
    """

    samples: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    views: tuple[str, ...] = ()

    def opened(self, *, validation: bool) -> Mixture:
        """All of one side of the split by person; DataError where a folder or a weight is missing.

        Folders that keep nobody from training, such as rendered faces, are left out of the validation side.
        """
        folders = [Path(folder) for folder in self.samples + self.views]
        if self.weights and len(self.weights) != len(folders):
            raise DataError(f"{len(folders)} folders need as many weights, found {len(self.weights)}.")
        stores, weights, views = [], [], {Path(folder) for folder in self.views}
        for folder, weight in zip(folders, self.weights or [1.0] * len(folders)):
            if folder in views:
                stores.append(ViewStore(folder, validation=validation))
            elif not validation or any(entry.validation for entry in read_manifest(folder)[1]):
                stores.append(SampleStore(folder, validation=validation))
            else:
                continue
            weights.append(weight)
        return Mixture(stores, weights if self.weights else None)


class StepBatches(Dataset[dict[str, np.ndarray]]):
    """Batch number `step`, made when asked for."""

    def __init__(self, folders: Folders, config: TrainConfig, first: int) -> None:
        self._folders, self._config, self._first = folders, config, first
        self._sampler: CropSampler | None = None

    def __len__(self) -> int:
        """Steps that remain."""
        return self._config.loop.steps - self._first

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        """The batch of a step as arrays."""
        if self._sampler is None:
            # Opened in the worker: memory maps and models are not sent between processes.
            store = self._folders.opened(validation=False)
            self._sampler = CropSampler(store, load_model("lfm"), self._config.augment)
        seed = [self._config.loop.seed, self._first + number]
        rows = [np.random.default_rng([*seed, row]) for row in range(self._config.loop.batch)]
        return _arrays(self._sampler.rows(rows))


def _arrays(batch: CropBatch) -> dict[str, np.ndarray]:
    return {name: getattr(batch, name) for name in ("crop", *LABELS)}


def crops_as_input(crop: Tensor, device: torch.device) -> Tensor:
    """(B, S, S, 3) uint8 crops as the network's (B, 3, S, S) float input, channels last in memory."""
    return crop.to(device, non_blocking=True).permute(0, 3, 1, 2).float()


def truth_of(batch: dict[str, Tensor], device: torch.device) -> RegressorOutput:
    """Labels of a batch in the network's own terms."""
    return RegressorOutput(*(batch[name].to(device, non_blocking=True) for name in LABELS))


def validation_figures(
    network: nn.Module, sampler: CropSampler, loss: FaceLoss, device: torch.device, count: int = 512
) -> dict[str, float]:
    """NME of the 68 landmarks, percent of the root of their box's area, on plain views of unseen people."""
    numbers = np.linspace(0, len(sampler.store) - 1, count).astype(int)
    errors = []
    for part in np.array_split(numbers, max(count // 128, 1)):
        batch = {name: torch.as_tensor(a) for name, a in _arrays(sampler.plain_batch(part)).items()}
        with torch.no_grad():
            truth = truth_of(batch, device)
            found = network(crops_as_input(batch["crop"], device))
            expected, seen = (loss.points_crop(face)[:, :68, :2] for face in (truth, found))
        size = (expected.amax(1) - expected.amin(1)).prod(1).sqrt()
        errors.append(((seen - expected).norm(dim=-1).mean(1) / size).cpu())
    return {"validation_nme_percent": 100 * float(torch.cat(errors).mean())}


def train(config: TrainConfig, folders: Folders, out: Path, *, workers: int, device: torch.device) -> None:
    """Train, or go on training, in the run folder `out`."""
    model: MorphableModel = load_model("lfm")
    held_out = CropSampler(folders.opened(validation=True), model, config.augment)
    statistics = folders.opened(validation=False).coefficient_statistics()
    identity_mean, identity_spread, expression_mean, expression_spread = map(torch.as_tensor, statistics)
    torch.manual_seed(config.loop.seed)
    network = Regressor(config.network)
    network.identity_mean.copy_(identity_mean)
    network.identity_spread.copy_(identity_spread.clamp(min=LEAST_SPREAD))
    network.expression_mean.copy_(expression_mean)
    network.expression_spread.copy_(expression_spread.clamp(min=LEAST_SPREAD))
    some = held_out.plain_batch(np.arange(min(64, len(held_out.store))))
    network.log_scale_mean.copy_(torch.log(torch.as_tensor(some.scale)).mean())
    network = network.to(device, memory_format=torch.channels_last)
    loss = FaceLoss(
        model,
        config.network.crop_size,
        network.identity_spread.cpu().numpy(),
        network.expression_spread.cpu().numpy(),
        config.loss,
    ).to(device)
    run = Run(out, network, config.loop)
    (out / "config.json").write_text(json.dumps(asdict(config) | {"data": asdict(folders)}, indent=1))

    def terms_of(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        crops = crops_as_input(batch["crop"], device)
        with torch.autocast(device.type, torch.bfloat16):
            found = network(crops)
        return loss(found, truth_of(batch, device))

    loader = DataLoader(
        StepBatches(folders, config, run.step),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    run.train(loader, terms_of, lambda averaged: validation_figures(averaged, held_out, loss, device))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", nargs="+", default=[], help="folders of shards")
    parser.add_argument("--weights", type=float, nargs="+", default=[], help="one a folder")
    parser.add_argument("--views", nargs="+", default=[], help="folders of lineament.data.views")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=LoopConfig().steps)
    parser.add_argument("--batch", type=int, default=LoopConfig().batch)
    parser.add_argument("--learning-rate", type=float, default=LoopConfig().learning_rate)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if given.threads:
        torch.set_num_threads(given.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loop = replace(LoopConfig(), steps=given.steps, batch=given.batch, learning_rate=given.learning_rate)
    folders = Folders(tuple(given.samples), tuple(given.weights), tuple(given.views))
    train(TrainConfig(loop=loop), folders, given.out, workers=given.workers, device=device)


if __name__ == "__main__":
    main()
