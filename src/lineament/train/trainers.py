"""What can be trained, by name; the only table of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lineament.train import ablation, detector, regressor, synergynet


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
