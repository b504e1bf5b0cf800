"""What commands share that need more than the core: advice on what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import typer

from lineament.cli.lines import say

EXTRAS = {"h5py": "data", "numba": "data", "scipy": "data", "torch": "train,data", "onnx": "train,data"}


@contextmanager
def data_wing() -> Iterator[None]:
    """Turn a missing extra into advice and the status 1.

    A package that is there and lacks a part of itself is no missing extra: its own error says more.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(package)
        if extra is None or find_spec(package) is not None:
            raise
        say(f"error: this command needs {package}: pip install 'lineament[{extra}]'", error=True)
        raise typer.Exit(1) from error
