"""`lineament info`: what is installed, and on which terms."""

from __future__ import annotations

import platform
from importlib import import_module

import typer

from lineament.version import __version__


def info() -> None:
    """Print versions, and each network's licence and training data."""
    from lineament.errors import LineamentError
    from lineament.weights import catalogue

    typer.echo(f"lineament {__version__}, Apache-2.0")
    libraries = ", ".join(f"{name} {_version(name)}" for name in ("numpy", "onnxruntime", "pillow"))
    typer.echo(f"Python {platform.python_version()}, {libraries}")
    typer.echo("face model: lfm, computed from ICT-FaceKit (MIT, USC Institute for Creative Technologies)")
    try:
        entries = catalogue()
    except LineamentError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for entry in entries.values():
        state = f"{entry.size_bytes / 1e6:.1f} MB" if entry.path.is_file() else "NOT INSTALLED"
        typer.echo(f"weights {entry.name}: {entry.method}, {state}, {entry.licence}")
        typer.echo(f"  trained on {entry.trained_on}")


def _version(library: str) -> str:
    """Of an installed library: ONNX Runtime comes under other names for other devices."""
    try:
        return str(import_module({"pillow": "PIL"}.get(library, library)).__version__)
    except ImportError:
        return "not installed"
