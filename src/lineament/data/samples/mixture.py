"""Several collections of views as one, each drawn from as often as its weight says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.view import View
from lineament.errors import DataError

Array = NDArray[Any]


class Views(Protocol):
    """Numbered views: a `lineament.data.samples.store.SampleStore`, or a `Mixture` of some."""

    def __len__(self) -> int:
        """Number of views."""

    def view(self, number: int) -> View:
        """One view as stored."""


class Mixture:
    """Views of several stores, numbered through.

    Args:
        stores: at least one; each also has ``coefficient_statistics()``.
        weights: how often each is drawn from, relative to the others; None draws all views alike.

    Raises:
        DataError: no store, a weight for none of them, or weights that are no shares.
    """

    def __init__(self, stores: Sequence[Any], weights: Sequence[float] | None = None) -> None:
        if not stores:
            raise DataError("There is nothing to train on: name at least one folder of samples.")
        self._stores = list(stores)
        self._ends = np.cumsum([len(store) for store in stores])
        shares = np.asarray([len(store) for store in stores] if weights is None else weights, float)
        if (
            len(shares) != len(stores)
            or not np.isfinite(shares).all()
            or shares.min() < 0
            or not shares.sum()
        ):
            raise DataError(
                f"{len(stores)} folders need as many weights, none negative, not all zero; found {weights}."
            )
        self.shares = shares / shares.sum()

    def __len__(self) -> int:
        """Number of views of all stores."""
        return int(self._ends[-1])

    @property
    def counts(self) -> list[int]:
        """Number of views of each store."""
        return [len(store) for store in self._stores]

    def view(self, number: int) -> View:
        """One view as stored."""
        which = int(np.searchsorted(self._ends, number, side="right"))
        first = self._ends[which] - len(self._stores[which])
        return self._stores[which].view(int(number - first))

    def draw(self, rng: np.random.Generator) -> int:
        """The number of a view: a store by its share, then any of its views."""
        which = int(np.searchsorted(np.cumsum(self.shares)[:-1], rng.uniform(), side="right"))
        count = len(self._stores[which])
        return int(self._ends[which] - count + rng.integers(count))

    def coefficient_statistics(self) -> tuple[Array, Array, Array, Array]:
        """Mean and standard deviation of identity (K,), then of expression (E,), as views are drawn."""
        identity_mean, identity_spread, expression_mean, expression_spread = (
            np.stack(parts) for parts in zip(*[store.coefficient_statistics() for store in self._stores])
        )
        return (
            *self._pooled(identity_mean, identity_spread),
            *self._pooled(expression_mean, expression_spread),
        )

    def _pooled(self, means: Array, spreads: Array) -> tuple[Array, Array]:
        """(K,) mean and standard deviation of a mixture of parts with means and deviations (stores, K)."""
        mean = self.shares @ means
        return mean, np.sqrt(np.maximum(self.shares @ (spreads**2 + means**2) - mean**2, 0.0))
