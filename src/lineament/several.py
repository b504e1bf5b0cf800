"""One where a list is wanted is a list of one: the rule for faces, layers and labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from lineament.errors import ConfigError
from lineament.result import FaceResult

Faces: TypeAlias = "Sequence[FaceResult] | FaceResult"
Names: TypeAlias = "Sequence[str] | str"


def list_of_faces(given: Any) -> list[FaceResult]:  # noqa: ANN401 - the door: anything may come
    """The faces, or the one.

    Raises:
        ConfigError: something else is among them.
    """
    faces = [given] if isinstance(given, FaceResult) else list(given) if isinstance(given, Iterable) else None
    strange = given if faces is None else next((f for f in faces if not isinstance(f, FaceResult)), None)
    if faces is None or strange is not None:
        raise ConfigError(
            f"Faces are the results of an aligner, one or a list of them; found {type(strange).__name__}. "
            f"Those of an AlignedPhoto are its `faces`."
        )
    return faces


def list_of_names(given: Names) -> list[str]:
    """The names, or the one."""
    return [given] if isinstance(given, str) else list(given)
