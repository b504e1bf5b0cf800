"""What can be trained, by name; the only table of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from lineament.config_file import read_config
from lineament.errors import ConfigError, DataError
from lineament.files import working_folder
from lineament.train.closeup.method import CLOSEUP
from lineament.train.cprfa.method import CPRFA
from lineament.train.detector.method import DETECTOR
from lineament.train.dff.descriptor_method import DFF_DESCRIPTOR
from lineament.train.dff.method import DFF
from lineament.train.dsfnet.method import DSFNET
from lineament.train.engine.processes import Processes, joined_processes
from lineament.train.engine.run_folder import ABOUT, CONFIG, read_table
from lineament.train.occlusion.method import OCCLUSION
from lineament.train.onnx.exporter import USUAL, ExportOptions, export
from lineament.train.regressor.method import REGRESSOR
from lineament.train.runs.ablation import ablate, read_ablation
from lineament.train.runs.method import Conversion, TrainableMethod
from lineament.train.sadrnet.method import SADRNET
from lineament.train.synergynet.method import SYNERGYNET
from lineament.train.texture_gan.method import UV_GAN

METHODS: dict[str, TrainableMethod[Any]] = {
    row.name: row
    for row in (
        CLOSEUP,
        CPRFA,
        DETECTOR,
        DFF,
        DFF_DESCRIPTOR,
        DSFNET,
        OCCLUSION,
        REGRESSOR,
        SADRNET,
        SYNERGYNET,
        UV_GAN,
    )
}
"""Method by the name that ``lineament train`` knows it by."""


def method_named(name: str) -> TrainableMethod[Any]:
    """The row of a method.

    Raises:
        ConfigError: there is none of that name.
    """
    if name == "ablation":
        raise ConfigError(
            "Tables are made by a command of their own: "
            "lineament ablate synergynet --config FILE --out FOLDER."
        )
    if name not in METHODS:
        raise ConfigError(f"Cannot train {name!r}; choose from {', '.join(sorted(METHODS))}.")
    return METHODS[name]


def train(
    method: TrainableMethod[Any],
    config: Any,  # noqa: ANN401 - the method's
    out: Path,
    *,
    threads: int | None = None,
    seconds: float | None = None,
) -> Path:
    """Train, or go on training, with all processes that ``torchrun`` started.

    Args:
        method: a row of the table.
        config: its configuration.
        out: run folder; what is in it is gone on with.
        threads: CPU threads; None takes all cores.
        seconds: after which to stop at a checkpoint.

    Returns:
        The run folder.

    Raises:
        ConfigError: the configuration does not fit.
        DataError: the samples cannot be read.
        BlockingIOError: another run is writing into the folder.
    """
    with _processes(threads) as processes, _working(out, processes):
        return method.train(config, out, processes=processes, seconds=seconds)


def train_from_file(
    name: str,
    config: Path,
    out: Path,
    *,
    changes: Iterable[str] = (),
    threads: int | None = None,
    seconds: float | None = None,
) -> Path:
    """Train what a configuration file describes, with all processes that ``torchrun`` started.

    Args:
        name: of the method.
        config: TOML file.
        out: run folder.
        changes: of the configuration, see :func:`read_config`.
        threads: CPU threads; None takes all cores.
        seconds: after which to stop at a checkpoint.

    Returns:
        The run folder.

    Raises:
        ConfigError: an unknown method, or a configuration that does not fit.
        DataError: the samples cannot be read.
    """
    method = method_named(name)
    chosen = read_config(config, method.config, changes=changes)
    return train(method, chosen, out, threads=threads, seconds=seconds)


def ablate_from_file(
    name: str,
    config: Path,
    out: Path,
    *,
    changes: Iterable[str] = (),
    threads: int | None = None,
    seconds: float | None = None,
) -> Path:
    """Train the rows of a method's table, with all processes that ``torchrun`` started.

    Args:
        name: of the method.
        config: TOML file, see :func:`read_ablation`.
        out: folder of the table and its runs.
        changes: of the configuration.
        threads: CPU threads; None takes all cores.
        seconds: after which to stop at a checkpoint.

    Returns:
        The table in Markdown.

    Raises:
        ConfigError: an unknown method, one without variants, or a configuration that does not fit.
        DataError: the samples cannot be read.
    """
    table = read_ablation(method_named(name), config, changes=changes)
    with _processes(threads) as processes, _working(out, processes):
        return ablate(table, out, processes=processes, seconds=seconds)


def method_of_run(run: Path) -> TrainableMethod[Any]:
    """The method that a run folder says it trains.

    Raises:
        DataError: it is no run folder, or one of before December 2026, which does not say.
        ConfigError: it names a method that is not known here.
    """
    if (run / CONFIG).exists() and not (run / ABOUT).exists():
        raise DataError(f"{run} was begun before runs said what they train: name it with --method.")
    return method_named(str(read_table(run, ABOUT).get("method")))


def export_run(
    run: Path,
    out: Path,
    *,
    options: ExportOptions = USUAL,
    method: str | None = None,
    samples: tuple[str, ...] = (),
    interpolate: float | None = None,
    changes: Iterable[str] = (),
) -> Path:
    """Write the weights of a run as a bundle, once they agree with the network.

    Args:
        run: run folder.
        out: the file, with the suffix ".lineament".
        options: precision and flip ensemble.
        method: of the run, where its folder does not say.
        samples: folders of real pictures; those that the run was trained on when empty.
        interpolate: fraction of the run's end in a mean with the weights it began with; None takes the end.
        changes: which of the network's answers is the result, such as "landmarks=geometry".

    Raises:
        ConfigError: the method is not known, the run cannot be interpolated, or the network gives no such
            answer.
        DataError: the folder holds no run, or pictures are needed and are not here.
        ExportError: the graph does not agree with the network; nothing is written.
    """
    row = method_of_run(run) if method is None else method_named(method)
    network = row.trained(run) if interpolate is None else row.interpolated(run, interpolate, samples=samples)
    row.choose(network, changes)
    pictures = row.pictures(run, samples=samples)
    return export(row.exporter, network, out, manifest=row.about(run), pictures=pictures, options=options)


def conversions() -> dict[str, Conversion]:
    """What ``lineament import`` reads, by the name of its format."""
    rows = {f"{name}-checkpoint": row.conversion for name, row in METHODS.items()}
    return {name: conversion for name, conversion in rows.items() if conversion is not None}


def _working(out: Path, processes: Processes) -> AbstractContextManager[None]:
    """The run folder, which the first process keeps for this run alone."""
    return working_folder(out) if processes.is_first else nullcontext()


@contextmanager
def _processes(threads: int | None) -> Iterator[Processes]:
    """The processes of this run, with so many CPU threads."""
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")
    with joined_processes() as processes:
        yield processes
