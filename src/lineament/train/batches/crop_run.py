"""What runs on crops have in common, whatever network they train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from lineament.errors import ConfigError
from lineament.network import OnnxNetwork
from lineament.train.batches.device_crops import device_batches
from lineament.train.batches.samples import LABELS, CropSource, Folders, batches_of, crops_as_input, on_device
from lineament.train.engine.loop import LoopConfig, Run, Terms
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import DATA, about_training
from lineament.train.networks.regressor import RegressorOutput
from lineament.weights import locate, sha256_of

CropMaker: TypeAlias = Literal["workers", "device"]
"""Worker processes decode, cut and disturb crop by crop; the device does it in batches out of its memory."""


class CropRunConfig(Protocol):
    """The part of a configuration that every such run has."""

    @property
    def loop(self) -> LoopConfig:
        """Steps, batch, optimiser, schedule."""

    @property
    def data(self) -> Folders:
        """Where samples lie."""

    @property
    def workers(self) -> int:
        """Processes that make batches, or decode pictures for the device."""

    @property
    def crops_by(self) -> CropMaker:
        """Who makes crops."""

    @property
    def start(self) -> str:
        """What the network begins with: a run folder or exported weights; empty for random weights."""


class HasCropSize(Protocol):
    """Part of a configuration that says how large crops are."""

    @property
    def crop_size(self) -> int:
        """Side, px."""


def check_crop_sizes(augment: HasCropSize, network: HasCropSize) -> None:
    """Refuse crops of another size than the network's.

    Raises:
        ConfigError: they differ.
    """
    if augment.crop_size != network.crop_size:
        raise ConfigError(
            f"augment.crop_size is {augment.crop_size} and network.crop_size {network.crop_size}: "
            f"make them equal."
        )


def truth_of(batch: dict[str, Tensor]) -> RegressorOutput:
    """Labels of a batch in the networks' own terms."""
    return RegressorOutput(*(batch[name] for name in LABELS))


def about_start(start: str) -> dict[str, str] | None:
    """What the weights that a run begins with were trained on: weights state all of their data.

    Args:
        start: run folder, name of the catalogue, or exported file; empty for none.
    """
    if not start:
        return None
    if Path(start).is_dir():
        return {"weights": start, **about_training(Path(start))}
    path = locate(start)
    metadata = OnnxNetwork(path, threads=1).metadata
    return {"weights": start, "sha256": sha256_of(path)} | {
        key: metadata.get(key, "not stated") for key in ("trained_on", "licence")
    }


def train_on_crops(
    config: CropRunConfig,
    out: Path,
    network: nn.Module,
    loss: nn.Module,
    source: CropSource,
    validate: Callable[[nn.Module], dict[str, float]],
    *,
    processes: Processes,
    seconds: float | None = None,
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Args:
        config: all of the run, as the folder is to remember it.
        out: run folder.
        network: takes crops as :func:`crops_as_input` gives them; moved to the processes' device.
        loss: takes what the network found and a batch's :func:`truth_of`, gives the terms.
        source: of the crops.
        validate: figures of the averaged network.
        processes: that train together.
        seconds: after which to stop at a checkpoint.

    Returns:
        The run folder.
    """
    device = processes.device
    network = network.to(device, memory_format=torch.channels_last)
    loss = loss.to(device)
    run = Run(out, network, config.loop, processes=processes)
    if processes.is_first:
        # What it began with is looked up once: a run that goes on may not find it any more.
        known = run.folder.read(DATA) if run.step else None
        start = about_start(config.start) if known is None else known.get("start")
        run.folder.begin(config, {"folders": config.data.manifest(), "start": start}, step=run.step)

    def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> Terms:
        batch = on_device(batch, device)
        with config.loop.autocast(device):
            found = network(crops_as_input(batch["crop"]))
        return loss(found, truth_of(batch))

    make = device_batches if config.crops_by == "device" else batches_of
    batches = make(source, config.loop, run.step, processes=processes, workers=config.workers)
    run.train(batches, terms_of, validate, seconds=seconds)
    return out
