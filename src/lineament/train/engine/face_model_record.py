"""Which face model a run is about: its name and checksums, so that no other one takes its place unnoticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel

Record: TypeAlias = dict[str, str]

GEOMETRY, SCHEMES = "sha256", "schemes_sha256"
OF_RESULTS = ("ibug-68",)
"""Schemes that no loss and no target uses."""
PARTS = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset")
"""What the others have."""


def record_of(model: MorphableModel) -> Record:
    """What a run folder keeps of a face model.

    Returns:
        "name"; "sha256" of its vertices, modes and triangles, which say what coefficients mean;
        "schemes_sha256" of its landmark schemes.
    """
    geometry = [model.neutral_model, model.identity_basis, model.expression_basis, model.triangles]
    schemes: list[NDArray[Any] | str] = []
    for name, scheme in sorted(model.schemes.items()):
        if name not in OF_RESULTS:
            schemes += [name, *(getattr(scheme, part) for part in PARTS)]
    return {"name": model.name, GEOMETRY: _sha256(geometry), SCHEMES: _sha256(schemes)}


def check_record(
    known: Mapping[str, str] | None, model: MorphableModel, *, where: Path, schemes: bool
) -> None:
    """Refuse a face model that is not the recorded one.

    Args:
        known: what the run folder has; None, as runs of before December 2026 have none, passes.
        model: about to be used.
        where: the run folder, for the message.
        schemes: whether landmark schemes count too.

    Raises:
        ConfigError: it is another face model, or one with other landmarks.
    """
    if known is None:
        return
    found = record_of(model)
    if known["name"] != found["name"] or known[GEOMETRY] != found[GEOMETRY]:
        raise ConfigError(
            f"{where} was trained on the face model {_named(known)}, but {_named(found)} was found. Its "
            f"coefficients would mean other faces: bring the first one back, or begin a new run."
        )
    if schemes and known[SCHEMES] != found[SCHEMES]:
        raise ConfigError(
            f"{where} was trained on other landmark schemes of {found['name']!r} than it has now (checksum "
            f"{known[SCHEMES][:12]}, found {found[SCHEMES][:12]}). Bring that version back, or begin a new "
            f'run with start = "{where}".'
        )


def _named(record: Mapping[str, str]) -> str:
    return f"{record['name']!r} (checksum {record[GEOMETRY][:12]})"


def _sha256(parts: Iterable[NDArray[Any] | str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        else:
            array = np.ascontiguousarray(part)
            digest.update(json.dumps([array.dtype.str, array.shape]).encode())
            digest.update(array.tobytes())
    return digest.hexdigest()
