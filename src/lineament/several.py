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


def one_face(given: Any) -> FaceResult:  # noqa: ANN401 - the door: anything may come
    """The face itself, where one alone can be drawn or written.

    Raises:
        ConfigError: it is a list of them, or none at all.
    """
    if isinstance(given, FaceResult):
        return given
    if isinstance(given, Sequence) and given and all(isinstance(face, FaceResult) for face in given):
        raise ConfigError(f"One face is wanted here, found a list of {len(given)}. Give one after the other.")
    raise ConfigError(
        f"A face is one of the results of an aligner, found {type(given).__name__}. Check the order of the "
        f"arguments; no face is drawn or written of an empty list."
    )


def list_of_names(given: Names) -> list[str]:
    """The names, or the one.

    Raises:
        ConfigError: they are no texts.
    """
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else None
    strange = given if names is None else next((name for name in names if not isinstance(name, str)), None)
    if names is None or strange is not None:
        raise ConfigError(f"Names are texts, one or a list of them; found {type(strange).__name__}.")
    return names
