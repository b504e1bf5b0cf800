"""Matlab's .mat files and HDF5 files as flat dictionaries of arrays; structs become `name/field`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import LineamentError, ModelError
from lineament.foreign import reason_of
from lineament.models.arrays import optional_module
from lineament.models.mat_structure import check_mat5

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MATLAB_73 = b"MATLAB 7.3"


def read_mat(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a .mat file, of Matlab's formats 4 to 7.3.

    Args:
        path: of the file.

    Returns:
        Arrays as Matlab shows them, (rows, columns); the fields of a 1x1 struct as `struct/field`.

    Raises:
        ModelError: it is no .mat file, or the module that reads it is not installed.
    """
    with path.open("rb") as file:
        head = file.read(len(_MATLAB_73))
    if head == _MATLAB_73 or head.startswith(_HDF5_SIGNATURE):
        # HDF5 counts the last axis fastest, Matlab the first: the axes come out reversed.
        return {key: array.T for key, array in read_hdf5(path).items()}
    scipy_io = optional_module("scipy.io", purpose="Reading .mat files")
    try:
        check_mat5(path.read_bytes())
        content = scipy_io.loadmat(path)
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as .mat ({reason_of(error)}). Is the download complete?"
        ) from error
    arrays: dict[str, NDArray[Any]] = {}
    for key, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
            fields = {name: value[name].flat[0] for name in value.dtype.names}
            arrays |= {
                f"{key}/{name}": field for name, field in fields.items() if isinstance(field, np.ndarray)
            }
        elif isinstance(value, np.ndarray):
            arrays[key] = value
    return arrays


def read_hdf5(path: Path, *, groups: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of an HDF5 file under their full names, `group/array`; text as arrays of str.

    Args:
        path: of the file.
        groups: read only what lies in these top groups; None reads all.

    Returns:
        Arrays by name.

    Raises:
        ModelError: it is no HDF5 file, it is damaged, or h5py is not installed.
    """
    h5py = optional_module("h5py", purpose="Reading .h5 and Matlab 7.3 files")
    arrays: dict[str, NDArray[Any]] = {}

    def collect(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or name.startswith("#"):  # #refs#: Matlab's own bookkeeping
            return
        if groups is not None and name.partition("/")[0] not in groups:
            return
        text = h5py.check_string_dtype(item.dtype) is not None
        arrays[name] = np.asarray(item.asstr()[()] if text else item[()])

    try:
        with h5py.File(path, "r") as file:
            file.visititems(collect)
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as HDF5 ({reason_of(error)}). Is the download complete?"
        ) from error
    return arrays
