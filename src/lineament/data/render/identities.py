"""Which faces rendered people have: a normal distribution of identity coefficients.

The prior of a face model is that of its scans. Fits of photographs lie closer together and off its middle,
and a network that learns from both kinds of pictures should not tell them apart by the shapes of faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.models.arrays import checked, existing, load_npz

Array = NDArray[np.floating]

IDENTITIES_PATH = Path(__file__).parents[2] / "assets" / "lfm_identities.npz"
"""The distribution inside the package, measured by ``tools/measure_identities.py``."""
MAX_DEVIATION = 2.4
"""Draws stay within so many standard deviations along each axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """A normal distribution of identity coefficients.

    Attributes:
        mean: (K,) float32.
        factor: (K, K) float32, lower triangular: the covariance is ``factor @ factor.T``, and the leading
            modes alone have the leading part of it.
    """

    mean: Array
    factor: Array

    def sample(self, rng: np.random.Generator, count: int, *, std: float = 1.0) -> NDArray[np.float32]:
        """(count,) leading coefficients of a random face, deviations from the mean times `std`.

        Raises:
            ValueError: there are fewer modes than that.
        """
        if count > len(self.mean):
            raise ValueError(f"These identities have {len(self.mean)} modes, the face model {count}.")
        deviation = np.clip(rng.normal(0, 1, count), -MAX_DEVIATION, MAX_DEVIATION)
        return (self.mean[:count] + std * (self.factor[:count, :count] @ deviation)).astype(np.float32)


def prior_identities(count: int) -> Identities:
    """The prior of a face model with that many modes: far more various than fits of photographs."""
    return Identities(np.zeros(count, np.float32), np.eye(count, dtype=np.float32))


@lru_cache(maxsize=1)
def photographed_identities() -> Identities:
    """Identities as photographs are fitted, of the built-in face model.

    Raises:
        ModelError: the file of the package is missing or damaged.
    """
    return load_identities(IDENTITIES_PATH)


def measured_identities(identity: Array, yaw: Array, sign: Array) -> Identities:
    """The distribution of fits, without what is known to be untrue of people.

    Turned left as often as right and mirrored as likely as not, people have a symmetric mean, and their
    symmetric and antisymmetric modes are not correlated. Nor does a face depend on where it looks; but fits
    do, as detectors bend rotated heads, so what yaw explains is taken out.

    Args:
        identity: (F, K) fits.
        yaw: (F,) radians.
        sign: (K,) +1 of symmetric modes, -1 of antisymmetric ones.
    """
    even = sign > 0
    # The mirrored face has the opposite yaw: antisymmetric modes can depend on its odd powers only.
    signed, unsigned = np.stack([yaw, yaw**3], axis=1), np.stack([np.ones_like(yaw), yaw**2], axis=1)
    mean = np.zeros(len(sign))
    rest = np.empty(identity.shape)
    for chosen, terms in ((even, unsigned), (~even, signed)):
        found = np.linalg.lstsq(terms, identity[:, chosen], rcond=None)[0]
        rest[:, chosen] = identity[:, chosen] - terms @ found
        if terms is unsigned:
            mean[chosen] = found[0]
    covariance = rest.T @ rest / (len(rest) - 1) * np.equal.outer(even, even)
    return Identities(mean.astype(np.float32), np.linalg.cholesky(covariance).astype(np.float32))


def save_identities(path: Path, identities: Identities, people: int, source: str) -> None:
    """Write what :func:`load_identities` reads, in half precision.

    Args:
        path: of the .npz.
        identities: the distribution.
        people: how many it was measured on.
        source: of their photographs, in words.
    """
    np.savez_compressed(
        path,
        mean=identities.mean.astype(np.float16),
        factor=identities.factor.astype(np.float16),
        people=np.array(people),
        source=np.array(source),
    )


def load_identities(path: str | Path) -> Identities:
    """A distribution from its file.

    Raises:
        ModelError: the file is missing, damaged or something else.
    """
    path = existing(path, kind="a distribution of identities, .npz")
    arrays = load_npz(path)
    mean = checked(arrays, "mean", (None,), path=path).astype(np.float32)
    factor = checked(arrays, "factor", (len(mean), len(mean)), path=path).astype(np.float32)
    return Identities(mean, factor)


def rms_mm(basis: Array, deviations: Sequence[Array] | Array) -> Array:
    """(D,) root mean square movement of vertices, mm, by (D, K) deviations of coefficients."""
    moved = np.asarray(deviations, float) @ basis.reshape(len(basis), -1).astype(float)
    return np.sqrt(np.square(moved).sum(axis=-1) / basis.shape[1])
