"""Arrays out of Matlab's files, with errors that name the file."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of
from lineament.models.mat_structure import check_mat5

Array = NDArray[Any]


def read_mat(content: bytes, *, name: str) -> dict[str, Array]:
    """The arrays of a .mat file up to version 7, as Matlab shows them.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        DataError: it is no such file, it is damaged, or scipy is missing.
    """
    scipy_io = extra_module("scipy.io", purpose=f"Reading {name}", extra="data")
    try:
        check_mat5(content)
        arrays = scipy_io.loadmat(io.BytesIO(content))
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{name} cannot be read as .mat ({reason_of(error)}). Is the download complete?"
        ) from error
    return {key: value for key, value in arrays.items() if isinstance(value, np.ndarray)}


def read_mat_file(path: Path) -> dict[str, Array]:
    """The same of a file.

    Raises:
        DataError: as :func:`read_mat`, and when there is no such file.
    """
    try:
        return read_mat(path.read_bytes(), name=str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({reason_of(error)}).") from error


def field(arrays: Mapping[str, Array], key: str, shape: tuple[int | None, ...], *, name: str) -> Array:
    """An array of a .mat file as float64, once its shape is as expected.

    Args:
        arrays: of the file.
        key: which.
        shape: expected, None for any length.
        name: of the file, for messages.

    Raises:
        DataError: it is missing, not numeric, not finite, or of another shape.
    """
    if key not in arrays:
        held = ", ".join(sorted(k for k in arrays if not k.startswith("__"))) or "nothing"
        raise DataError(f"{name} has no {key!r}; it holds {held}. Is it a file of this data set?")
    array = arrays[key]
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape)
    )
    if not fits or array.dtype.kind not in "fiub":
        wanted = str(shape).replace("None", "any")
        raise DataError(f"{key!r} in {name} is {array.shape} of {array.dtype}; expected {wanted} numbers.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise DataError(f"{key!r} in {name} holds values that are not finite: the file is damaged.")
    return array


def extra_module(name: str, *, purpose: str, extra: str) -> ModuleType:
    """A module that comes with one of the extras.

    Raises:
        DataError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            f'{purpose} needs {name.partition(".")[0]}: pip install "lineament[{extra}]".'
        ) from error
