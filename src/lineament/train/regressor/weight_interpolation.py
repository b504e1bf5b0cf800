"""Weights between where a run began and where it ended.

A run that begins with given weights and learns from other pictures forgets some of what those could do. The
mean of both networks' weights keeps more of it than either (Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models"). Normalisation is measured anew, for its statistics do not mix.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from lineament.bundle import Bundle
from lineament.errors import ConfigError
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource, Folders, StepBatches, crops_as_input
from lineament.train.engine.run_folder import CONFIG, DATA, read_table
from lineament.train.regressor.warm_start import ExportedNetwork
from lineament.train.runs.method import TrainableMethod

Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config", bound=CropTrainConfig)
Begin: TypeAlias = Callable[[Any, ExportedNetwork, Iterable[Tensor]], None]

BATCHES, ROWS = 24, 128
"""Batches of training crops, and most of their rows, on which normalisation is measured."""


def interpolated(first: Network, last: Network, fraction: float, crops: Iterable[Tensor]) -> Network:
    """A network in evaluation mode with weights between those of two.

    Args:
        first: for a fraction of 0.
        last: for a fraction of 1; of the same sizes and units as the first.
        fraction: from 0 to 1.
        crops: batches of (B, 3, S, S) float crops as in training.

    Raises:
        ConfigError: the fraction is outside of 0 to 1.
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"The fraction of the trained weights is {fraction}; expected 0 to 1.")
    network = copy.deepcopy(last)
    begin, end = first.state_dict(), last.state_dict()
    network.load_state_dict(
        {
            name: torch.lerp(begin[name], values, fraction) if values.dtype.is_floating_point else values
            for name, values in end.items()
        }
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    network.train()
    with torch.no_grad():
        for batch in crops:
            network(batch)
    return network.eval()


def interpolation_of_run(
    method: TrainableMethod[Config],
    run: Path,
    fraction: float,
    *,
    begin: Begin,
    samples: Sequence[str] = (),
) -> nn.Module:
    """The network between a run's start and its averaged end.

    A run that goes on from another one's folder begins where that one began; or where that one ended, if that
    was with random weights.

    Args:
        method: of the run.
        run: folder.
        fraction: of the end.
        begin: gives a network of the run's kind the weights of an exported one.
        samples: folders on whose crops normalisation is measured, for a run from another machine; the run's
            own when empty.

    Raises:
        ConfigError: the run began with random weights, or with other ones than now have their name.
        DataError: the samples cannot be read.
    """
    config = method.config_of(run)
    if not config.start:
        raise ConfigError(f"{run} began with random weights: there is nothing to interpolate its end with.")
    beginning, began = _beginning(method, run, config)
    _check_start(beginning, began)
    folders = Folders(tuple(samples)) if samples else config.data
    source = CropSource(folders, config.augment, config.face_model)
    first_step = max(config.loop.steps - BATCHES, 0)
    batches = StepBatches(source, config.loop, first=first_step, rows=range(min(ROWS, config.loop.batch)))
    crops = [crops_as_input(torch.as_tensor(batches[n]["crop"])) for n in range(len(batches))]
    last = method.trained(run)
    first = copy.deepcopy(last)  # for its means and deviations
    if Path(began.start).is_dir():
        first.load_state_dict(method.trained(Path(began.start)).state_dict())
    else:
        begin(first, ExportedNetwork.read(began.start, *began.start_graphs), crops)
    return interpolated(first, last, fraction, crops)


def _beginning(method: TrainableMethod[Config], run: Path, config: Config) -> tuple[Path, Config]:
    """The first of the runs that went on from each other which began with given weights, and its config."""
    while (before := Path(config.start)).is_dir() and method.config_of(before).start:
        run, config = before, method.config_of(before)
    return run, config


def _check_start(run: Path, config: CropTrainConfig) -> None:
    start, began = config.start, (read_table(run, DATA).get("start") or {}).get("sha256")
    if began is None or Path(start).is_dir():
        return
    graphs = Bundle.open(start).manifest.graphs
    now = next((graphs[name].sha256 for name in config.start_graphs if name in graphs), None)
    if began != now:
        raise ConfigError(
            f"{run} began with other weights than {start!r} is now (checksums differ): name the file it "
            f"began with as `start` in {run / CONFIG}."
        )
