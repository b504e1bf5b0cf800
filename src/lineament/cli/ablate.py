"""`lineament ablate`: the table that takes a method apart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.train import Changes, Config, Minutes, Threads
from lineament.cli.training_wing import ABLATED, in_words, training_methods


def ablate(
    method: Annotated[str, typer.Argument(help=f"A method with variants: {', '.join(ABLATED)}.")],
    config: Config,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the table and of a run for each row.")],
    change: Changes = None,
    threads: Threads = None,
    minutes: Minutes = None,
) -> None:
    r"""Train the variants of a method with equal budgets, and print them beside the published figures.

    In the file `base` is a training's configuration; `variants` chooses rows, `seeds` repeats them, and
    `\[pretraining]` trains once what all rows begin with. The folder gets ablation.md and ablation.json.
    The same command again goes on where it stopped.
    """
    with in_words():
        seconds = None if minutes is None else 60 * minutes
        training_methods().ablate_from_file(
            method, config, out, changes=change or [], threads=threads, seconds=seconds
        )


if __name__ == "__main__":
    typer.run(ablate)
