"""Cumulative error distributions (CED) and the single numbers read off them.

A face that was not found has an infinite error: it lowers the curve and counts as a failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def counted_errors(error: Array, expected: NDArray[np.bool_]) -> Array:
    """(G,) errors of the faces that are expected, infinite where none was measured (not found).

    Args:
        error: (F,) NaN where a face was not found.
        expected: (F,) faces the protocol counts.
    """
    chosen = np.asarray(error, dtype=np.float64)[expected]
    return np.where(np.isnan(chosen), np.inf, chosen)


def fraction_within(error: Array, limits: Array) -> Array:
    """(L,) fraction of (F,) errors that are at most each of (L,) limits: the CED's heights."""
    ordered = np.sort(np.asarray(error, dtype=np.float64))
    if not len(ordered):
        return np.full(np.shape(limits), np.nan)
    return np.searchsorted(ordered, limits, side="right") / len(ordered)


def failure_rate(error: Array, *, limit: float) -> float:
    """Fraction of (F,) errors above the limit (CPRFA: NME above 10 %)."""
    return float(1 - fraction_within(error, np.array([limit]))[0])


def area_under_curve(error: Array, *, limit: float) -> float:
    """Area under the CED from 0 to the limit, divided by the limit: exact, of the step function.

    1 where all errors are zero, 0 where all exceed the limit (as in the 300W challenge, AUC at a limit).
    """
    error = np.asarray(error, dtype=np.float64)
    if not len(error):
        return float("nan")
    return float(np.mean(np.clip(1 - error / limit, 0, None)))
