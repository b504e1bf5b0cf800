"""`lineament info`: what is installed, and on which terms."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineament.cli.lines import say
from lineament.version import __version__

if TYPE_CHECKING:
    from lineament.bundle import Manifest
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
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Names or files of weights; all installed when left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON, for programs.")] = False,
) -> None:
    """Print versions, and the package, licence and training data of all weights; or of some, by name.

    What several trainings one after the other saw is named once; --json says all of each.
    """
    from lineament.weights import installed, is_path

    packages = _only(installed(), [name for name in names or [] if not is_path(name)], every=not names)
    files = [_row_of_file(name) for name in names or [] if is_path(name)]
    if as_json:
        typer.echo(json.dumps(_table(packages, files), indent=2))
        return
    if not names:
        _print_versions()
    for package in packages:
        for row in _rows(package):
            _print_weights(row, origin=f", from {package.package} {package.version}")
        if package.problem is not None:
            say(f"weights of {package.package} {package.version} cannot be used: {package.problem}")
        elif not package.entries:
            say(f"{package.package} {package.version}: no weights yet")
    for row in files:
        _print_weights(row, origin="")


def _only(packages: list[WeightsPackage], names: list[str], *, every: bool) -> list[WeightsPackage]:
    """The packages with the weights of these names alone; all of them where every one is wanted.

    Raises:
        WeightsError: no such name.
    """
    from lineament.weights import find

    if every:
        return packages
    wanted = {find(name).path for name in names}
    chosen = [
        replace(package, entries={name: row for name, row in package.entries.items() if row.path in wanted})
        for package in packages
    ]
    return [package for package in chosen if package.entries]


def _print_versions() -> None:
    """What is installed beside the weights."""
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    say(f"lineament {__version__}, Apache-2.0")
    say(f"Python {platform.python_version()}, {libraries}")
    say(f"ONNX Runtime can use {', '.join(_providers()) or 'nothing: it is not installed'}")
    say(f"face model: {FACE_MODEL}")


def _print_weights(row: dict[str, Any], *, origin: str) -> None:
    """A paragraph on weights."""
    state = f"{row['size_bytes'] / 1e6:.1f} MB" if row["is_present"] else "NOT INSTALLED"
    names = ", ".join([row["name"], *row["aliases"]])
    say(f"weights {names}: {row['method']}, {state}{origin}")
    say(f"  licence: {_once(row['licence'])}")
    say(f"  trained on {collections_of(row['data'])}")
    say(f"  may I use them at work? {row['at_work']}")
    if row["keys_not_measured"]:
        say(f"  expressions not measured, reported as 0: {', '.join(row['keys_not_measured'])}")


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


def _table(packages: list[WeightsPackage], files: list[dict[str, Any]]) -> dict[str, Any]:
    """All of it as JSON values; "files" only where files were asked for."""
    table = {
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
    return table | ({"files": files} if files else {})


def _rows(package: WeightsPackage) -> list[dict[str, Any]]:
    """A row for each of a package's weights."""
    return [
        {
            "name": entry.name,
            "aliases": [alias for alias, name in package.aliases.items() if name == entry.name],
            "method": entry.method,
            "size_bytes": entry.size_bytes,
            "is_present": entry.path.is_file(),
            **_terms(entry),
            "keys_not_measured": _not_measured(entry),
        }
        for entry in package.entries.values()
    ]


def _row_of_file(path: str) -> dict[str, Any]:
    """The row of weights that are no package's.

    Raises:
        WeightsError: there is no such file, or it is no weights.
    """
    from lineament.bundle import Bundle

    bundle = Bundle.open(path)
    return {
        "name": path,
        "aliases": [],
        "method": bundle.manifest.method,
        "size_bytes": bundle.path.stat().st_size,
        "is_present": True,
        **_terms(bundle.manifest),
        "keys_not_measured": _keys_not_measured(bundle.manifest),
    }


def _terms(weights: WeightsEntry | Manifest) -> dict[str, Any]:
    """What of a row says whether one may use the weights."""
    return {
        "licence": weights.licence,
        "data": weights.data,
        "research": weights.research,
        "at_work": AT_WORK[weights.research],
    }


def _not_measured(entry: WeightsEntry) -> list[str]:
    """Keys of expressions that the weights say they do not measure; none where the file is not there."""
    from lineament.bundle import Bundle
    from lineament.errors import LineamentError

    try:
        return _keys_not_measured(Bundle.open(entry.path).manifest) if entry.path.is_file() else []
    except LineamentError:
        return []  # what is wrong with the file is told by `lineament weights verify`


def _keys_not_measured(manifest: Manifest) -> list[str]:
    return [name for name, scale in manifest.expression_keys.items() if not scale.measured]


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
