"""`lineament weights`: which weights are installed, and whether they are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lineament.weights import WeightsEntry

app = typer.Typer(no_args_is_help=True, help="Installed weights: list them, check that they are whole.")


@app.command(name="list")
def list_weights() -> None:
    """Print a line for each of the installed weights: name, method, size, package."""
    from lineament.errors import LineamentError
    from lineament.weights import installed

    try:
        packages = installed()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for package in packages:
        for entry in package.entries.values():
            aliases = [alias for alias, name in package.aliases.items() if name == entry.name]
            names = ", ".join([entry.name, *aliases])
            size = f"{entry.size_bytes / 1e6:.1f} MB"
            typer.echo(f"{names:30} {entry.method:20} {size:>8}  {package.package} {package.version}")


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of the weights; all of them when left out.")
    ] = None,
) -> None:
    """Compare every byte of installed weights with their checksums; exit status 1 where one differs."""
    from lineament.errors import LineamentError
    from lineament.weights import find, installed

    failed = False
    try:
        packages = [] if name else installed()
        entries = [find(name)] if name else [e for package in packages for e in package.entries.values()]
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for package in packages:
        if package.problem is not None:
            failed = True
            typer.echo(f"{package.package}: {package.problem}", err=True)
    for entry in entries:
        try:
            _verify(entry)
        except LineamentError as error:
            failed = True
            typer.echo(f"{entry.name}: {error}", err=True)
        else:
            typer.echo(f"{entry.name}: whole, SHA-256 {entry.sha256}")
    if failed:
        raise typer.Exit(1)


def _verify(entry: WeightsEntry) -> None:
    """The file as the index has it, and all that is in it as its own manifest has it."""
    from lineament.bundle import Bundle
    from lineament.files import sha256_of
    from lineament.models.builtin import BUILTIN_PATH
    from lineament.weights import check_file

    check_file(entry, whole=True)
    bundle = Bundle.open(entry.path)
    bundle.verify()
    model = bundle.manifest.face_model
    if model is not None and model.name == "lfm" and model.sha256 not in (None, sha256_of(BUILTIN_PATH)):
        typer.echo(f"{entry.name}: packed with another version of the face model lfm than is installed")
