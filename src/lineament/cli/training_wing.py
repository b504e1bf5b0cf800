"""What the commands about training share: the wing's door, and its errors in words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import typer

TRAINABLE = (
    "closeup",
    "cprfa",
    "detector",
    "dff",
    "dff-descriptor",
    "dsfnet",
    "occlusion",
    "regressor",
    "sadrnet",
    "synergynet",
    "uv-gan",
)
"""What `lineament train` knows, for help that is there without torch; a test compares it with the methods."""
ABLATED = ("closeup", "dff", "dsfnet", "occlusion", "regressor", "sadrnet", "synergynet", "uv-gan")
"""What `lineament ablate` knows: those with variants."""


@contextmanager
def in_words() -> Iterator[None]:
    """Print what goes wrong as one line, and exit with 1."""
    from lineament.cli.door import tell
    from lineament.errors import LineamentError

    try:
        yield
    except (LineamentError, BlockingIOError) as error:  # torchrun starts no door
        tell(error)
        raise typer.Exit(1) from error


def training_methods() -> ModuleType:
    """:mod:`lineament.train.methods`, with its log on the terminal.

    Raises:
        ConfigError: what training needs is not installed.
    """
    from lineament.errors import ConfigError

    try:
        from lineament.train import methods
    except ImportError as error:
        raise ConfigError(f"{error}. Training needs more: pip install 'lineament[train,data]'.") from error
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    return methods
