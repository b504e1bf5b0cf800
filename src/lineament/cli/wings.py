"""What commands share that need more than the core: advice on what is missing, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

EXTRAS = {"h5py": "data", "numba": "data", "scipy": "data", "torch": "train,data", "onnx": "train,data"}


@contextmanager
def data_wing() -> Iterator[None]:
    """Turn a missing extra into advice, and errors into one line and the status 1."""
    from lineament.errors import LineamentError

    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        say(f"error: this command needs {error.name}: pip install 'lineament[{extra}]'", error=True)
        raise typer.Exit(1) from error
    except LineamentError as error:
        say(f"error: {error}", error=True)
        raise typer.Exit(1) from error


def say(line: str, *, error: bool = False) -> None:
    """Print a line at once, also into a pipe."""
    typer.echo(line, err=error)
    (sys.stderr if error else sys.stdout).flush()
