"""Whether options are numbers, and the ranges of those of configurations and recipes, by their names."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np

from lineament.errors import ConfigError

COUNT = (0, 10**9)
RANGES: dict[str, tuple[float, float]] = {
    "batch": (1, 65_536),
    "max_grad_norm": (1e-9, 1e9),
    "count": COUNT,
    "expression_ridge_mm": (1e-3, 1000),
    "face": (16, 4096),
    "fresh": (0, 1),
    "held_out": COUNT,
    "learning_rate": (0, 100),
    "min_face": (8, 100_000),
    "log_every": (1, 10**9),
    "momentum": (0, 1),
    "max_residual": (1e-6, 10),
    "max_yaw_deg": (0, 180),
    "photos_a_shard": (1, 100_000),
    "quality": (1, 100),
    "save_every": (1, 10**9),
    "seed": (0, 2**63 - 1),
    "probability": (0, 1),
    "size": (32, 4096),
    "steps": (1, 10**9),
    "warm_up": COUNT,
    "weight_decay": (0, 100),
    "workers": (0, 1024),
}
"""Least and greatest value that makes sense. Other names only have to be finite."""


def check_kind(name: str, value: object, *, whole: bool = False) -> None:
    """Refuse an option of a function that is no number; of which range it must be, its owner says.

    Args:
        name: of the option.
        value: given for it.
        whole: whether it counts something.

    Raises:
        ConfigError: says what it is.
    """
    kind = Integral if whole else Real
    if isinstance(value, kind) and not isinstance(value, bool | np.bool_):
        return
    what = "a whole number" if whole else "a number"
    raise ConfigError(f"{name} must be {what}, found {value!r} ({type(value).__name__}).")


def check_count(name: str, value: int, advice: str, *, most: float = math.inf) -> None:
    """Refuse an option of a function that counts something and is not from one on, up to `most`.

    Args:
        name: of the option.
        value: given for it.
        advice: a sentence that ends the message.
        most: the greatest that is allowed.

    Raises:
        ConfigError: says what it is, and the range.
    """
    check_kind(name, value, whole=True)
    if not 1 <= value <= most:
        bound = "" if most == math.inf else f" and at most {most}"
        raise ConfigError(f"{name} must be at least 1{bound}, found {value}. {advice}")


def check_number(name: str, value: object, *, where: str) -> None:
    """Refuse a number out of the range of its field; what is no number passes.

    Args:
        name: of the field.
        value: given for it.
        where: what the message calls it.

    Raises:
        ConfigError: names the range.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    low, high = RANGES.get(name, (-math.inf, math.inf))
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} must be a finite number{_range(name)}, found {value}.")
    if not low <= value <= high:
        raise ConfigError(f"{where} must be a number{_range(name)}, found {value}.")


def _range(name: str) -> str:
    return " from {:g} to {:g}".format(*RANGES[name]) if name in RANGES else ""
