"""What the words of options that several commands have mean: formats, layers, schemes, names, colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lineament.errors import ConfigError

if TYPE_CHECKING:
    from lineament.expression_keys import TargetNames

TEXTURES = ("photo", "albedo", "none")


def targets_from(name: str) -> TargetNames:
    """Names of expressions as the command line says them.

    Raises:
        ConfigError: neither "arkit" nor "all".
    """
    from lineament.expression_keys import key_groups

    key_groups((), name)  # type: ignore[arg-type] # whatever was typed
    return name  # type: ignore[return-value]


def texture_from(name: str, *, left_out: bool) -> str:
    """Which colours skin has, as the command line says it.

    Raises:
        ConfigError: no name of :data:`TEXTURES`, or two that contradict each other.
    """
    if name not in TEXTURES:
        raise ConfigError(f"There is no texture {name!r}. Choose from {', '.join(TEXTURES)}.")
    if left_out and name == "albedo":
        raise ConfigError("--no-texture leaves colours out, --texture albedo asks for some: choose one.")
    return "none" if left_out else name


def landmarks_from(name: str) -> str:
    """A scheme of landmarks as the command line says it.

    Raises:
        ConfigError: the built-in face model has no such scheme.
    """
    from lineament.models.builtin import SCHEMES

    if name not in SCHEMES:
        raise ConfigError(f"There is no landmark scheme {name!r}. Choose from {', '.join(sorted(SCHEMES))}.")
    return name


def chosen_from(names: str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Names of a list such as "obj,glb", each once; "none" for none.

    Raises:
        ConfigError: a name that is not known.
    """
    chosen = tuple(dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip()))
    if chosen in ((), ("none",)):
        return ()
    for name in chosen:
        if name not in known:
            raise ConfigError(f"There is no {what} {name!r}. Choose from {', '.join(known)}, or none.")
    return chosen
