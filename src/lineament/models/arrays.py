"""Named arrays out of face-model files, checked once, with errors that say what to do."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import LineamentError, ModelError
from lineament.foreign import reason_of

MAX_UNPACKED = 4 * 1024**3  # bytes
RIGHT_FILE = "Is it the right file, and whole?"
"""What to ask oneself of a face model whose arrays are not as its authors publish them."""


def existing(path: str | Path, *, kind: str) -> Path:
    """The path, once something is there.

    Args:
        path: of a file or folder.
        kind: what it should be, such as "a FLAME model", for the message.

    Raises:
        ModelError: nothing is there.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ModelError(
            f"{path} does not exist. It should be {kind}; lineament ships none of these models: "
            "download it from its authors and pass the path where it lies."
        )
    return path


def optional_module(name: str, *, purpose: str) -> ModuleType:
    """A module of the `models` extra.

    Raises:
        ModelError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelError(
            f"{purpose} needs {name.partition('.')[0]}, which is not installed: "
            'pip install "lineament[models]".'
        ) from error


def load_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz; those that only pickle could restore are left out.

    Raises:
        ModelError: it is no .npz file, or it is damaged.
    """
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no .npz archive, or it was cut short; pass the model's whole .npz file.")
    arrays = {}
    try:
        with zipfile.ZipFile(path) as members:
            size = sum(member.file_size for member in members.infolist())
        if size > MAX_UNPACKED:
            raise ModelError(f"{path} unpacks to {size / 1e9:.1f} GB; no face model has more than 4.")
        with np.load(path, allow_pickle=False) as archive:
            for key in archive.files:
                try:
                    arrays[key] = archive[key]
                except ValueError as error:
                    if "allow_pickle" not in str(error):
                        raise
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as .npz ({reason_of(error)}). Is the download complete?"
        ) from error
    return arrays


def checked(
    arrays: Mapping[str, NDArray[Any]], key: str, *shapes: tuple[int | None, ...], path: Path
) -> NDArray[Any]:
    """The array of that name.

    Args:
        arrays: what the file holds.
        key: name of the array.
        shapes: those allowed, None for any length; none given allows all.
        path: of the file, for the message.

    Raises:
        ModelError: it is missing, not numeric, of another shape, or not finite.
    """
    if key not in arrays:
        raise ModelError(f"{path} has no array {key!r}; it holds {_names(arrays)}. {RIGHT_FILE}")
    array = arrays[key]
    if array.dtype.kind not in "fiu":
        raise ModelError(
            f"{key!r} in {path} should hold numbers, but its type is {array.dtype}. {RIGHT_FILE}"
        )
    if shapes and not any(_fits(array.shape, shape) for shape in shapes):
        allowed = " or ".join(str(shape).replace("None", "any") for shape in shapes)
        raise ModelError(f"{key!r} in {path} has shape {array.shape}, expected {allowed}. {RIGHT_FILE}")
    if not np.isfinite(array).all():
        raise ModelError(f"{key!r} in {path} holds values that are not finite: the file is damaged.")
    return array


def checked_index(
    arrays: Mapping[str, NDArray[Any]],
    key: str,
    *shapes: tuple[int | None, ...],
    count: int,
    path: Path,
    first: int = 0,
) -> NDArray[np.int32]:
    """An array of that name that numbers vertices, counted from zero whatever the file's own `first`.

    Raises:
        ModelError: as `checked`, and when a number is outside [first, first + count).
    """
    index = checked(arrays, key, *shapes, path=path).astype(np.int64) - first
    if index.size and (index.min() < 0 or index.max() >= count):
        raise ModelError(
            f"{key!r} in {path} names vertices {index.min() + first} to {index.max() + first}, but the model "
            f"has vertices {first} to {count - 1 + first}. {RIGHT_FILE}"
        )
    return index.astype(np.int32)


def _names(arrays: Mapping[str, object]) -> str:
    names = sorted(arrays)
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "no array"


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(
        want is None or have == want for have, want in zip(found, expected, strict=True)
    )
