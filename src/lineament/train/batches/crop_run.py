"""What runs on crops have in common, whatever network they train."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from lineament.bundle import Bundle
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError
from lineament.train.batches.device_batches import device_batches
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import CropSource, Folders, batches_of, crops_as_input, on_device
from lineament.train.engine.loop import LoopConfig, Run, Terms
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import DATA, about_training

log = logging.getLogger(__name__)

CropGenerator: TypeAlias = Literal["workers", "device"]
"""Worker processes decode, cut and disturb crop by crop; the device does it in batches out of its memory."""


class HasCropSize(Protocol):
    """Part of a configuration that says how large crops are."""

    @property
    def crop_size(self) -> int:
        """Side, px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropTrainConfig:
    """What every run on crops is configured by; a method adds its network and its loss.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes and switches; its `crop_size` must be the crops'.
        augment: crops and disturbances.
        data: where samples lie.
        face_model: the model their coefficients belong to.
        face_swap: probability of a crop that shows somebody else's skin on the fitted mesh.
        workers: processes that make batches, or decode pictures for the device.
        crops_by: "device" keeps all pictures in the GPU's memory and makes crops there; where faces are
            swapped it gives way to "workers", with a warning.
        validation_crops: undisturbed crops that figures are taken on, of people kept from training and as
            many of the others.
        start: weights to begin with: a run folder, a name, or a file; empty for random ones. SynergyNet also
            begins with a run on smaller or larger crops.
    """

    loop: LoopConfig = LoopConfig()
    network: HasCropSize
    augment: AugmentConfig = AugmentConfig()
    data: Folders = Folders()
    face_model: str = "lfm"
    face_swap: float = 0.0
    workers: int = 1
    crops_by: CropGenerator = "workers"
    validation_crops: int = 512
    start: str = ""

    @property
    def start_graphs(self) -> tuple[str, ...]:
        """Graphs of exported weights that a run may begin with; the first that they have is taken."""
        return ("network",)

    def __post_init__(self) -> None:
        """Refuse crops of another size than the network's."""
        if self.augment.crop_size != self.network.crop_size:
            raise ConfigError(
                f"augment.crop_size is {self.augment.crop_size} and network.crop_size "
                f"{self.network.crop_size}: make them equal."
            )


def about_start(start: str, graphs: Sequence[str] = ("network",)) -> dict[str, str] | None:
    """What the weights that a run begins with were trained on: weights state all of their data.

    Args:
        start: run folder, name of installed weights, or exported file; empty for none.
        graphs: of exported weights, of which the first that they have is begun with.
    """
    if not start:
        return None
    if Path(start).is_dir():
        return {"weights": start, **about_training(Path(start))}
    manifest = Bundle.open(start).manifest
    graph = next(graph for graph in graphs if graph in manifest.graphs)
    return {
        "weights": start,
        "sha256": manifest.graphs[graph].sha256,
        "trained_on": manifest.data_of(graph),
        "licence": manifest.licence,
    }


def begin_folder(run: Run, config: CropTrainConfig, *, about: Mapping[str, Any]) -> None:
    """Write into a run's folder what is about to be trained, on what, and what it began with.

    Args:
        run: new, or about to go on.
        config: all of it.
        about: what is trained: its "method", and the record of the "face_model".
    """
    # What it began with is looked up once: a run that goes on may not find it any more.
    known = run.folder.read(DATA) if run.step else None
    start = about_start(config.start, config.start_graphs) if known is None else known.get("start")
    run.folder.begin(config, {"folders": config.data.manifest(), "start": start}, step=run.step, about=about)


def train_on_crops(
    config: CropTrainConfig,
    out: Path,
    network: nn.Module,
    loss_of: Callable[[nn.Module], nn.Module],
    source: CropSource,
    validate: Callable[[nn.Module], dict[str, float]],
    *,
    about: Mapping[str, Any],
    processes: Processes,
    seconds: float | None = None,
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Args:
        config: all of the run, as the folder is to remember it.
        out: run folder.
        network: takes crops as :func:`crops_as_input` gives them; moved to the processes' device.
        loss_of: the loss for the network as it is when training begins; takes what the network found and a
            :class:`LabelBatch`, gives the terms.
        source: of the crops.
        validate: figures of the averaged network.
        about: what the run folder remembers beside the configuration and the data.
        processes: that train together.
        seconds: after which to stop at a checkpoint.

    Returns:
        The run folder.
    """
    device = processes.device
    network = network.to(device, memory_format=torch.channels_last)
    run = Run(out, network, config.loop, processes=processes)
    loss = loss_of(run.network).to(device)
    if processes.is_first:
        begin_folder(run, config, about=about)

    def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> Terms:
        batch = on_device(batch, device)
        with config.loop.autocast(device):
            found = network(crops_as_input(batch["crop"]))
        return loss(found, LabelBatch.of(batch))

    make = device_batches if _makes_crops(config) == "device" else batches_of
    batches = make(source, config.loop, run.step, processes=processes, workers=config.workers)
    run.train(batches, terms_of, validate, seconds=seconds)
    return out


def _makes_crops(config: CropTrainConfig) -> CropGenerator:
    """Who makes the crops: what the configuration says, but swapped faces are drawn by worker processes."""
    if config.crops_by == "device" and config.face_swap:
        log.warning(
            "Faces are swapped by worker processes only, so %d of them make the crops, not the device. For "
            "crops made on the device set face_swap = 0.",
            config.workers,
        )
        return "workers"
    return config.crops_by
