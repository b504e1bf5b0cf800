"""What is known of a method that can be trained: one row of :data:`lineament.train.methods.METHODS`."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from lineament.bundle import Manifest
from lineament.config_file import apply_changes, from_table
from lineament.errors import ConfigError, DataError
from lineament.files import is_plain_name
from lineament.foreign import foreign
from lineament.train.batches.pictures import PictureSource
from lineament.train.engine.loop import ALONE, CHECKPOINT
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import CONFIG, FIGURES, about_training, read_table
from lineament.train.onnx.exporter import Exporter

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of an ablation table.

    Attributes:
        changes: of the base's configuration, nested ones in nested tables of keys.
        published: the paper's NME of all yaw bins on AFLW2000-3D, percent; None where it has none.
        published_pose: the paper's mean absolute error of yaw, pitch and roll there, degrees; None likewise.
        fits_pretraining: whether its network can begin with the table's shared pretraining.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    published: float | None = None
    published_pose: float | None = None
    fits_pretraining: bool = True


@dataclass(frozen=True, slots=True)
class Ablation:
    """The table that a method's paper has, or ours.

    Attributes:
        base: configuration of the rows where a file names none: a small budget.
        variants: rows by name, in the table's order.
        shared: changes of the base that give what all rows have in common, which pretraining trains; None
            where rows have nothing in common.
    """

    base: Any
    variants: Mapping[str, Variant]
    shared: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """The authors' released checkpoint as weights of ours.

    Attributes:
        title: what it is, for the help of the command.
        convert: of the checkpoint, the folder of the face model that it needs, and the file to write;
            `changes` are of the network's configuration, such as "landmarks=refined".
    """

    title: str
    convert: Callable[..., Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainableMethod(ABC, Generic[C]):
    """One method: how it is configured, trained, exported and taken apart.

    Attributes:
        name: what ``lineament train`` calls it.
        config: the dataclass that its configuration files describe.
        exporter: its networks as graphs.
        ablation: rows of its table; None where it has none.
        conversion: of the authors' checkpoint, ``lineament import NAME-checkpoint``; None without one.
        choices: keys of the network's configuration that say which of its answers is the result, and may be
            changed when a run is exported.
    """

    name: str
    config: type[C]
    exporter: Exporter
    ablation: Ablation | None = None
    conversion: Conversion | None = None
    choices: tuple[str, ...] = ()

    @abstractmethod
    def train(
        self, config: C, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
    ) -> Path:
        """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

        Returns:
            The run folder.
        """

    @abstractmethod
    def trained(self, run: Path) -> nn.Module:
        """The averaged network of a run folder, in evaluation mode.

        Raises:
            DataError: the folder holds no run.
            ConfigError: the face model that it was trained on is not here any more.
        """

    def about(self, run: Path) -> Manifest:
        """What exported weights of a run say of themselves, their graphs aside.

        Methods add their crop, face model and detector, where they have such.

        Raises:
            DataError: the run folder has no record of its data, figures or configuration.
        """
        data = about_training(run)
        return Manifest(
            name=run.name if is_plain_name(run.name) else self.name,
            method=self.exporter.method,
            data=data["trained_on"],
            licence=data["licence"],
            research="research" in data["licence"],
            trained={"as": self.name, "figures": read_table(run, FIGURES)},
        )

    @abstractmethod
    def pictures(self, run: Path, *, samples: tuple[str, ...] = ()) -> PictureSource:
        """Real pictures for a run's network, on which its exports are calibrated and checked.

        Args:
            run: the run folder.
            samples: folders to take them from; those that the run was trained on when empty.
        """

    def interpolated(self, run: Path, fraction: float, *, samples: tuple[str, ...] = ()) -> nn.Module:
        """A network between what a run began with and its end; only some methods have one.

        Args:
            run: the run folder.
            fraction: of the end.
            samples: folders on whose crops normalisation is measured; the run's own when empty.

        Raises:
            DataError: this method has none, or the samples cannot be read.
            ConfigError: the run began with random weights.
        """
        raise DataError(f"The weights of {self.name} cannot be interpolated: leave --interpolate out.")

    def choose(self, network: nn.Module, changes: Iterable[str]) -> None:
        """Change which of a trained network's answers is the result.

        Args:
            network: of :meth:`trained`; its configuration is replaced.
            changes: such as "landmarks=geometry", of keys in `choices`.

        Raises:
            ConfigError: another key, or an answer that this network does not give.
        """
        changes = tuple(changes)
        keys = [change.partition("=")[0].strip() for change in changes]
        unknown = [key for key in keys if key not in self.choices]
        if unknown:
            what = (
                f"only {', '.join(self.choices)} of a {self.name}"
                if self.choices
                else f"no key of {self.name}"
            )
            raise ConfigError(f"--set {unknown[0]}: {what} can be changed after training.")
        if changes:
            network.config = apply_changes(network.config, changes)

    def config_of(self, run: Path) -> C:
        """The configuration of a run folder.

        Raises:
            DataError: the folder holds no run.
        """
        return from_table(self.config, read_table(run, CONFIG), where=str(run / CONFIG), former=True)


def ema_state(run: Path) -> dict[str, torch.Tensor]:
    """The averaged weights of a run folder's checkpoint.

    Raises:
        DataError: the folder holds no checkpoint.
    """
    advice = "Name the folder of a run, or train it again."
    with foreign(DataError, f"{run} is no run folder with a checkpoint", advice):
        state = torch.load(run / CHECKPOINT, weights_only=True, map_location="cpu")
        average: dict[str, torch.Tensor] = dict(state["average"])
    return average


def changed(config: Any, changes: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any configuration
    """A configuration with some values replaced, nested ones by nested tables."""
    values = {
        name: changed(getattr(config, name), value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    return dataclasses.replace(config, **values)
