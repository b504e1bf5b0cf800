"""`lineament info`: what is installed, and on which terms."""

from __future__ import annotations

import json
import platform
import re
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineament.version import __version__

if TYPE_CHECKING:
    from lineament.weights import WeightsEntry, WeightsPackage

FACE_MODEL = "lfm, computed from ICT-FaceKit (MIT, USC Institute for Creative Technologies)"
AT_WORK = {
    False: "Yes: neither their licence nor any of the data they learned from is for research alone.",
    True: "Their licence says yes. A part of the photographs they learned from was collected for research; "
    'whether that matters is yours to judge. "open" learned from none of those.',
}
"""By whether a part of the data is for research only."""
BEGUN = "begun with weights that were trained on "
SAMPLES = r"[\d,]+ samples of "
LIBRARIES = ("numpy", "onnxruntime", "pillow")


def info(
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON, for programs.")] = False,
) -> None:
    """Print versions, and the package, licence and training data of all weights.

    What several trainings one after the other saw is named once; --json says all of each.
    """
    from lineament.errors import LineamentError
    from lineament.weights import installed

    try:
        packages = installed()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(_table(packages), indent=2))
        return
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    typer.echo(f"lineament {__version__}, Apache-2.0")
    typer.echo(f"Python {platform.python_version()}, {libraries}")
    typer.echo(f"ONNX Runtime can use {', '.join(_providers()) or 'nothing: it is not installed'}")
    typer.echo(f"face model: {FACE_MODEL}")
    for package in packages:
        for row in _rows(package):
            state = f"{row['size_bytes'] / 1e6:.1f} MB" if row["is_present"] else "NOT INSTALLED"
            names = ", ".join([row["name"], *row["aliases"]])
            typer.echo(f"weights {names}: {row['method']}, {state}, from {package.package} {package.version}")
            typer.echo(f"  licence: {_once(row['licence'])}")
            typer.echo(f"  trained on {collections_of(row['data'])}")
            typer.echo(f"  may I use them at work? {row['at_work']}")
            if row["keys_not_measured"]:
                typer.echo(
                    f"  expressions not measured, reported as 0: {', '.join(row['keys_not_measured'])}"
                )
        if package.problem is not None:
            typer.echo(f"weights of {package.package} {package.version} cannot be used: {package.problem}")
        elif not package.entries:
            typer.echo(f"{package.package} {package.version}: no weights yet")


def collections_of(data: str) -> str:
    """What weights were trained on, every collection once, without how many samples of it were whose.

    Args:
        data: as a bundle says it: clauses of "N samples of" collections, of each network and of what it began
            with.
    """
    named: dict[str, None] = {}
    for clause in data.replace(BEGUN, "").split("; "):
        collections = re.sub(rf"^(?:[\w ]+: )?{SAMPLES}", "", clause)
        named.update(dict.fromkeys([clause] if collections == clause else collections.split(", ")))
    return ", ".join(named)


def _once(clauses: str) -> str:
    """The same without clauses that were there before."""
    return "; ".join(dict.fromkeys(re.split(r"; | \| ", clauses)))


def _table(packages: list[WeightsPackage]) -> dict[str, Any]:
    """All of it as JSON values."""
    return {
        "lineament": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "providers": _providers(),
        "face_model": FACE_MODEL,
        "packages": [
            {
                "package": package.package,
                "version": package.version,
                "problem": package.problem,
                "weights": _rows(package),
            }
            for package in packages
        ],
    }


def _rows(package: WeightsPackage) -> list[dict[str, Any]]:
    """A row for each of a package's weights."""
    return [
        {
            "name": entry.name,
            "aliases": [alias for alias, name in package.aliases.items() if name == entry.name],
            "method": entry.method,
            "size_bytes": entry.size_bytes,
            "is_present": entry.path.is_file(),
            "licence": entry.licence,
            "data": entry.data,
            "research": entry.research,
            "at_work": AT_WORK[entry.research],
            "keys_not_measured": _not_measured(entry),
        }
        for entry in package.entries.values()
    ]


def _not_measured(entry: WeightsEntry) -> list[str]:
    """Keys of expressions that the weights say they do not measure; none where the file is not there."""
    from lineament.bundle import Bundle
    from lineament.errors import LineamentError

    try:
        keys = Bundle.open(entry.path).manifest.expression_keys if entry.path.is_file() else {}
    except LineamentError:
        return []  # what is wrong with the file is told by `lineament weights verify`
    return [name for name, scale in keys.items() if not scale.measured]


def _providers() -> list[str]:
    """Of the ONNX Runtime that is installed."""
    from lineament.errors import LineamentError
    from lineament.runtime import load_runtime

    try:
        return list(load_runtime().get_available_providers())
    except LineamentError:
        return []


def _version(library: str) -> str:
    """Of an installed library: ONNX Runtime comes under other names for other devices."""
    try:
        return str(import_module({"pillow": "PIL"}.get(library, library)).__version__)
    except ImportError:
        return "not installed"
