"""Fits kept in a file: which photographs, what was found, how good it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineament.data.fitting.fitter import Fits
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

FIELDS = tuple(Fits.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class KeptFits:
    """Fits with the photographs they belong to.

    Attributes:
        collection: name of the collection.
        photo_names: F names.
        model: name of the face model the coefficients mean.
        fits: of the F photographs.
    """

    collection: str
    photo_names: tuple[str, ...]
    model: str
    fits: Fits


def save_fits(path: Path, kept: KeptFits) -> None:
    """Write an npz file, whole or not at all."""
    arrays = {f"fit_{name}": getattr(kept.fits, name) for name in FIELDS}
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("wb") as file:
        np.savez(
            file,
            collection=np.array(kept.collection),
            photo_names=np.array(kept.photo_names, dtype=np.str_),
            model=np.array(kept.model),
            **arrays,
        )
    beside.replace(path)


def load_fits(path: Path) -> KeptFits:
    """Read what :func:`save_fits` wrote.

    Raises:
        DataError: the file is missing, damaged or something else.
    """
    try:
        with path.open("rb") as file, np.load(file) as data:
            fits = Fits(**{name: data[f"fit_{name}"] for name in FIELDS})
            names = tuple(str(name) for name in data["photo_names"])
            kept = KeptFits(str(data["collection"]), names, str(data["model"]), fits)
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} holds no fits that can be read ({reason_of(error)}). Delete it and fit the "
            f"photographs again."
        ) from error
    if len(names) != len(fits.scale):
        raise DataError(f"{path} names {len(names)} photographs and holds {len(fits.scale)} fits: delete it.")
    return kept


def chosen_fits(fits: Fits, index: np.ndarray) -> Fits:
    """The fits of some photographs; `index` selects them as it would rows of an array."""
    parts = {name: getattr(fits, name) for name in FIELDS}
    return Fits(**{name: value[index] if len(value) else value for name, value in parts.items()})
