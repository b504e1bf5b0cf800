"""Functions compiled by numba, whose machine code is kept between processes."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: bool | str) -> Callable[[Function], Function]:
    """Compile a function when it is first called, once for all processes.

    numba keeps the machine code beside the source, or in the user's cache folder where that cannot be
    written; NUMBA_CACHE_DIR names another one. Where none of them can be written, as in a container,
    each process compiles for itself.

    Args:
        options: of `numba.njit`, such as ``nogil=True``.
    """

    def decorate(function: Function) -> Function:
        dispatcher = numba.njit(**options)(function)
        with suppress(RuntimeError, OSError):  # numba finds no folder for the cache, or no source
            dispatcher._cache = _MachineCode(function)  # as `cache=True` does with numba's own class
        return dispatcher

    return decorate


class _Files(CompileResultCacheImpl):
    """The files of one function, under names that no other source and no other numba gives.

    numba writes its index before the code that the index names. A process that was killed in between left a
    new index beside code of an older source, or of a numba whose files cannot be read.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        source = Path(inspect.getfile(function)).read_bytes()
        self._made_of = hashlib.sha256(numba.__version__.encode() + b"\0" + source).hexdigest()[:12]
        super().__init__(function)

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        """The name that numba gives, and the checksum of what the code was made of."""
        return f"{super().get_filename_base(fullname, abiflags)}-{self._made_of}"


class _MachineCode(FunctionCache):
    """numba's cache, that never stops a function: what cannot be read or written is compiled anew."""

    _impl_class = _Files

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
        """The compiled code of a signature; None where there is none that can be read."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - damaged files fail in whatever way unpickling takes
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
        """Keep the code of a signature, where there is room for it."""
        try:
            super().save_overload(sig, data)
        except OSError:
            self.disable()
