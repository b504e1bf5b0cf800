"""Bounded least squares with many free unknowns and some bounded ones, from normal equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from lineament.data.drawing.compiled import compiled

Array = NDArray[np.floating]

SWEEPS = 60
SMALL_STEP = 1e-5


def solve_bounded(normal: Array, right: Array, low: Array, high: Array, start: Array) -> Array:
    """The minimum of ``x' N x / 2 - r' x`` whose last E unknowns stay within bounds.

    The free unknowns are eliminated exactly (Schur complement), the bounded ones found by coordinate descent.

    Args:
        normal: (U, U) symmetric, positive definite.
        right: (U,).
        low: (E,) of the last E unknowns.
        high: (E,).
        start: (E,) where the descent starts.

    Returns:
        (U,).
    """
    free = len(right) - len(low)
    if free == 0:
        return _descend(normal, right, low, high, start.copy())
    factor = cho_factor(normal[:free, :free], lower=True, check_finite=False)
    solved = cho_solve(factor, np.column_stack([normal[:free, free:], right[:free]]), check_finite=False)
    reduced = normal[free:, free:] - normal[free:, :free] @ solved[:, :-1]
    rest = right[free:] - normal[free:, :free] @ solved[:, -1]
    bounded = _descend(reduced, rest, low, high, start.copy())
    return np.concatenate([solved[:, -1] - solved[:, :-1] @ bounded, bounded])


def eliminate(
    normal: Array, right: Array, kept: slice, fixed: NDArray[np.bool_], values: Array
) -> tuple[Array, Array]:
    """Normal equations of some unknowns after all others: these either stay at given values or follow freely.

    Args:
        normal: (U, U).
        right: (U,).
        kept: the K unknowns that remain.
        fixed: (U,) which of the others keep their value.
        values: (U,) those values.

    Returns:
        (K, K) and (K,): what the whole problem says about the kept unknowns.
    """
    right = right - normal[:, fixed] @ values[fixed]
    free = ~fixed
    free[kept] = False
    factor = cho_factor(normal[np.ix_(free, free)], lower=True, check_finite=False)
    across = normal[free, kept]
    solved = cho_solve(factor, np.column_stack([across, right[free]]), check_finite=False)
    return normal[kept, kept] - across.T @ solved[:, :-1], right[kept] - across.T @ solved[:, -1]


@compiled()
def _descend(normal: Array, right: Array, low: Array, high: Array, solution: Array):  # noqa: ANN202 - numba
    """Coordinate descent in a box until nothing moves any more."""
    slope = normal @ solution - right
    for _ in range(SWEEPS):
        moved = 0.0
        for c in range(len(solution)):
            wanted = min(max(solution[c] - slope[c] / normal[c, c], low[c]), high[c])
            step = wanted - solution[c]
            if step != 0.0:
                solution[c] = wanted
                slope += step * normal[c]
                moved = max(moved, abs(step))
        if moved < SMALL_STEP:
            break
    return solution
