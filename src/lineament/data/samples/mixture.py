"""Several collections of samples as one, each drawn from as often as its weight says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.sample import Sample
from lineament.errors import DataError

Array = NDArray[Any]


class Samples(Protocol):
    """Numbered samples: a `lineament.data.samples.store.SampleStore`, or a `Mixture` of some."""

    def __len__(self) -> int:
        """Number of samples."""

    def sample(self, number: int, *, with_mask: bool = True) -> Sample:
        """One sample as stored, without its occlusion mask where nobody asks for it."""

    def has_coefficients(self) -> NDArray[np.bool_]:
        """(n,) which samples are of fitted faces."""


class Mixture:
    """Samples of several stores, numbered through.

    Args:
        stores: at least one; each also has ``coefficient_statistics()``.
        weights: how often each is drawn from, relative to the others; None draws all samples alike.
        sample_weights: of each store, how often each of its samples is drawn, (n,), relative to the others;
            None draws them alike.

    Raises:
        DataError: no store, a weight for none of them, or weights that are no probabilities.
    """

    def __init__(
        self,
        stores: Sequence[Any],
        weights: Sequence[float] | None = None,
        sample_weights: Sequence[Array | None] | None = None,
    ) -> None:
        if not stores:
            raise DataError("There is nothing to train on: name at least one folder of samples.")
        self._stores = list(stores)
        self._ends = np.cumsum([len(store) for store in stores])
        probabilities = np.asarray([len(store) for store in stores] if weights is None else weights, float)
        if (
            len(probabilities) != len(stores)
            or not np.isfinite(probabilities).all()
            or probabilities.min() < 0
            or not probabilities.sum()
        ):
            raise DataError(
                f"{len(stores)} folders need as many weights, none negative, not all zero; found {weights}."
            )
        self.probabilities = probabilities / probabilities.sum()
        each = [None] * len(self._stores) if sample_weights is None else sample_weights
        self._shares = [None if one is None else np.cumsum(one) / np.sum(one) for one in each]

    def __len__(self) -> int:
        """Number of samples of all stores."""
        return int(self._ends[-1])

    @property
    def counts(self) -> list[int]:
        """Number of samples of each store."""
        return [len(store) for store in self._stores]

    def sample(self, number: int, *, with_mask: bool = True) -> Sample:
        """One sample as stored, without its occlusion mask where nobody asks for it."""
        which = int(np.searchsorted(self._ends, number, side="right"))
        first = self._ends[which] - len(self._stores[which])
        sample: Sample = self._stores[which].sample(int(number - first), with_mask=with_mask)
        return sample

    def has_coefficients(self) -> NDArray[np.bool_]:
        """(n,) which samples are of fitted faces."""
        return np.concatenate([store.has_coefficients() for store in self._stores])

    def draw(self, rng: np.random.Generator) -> int:
        """The number of a sample: a store by its probability, then one of its samples by its weight."""
        which = int(np.searchsorted(np.cumsum(self.probabilities)[:-1], rng.uniform(), side="right"))
        count, shares = len(self._stores[which]), self._shares[which]
        if shares is None:
            row = int(rng.integers(count))
        else:
            row = int(np.searchsorted(shares[:-1], rng.uniform(), side="right"))
        return int(self._ends[which] - count + row)

    def coefficient_statistics(self) -> tuple[Array, Array, Array, Array]:
        """Mean and std of identity (K,), then of expression (E,), of fitted faces as stores are drawn.

        Weights of single samples do not count.

        Raises:
            DataError: there is no fitted face.
        """
        known = np.array([store.has_coefficients().mean() for store in self._stores])
        if not (self.probabilities * known).any():
            raise DataError(
                "No sample has coefficients, so their statistics are unknown: name a folder of fitted faces."
            )
        parts = [store.coefficient_statistics() for store, any_ in zip(self._stores, known) if any_]
        probabilities = self.probabilities
        if (known < 1).any():
            probabilities = (probabilities * known)[known > 0]
            probabilities = probabilities / probabilities.sum()
        identity_mean, identity_std, expression_mean, expression_std = map(np.stack, zip(*parts))
        return (
            *_pooled(probabilities, identity_mean, identity_std),
            *_pooled(probabilities, expression_mean, expression_std),
        )


def _pooled(probabilities: Array, means: Array, stds: Array) -> tuple[Array, Array]:
    """(K,) mean and standard deviation of a mixture of parts with means and deviations (parts, K)."""
    mean = probabilities @ means
    return mean, np.sqrt(np.maximum(probabilities @ (stds**2 + means**2) - mean**2, 0.0))
