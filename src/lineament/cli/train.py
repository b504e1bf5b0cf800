"""`lineament train`: networks from labelled samples."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    method: Annotated[
        str, typer.Argument(help="regressor, synergynet, detector, or ablation (a table of SynergyNets).")
    ],
    config: Annotated[Path, typer.Option("--config", "-c", help="TOML file; see docs/training.md.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; what is in it is gone on with.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Replaces a value, such as loop.steps=100."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores when left out.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop at a checkpoint after so long; run again to go on.")
    ] = None,
) -> None:
    """Train a network, or go on training it.

    One process trains on one GPU, or on the CPU. `torchrun --nproc-per-node N -m lineament.cli.train METHOD
    ...` trains on N GPUs with the same batch shared out. The run folder gets the checkpoint, the log, the
    configuration, the commit, the data's checksums and the figures.
    """
    from lineament.errors import LineamentError

    try:
        _train(method, config, out, change or [], threads, minutes)
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _train(
    method: str, config: Path, out: Path, changes: list[str], threads: int | None, minutes: float | None
) -> None:
    from lineament.errors import ConfigError

    try:
        from lineament.train.trainers import train_from_file
    except ImportError as error:
        raise ConfigError(f"{error}. Training needs more: pip install 'lineament[train,data]'.") from error
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    seconds = None if minutes is None else 60 * minutes
    train_from_file(method, config, out, changes=changes, threads=threads, seconds=seconds)


if __name__ == "__main__":
    typer.run(train)
