"""`lineament import`: checkpoints that the authors of methods released, as weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.lines import say
from lineament.cli.training_wing import in_words, training_methods


def import_weights(
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help="dsfnet-, sadrnet-, synergynet-checkpoint.")],
    checkpoint: Annotated[Path, typer.Argument(help="The authors' file, which you have.")],
    bfm: Annotated[Path, typer.Option(help="Folder of the face model it needs, which you have too.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, such as theirs.lineament.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Of the network, such as landmarks=refined."),
    ] = None,
) -> None:
    """Convert a released checkpoint. Nothing of it comes with lineament."""
    from lineament.errors import ConfigError

    with in_words():
        known = training_methods().conversions()
        if kind not in known:
            raise ConfigError(f"Cannot import {kind!r}; choose from {', '.join(sorted(known))}.")
        say(str(known[kind].convert(checkpoint, bfm, out, changes=change or [])))
