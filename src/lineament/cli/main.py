"""The command line's door: `lineament --help` lists what is behind it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lineament.cli import data, weights
from lineament.cli.ablate import ablate
from lineament.cli.align import align
from lineament.cli.batch import batch
from lineament.cli.compare import compare
from lineament.cli.door import DoorGroup, enter
from lineament.cli.eval import evaluate
from lineament.cli.export_run import export
from lineament.cli.import_weights import import_weights
from lineament.cli.info import info
from lineament.cli.train import train
from lineament.cli.video import video
from lineament.cli.view import view
from lineament.version import __version__

app = typer.Typer(
    name="lineament",
    cls=DoorGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(ablate)
app.command()(align)
app.command()(batch)
app.command()(compare)
app.command(name="eval")(evaluate)
app.command()(export)
app.command(name="import")(import_weights)
app.command()(info)
app.command()(train)
app.command()(video)
app.command()(view)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lineament {__version__}")
        raise typer.Exit


@app.callback()
def lineament(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Dense 3D face alignment. Photographs stay on this machine: nothing here uses the network."""


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(enter(app))


if __name__ == "__main__":
    main()
