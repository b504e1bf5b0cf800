"""Arrays out of a pickle without running it.

A pickle is a program: it names functions and calls them. Here Python's unpickler has no part in it. The
program is read opcode by opcode into inert values: each name it may use is answered by one that only
remembers what it was given, every other name is refused, and size, length, depth and memory are bounded.
Arrays are put together afterwards, from their plain bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ModelError
from lineament.foreign import foreign
from lineament.models.arrays import RIGHT_FILE
from lineament.models.pickle_program import Inert, run_inertly

MAX_BYTES = 2 * 1024**3


def read_pickled_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The numeric arrays of a pickled dictionary, chumpy's plain variables included.

    Sparse matrices and whatever else is no array of numbers are left out.

    Args:
        path: of a file pickled by Python 2 or 3, with numpy arrays, scipy.sparse matrices, chumpy objects.

    Returns:
        Arrays by name.

    Raises:
        ModelError: the pickle asks for any other object, is damaged, too long, or holds no dictionary.
    """
    with foreign(
        ModelError, f"{path} is no pickle of a face model, or it is damaged", "Is the download complete?"
    ):
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path} has {path.stat().st_size / 1e9:.1f} GB; no face model has more than 2.")
        content = run_inertly(path.read_bytes(), name=str(path))
        if not isinstance(content, dict):
            raise ModelError(
                f"{path} holds a {type(content).__name__} where a dictionary was expected. {RIGHT_FILE}"
            )
        found = {str(key): _array(value) for key, value in content.items()}
    return {key: array for key, array in found.items() if array is not None}


def _array(value: object) -> NDArray[Any] | None:
    """The array that a value of the pickle stands for, None if it is no array of numbers."""
    if not isinstance(value, Inert):
        return None
    if value.kind != "numpy.ndarray" and isinstance(
        value.state, dict
    ):  # chumpy keeps a variable's value in x
        return _array(value.state.get("x")) if value.state.get("x") is not value else None
    if value.kind == "numpy._frombuffer":
        raw, dtype, shape, order = value.arguments
        return _array_of_bytes(raw, dtype, shape, str(order))
    if value.kind != "numpy.ndarray":
        return None
    if not isinstance(value.state, tuple) or len(value.state) != 5:
        raise TypeError("an array without its contents")
    _, shape, dtype, columns_first, raw = value.state
    return _array_of_bytes(raw, dtype, shape, "F" if columns_first else "C")


def _array_of_bytes(raw: object, dtype: object, shape: object, order: str) -> NDArray[Any] | None:
    if not isinstance(dtype, Inert) or dtype.kind != "numpy.dtype":
        raise TypeError("an array without a type")
    code = str(dtype.arguments[0])
    if code[:1] not in tuple("fiub") or code[1:] not in ("1", "2", "4", "8"):
        return None
    byte_order = dtype.state[1] if isinstance(dtype.state, tuple) else "="
    kind = np.dtype(f"{byte_order}{code}")
    data = raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2 knew no bytes
    if not isinstance(data, bytes | bytearray) or order not in ("C", "F"):
        raise TypeError("an array without its bytes")
    flat: NDArray[Any] = np.frombuffer(data, dtype=kind)
    native = flat.astype(kind.newbyteorder("="))
    return native.reshape(tuple(shape), order=order)  # type: ignore[arg-type, call-overload]
