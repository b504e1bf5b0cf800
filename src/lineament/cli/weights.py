"""`lineament weights`: which weights are installed, and whether they are whole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from lineament.cli.lines import say

if TYPE_CHECKING:
    from lineament.bundle import Bundle
    from lineament.weights import WeightsEntry

app = typer.Typer(no_args_is_help=True, help="Installed weights: list them, check that they are whole.")


@app.command(name="list")
def list_weights() -> None:
    """Print a line for each of the installed weights: name, method, size, package."""
    from lineament.weights import installed

    packages = installed()
    for package in packages:
        for entry in package.entries.values():
            aliases = [alias for alias, name in package.aliases.items() if name == entry.name]
            names = ", ".join([entry.name, *aliases])
            size = f"{entry.size_bytes / 1e6:.1f} MB"
            say(f"{names:30} {entry.method:20} {size:>8}  {package.package} {package.version}")


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Names or files of weights; all installed when left out."),
    ] = None,
) -> None:
    """Compare every byte of weights with their checksums; exit status 1 where one differs."""
    from lineament.errors import LineamentError
    from lineament.weights import find, installed, is_path

    packages = [] if names else installed()
    entries = [entry for package in packages for entry in package.entries.values()]
    entries += [find(name) for name in names or [] if not is_path(name)]
    problems = [f"{package.package}: {package.problem}" for package in packages if package.problem]
    for problem in problems:
        say(problem, error=True)
    checks = [(entry.name, partial(_verified, entry)) for entry in entries]
    checks += [(name, partial(_verified_file, name)) for name in names or [] if is_path(name)]
    failed = bool(problems)
    for name, checksum in checks:
        try:
            say(f"{name}: whole, SHA-256 {checksum()}")
        except LineamentError as error:
            failed = True
            say(f"{name}: {error}", error=True)
    if failed:
        raise typer.Exit(1)


def _verified(entry: WeightsEntry) -> str:
    """SHA-256 of a file that is as the index has it, with all in it as its own manifest has it.

    Raises:
        WeightsError: it is missing, or a part differs.
    """
    from lineament.bundle import Bundle
    from lineament.weights import check_file

    check_file(entry, whole=True)
    _verify_parts(Bundle.open(entry.path), name=entry.name)
    return entry.sha256


def _verified_file(path: str) -> str:
    """The same of a file that is in no index: only its own manifest says what its parts are.

    Raises:
        WeightsError: it is missing, or a part differs.
    """
    from lineament.bundle import Bundle
    from lineament.files import sha256_of

    bundle = Bundle.open(path)
    _verify_parts(bundle, name=path)
    return sha256_of(bundle.path)


def _verify_parts(bundle: Bundle, *, name: str) -> None:
    """Read everything in it, and say where it was made with another face model than ours.

    Raises:
        WeightsError: a part is damaged.
    """
    from lineament.files import sha256_of
    from lineament.models.builtin import BUILTIN_PATH

    bundle.verify()
    model = bundle.manifest.face_model
    if model is not None and model.name == "lfm" and model.sha256 not in (None, sha256_of(BUILTIN_PATH)):
        say(f"{name}: packed with another version of the face model lfm than is installed")
