"""What can be trained, by name; the only table of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lineament.errors import ConfigError
from lineament.train.detector import training as detector
from lineament.train.engine.config_file import read_config
from lineament.train.engine.processes import joined_processes
from lineament.train.regressor import training as regressor
from lineament.train.synergynet import ablation
from lineament.train.synergynet import training as synergynet


@dataclass(frozen=True, slots=True)
class Trainer:
    """One method's door.

    Attributes:
        config: the dataclass that its configuration files describe.
        train: takes a configuration and a run folder, and ``processes`` and ``seconds`` by name.
    """

    config: type[Any]
    train: Callable[..., object]


TRAINERS = {
    "ablation": Trainer(ablation.AblationConfig, ablation.train),
    "detector": Trainer(detector.DetectorTrainConfig, detector.train),
    "regressor": Trainer(regressor.TrainConfig, regressor.train),
    "synergynet": Trainer(synergynet.SynergyTrainConfig, synergynet.train),
}


def train_from_file(
    method: str,
    config: Path,
    out: Path,
    *,
    changes: Iterable[str] = (),
    threads: int | None = None,
    seconds: float | None = None,
) -> None:
    """Train what a configuration file describes, with all processes that ``torchrun`` started.

    Args:
        method: a name of :data:`TRAINERS`.
        config: TOML file.
        out: run folder.
        changes: of the configuration, see :func:`read_config`.
        threads: CPU threads; None takes all cores.
        seconds: after which to stop at a checkpoint.

    Raises:
        ConfigError: an unknown method, or a configuration that does not fit.
        DataError: the samples cannot be read.
    """
    if method not in TRAINERS:
        raise ConfigError(f"Cannot train {method!r}; choose from {', '.join(TRAINERS)}.")
    trainer = TRAINERS[method]
    chosen = read_config(config, trainer.config, changes=changes)
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")
    with joined_processes() as processes:
        trainer.train(chosen, out, processes=processes, seconds=seconds)
