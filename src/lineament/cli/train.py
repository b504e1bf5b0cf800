"""`lineament train`: networks from labelled samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.training_wing import TRAINABLE, in_words, training_methods

Config = Annotated[Path, typer.Option("--config", "-c", help="TOML file; see docs/training.md.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Replaces a value, such as loop.steps=100."),
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores when left out.")]
Minutes = Annotated[
    float | None, typer.Option(min=0, help="Stop at a checkpoint after so long; run again to go on.")
]


def train(
    method: Annotated[str, typer.Argument(help=f"One of {', '.join(TRAINABLE)}.")],
    config: Config,
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder; what is in it is gone on with.")],
    change: Changes = None,
    threads: Threads = None,
    minutes: Minutes = None,
) -> None:
    """Train a network, or go on training it.

    One process trains on one GPU, or on the CPU. `torchrun --nproc-per-node N -m lineament.cli.train METHOD
    ...` trains on N GPUs with the same batch shared out. The run folder gets the checkpoint, the log, the
    configuration, the commit, the data's checksums and the figures. `lineament export` makes weights of it.
    """
    with in_words():
        seconds = None if minutes is None else 60 * minutes
        training_methods().train_from_file(
            method, config, out, changes=change or [], threads=threads, seconds=seconds
        )


if __name__ == "__main__":
    typer.run(train)
