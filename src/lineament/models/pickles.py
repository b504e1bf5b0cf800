"""Arrays out of a pickle without running it.

A pickle is a program: it names functions and calls them. Here each name it may use is answered by an inert
stand-in that only remembers what it was given, and every other name is refused. Arrays are put together
afterwards, from their plain bytes.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ModelError


def read_pickled_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The numeric arrays of a pickled dictionary, chumpy's plain variables included.

    Sparse matrices and whatever else is no array of numbers are left out.

    Args:
        path: of a file pickled by Python 2 or 3, with numpy arrays, scipy.sparse matrices, chumpy objects.

    Returns:
        Arrays by name.

    Raises:
        ModelError: the pickle asks for any other object, is damaged, or holds no dictionary.
    """
    try:
        with path.open("rb") as file:
            content = _Reader(file, path).load()
        if not isinstance(content, dict):
            raise ModelError(f"{path} holds a {type(content).__name__} where a dictionary was expected.")
        found = {str(key): _array(value) for key, value in content.items()}
    except (pickle.UnpicklingError, EOFError, UnicodeError, struct.error, OSError) as error:
        raise ModelError(f"{path} cannot be read as a pickle ({error}). Is the download complete?") from error
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError, MemoryError) as error:
        # What a damaged or crafted pickle provokes in the stand-ins or in the unpickler itself.
        raise ModelError(f"{path} is no pickle of a face model, or it is damaged ({error!r}).") from error
    return {key: array for key, array in found.items() if array is not None}


class _Inert:
    """Stand-in for an object of any class: keeps its state and does nothing."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _ArrayStandIn(_Inert):
    """Stand-in for numpy.ndarray."""


class _DtypeStandIn(_Inert):
    """Stand-in for numpy.dtype: its code, and the byte order within its state."""

    def __init__(self, code: object = None, *_: object) -> None:
        super().__init__()
        self.code = code


@dataclass(frozen=True, slots=True)
class _Buffer:
    """What newer pickles write in place of an array's state."""

    raw: object
    dtype: object
    shape: object
    order: object


def _new_array(*_: object) -> _ArrayStandIn:
    return _ArrayStandIn()


def _new_object(kind: object, *_: object) -> _Inert:
    return _Inert()


def _encode(text: object, codec: object = "latin1") -> bytes:
    if not isinstance(text, str) or codec != "latin1":
        raise ValueError(f"bytes are written as latin1 text, not as {codec!r}")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _ArrayStandIn,
    ("numpy", "dtype"): _DtypeStandIn,
    ("numpy.core.multiarray", "_reconstruct"): _new_array,
    ("numpy._core.multiarray", "_reconstruct"): _new_array,
    ("numpy.core.multiarray", "scalar"): _Inert,
    ("numpy._core.multiarray", "scalar"): _Inert,
    ("numpy.core.numeric", "_frombuffer"): _Buffer,
    ("numpy._core.numeric", "_frombuffer"): _Buffer,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _new_object,
    ("copyreg", "_reconstructor"): _new_object,
    ("__builtin__", "object"): _Inert,
    ("builtins", "object"): _Inert,
    ("__builtin__", "set"): _Inert,
    ("builtins", "set"): _Inert,
    ("collections", "OrderedDict"): _Inert,
}


class _Reader(pickle.Unpickler):
    """Answers every name in the pickle with a stand-in or a refusal; imports nothing."""

    def __init__(self, file: Any, path: Path) -> None:  # noqa: ANN401 - the type of open() in binary mode
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module_name: str, global_name: str, /) -> Any:  # noqa: ANN401 - as in the base
        if (module_name, global_name) in _STAND_INS:
            return _STAND_INS[module_name, global_name]
        if module_name.split(".")[0] == "chumpy" or module_name.split(".")[:2] == ["scipy", "sparse"]:
            return _Inert
        raise ModelError(
            f"{self._path} asks for {module_name}.{global_name}, which no face model needs; it was refused "
            "and nothing was run. Do not open this file with an ordinary unpickler unless you trust it."
        )


def _array(value: object) -> NDArray[Any] | None:
    """The array that a value of the pickle stands for, None if it is no array of numbers."""
    if isinstance(value, _Inert) and isinstance(value.state, dict):  # a chumpy variable keeps its value in x
        value = value.state.get("x")
    if isinstance(value, _ArrayStandIn):
        if not isinstance(value.state, tuple) or len(value.state) != 5:
            raise TypeError("an array without its contents")
        _, shape, dtype, columns_first, raw = value.state
        return _array_of_bytes(raw, dtype, shape, "F" if columns_first else "C")
    if isinstance(value, _Buffer):
        return _array_of_bytes(value.raw, value.dtype, value.shape, str(value.order))
    return None


def _array_of_bytes(raw: object, dtype: object, shape: object, order: str) -> NDArray[Any] | None:
    if not isinstance(dtype, _DtypeStandIn):
        raise TypeError("an array without a type")
    code = str(dtype.code)
    if code[:1] not in tuple("fiub") or not code[1:].isdecimal():
        return None
    byte_order = dtype.state[1] if isinstance(dtype.state, tuple) else "="
    kind = np.dtype(f"{byte_order}{code}")
    data = raw.encode("latin1") if isinstance(raw, str) else raw  # Python 2 knew no bytes
    if not isinstance(data, bytes | bytearray | memoryview) or order not in ("C", "F"):
        raise TypeError("an array without its bytes")
    flat: NDArray[Any] = np.frombuffer(data, dtype=kind)
    native = flat.astype(kind.newbyteorder("="))
    return native.reshape(tuple(shape), order=order)  # type: ignore[arg-type, call-overload]
