"""Functions compiled by numba, whose machine code is kept between processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

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
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # numba found no folder for the cache
            return numba.njit(**options)(function)

    return decorate
