"""Sums of a symmetric model's modes from one half of it: a face costs the memory it reads, so it is halved.

The even part of a sum moves mirrored vertices alike and the odd part oppositely. With both taken on one side,
their sum is that side and their difference, mirrored, the other one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

STRIDE = 32  # numbers that BLAS multiplies at a time; it takes the rest one by one: 153 cost more than 160
_FLIP = np.array([-1, 1, 1])  # what a mirror does to a point of the model frame
_EXACT_MM = 1e-4  # a model less symmetric than this is summed whole


@dataclass(frozen=True, slots=True)
class HalfBasis:
    """The modes of C coefficients on H of N vertices, those of one side and of the middle.

    Coefficient C stands for none: it is always zero.
    """

    even: Array  # (H, 3, W), of the sums of two coefficients each
    even_pair: IntArray  # (2, W)
    odd: Array  # (H, 3, V), of the differences of two coefficients each
    odd_pair: IntArray  # (2, V)
    place: IntArray  # (N,) of each vertex among those of this side and their mirrored ones after them

    @classmethod
    def of(cls, block: Array, vertex: IntArray, partner: IntArray, sign: Array) -> Self | None:
        """The half of a basis, or None where the basis is not symmetric.

        Args:
            block: (N, 3, C) basis vectors, mm.
            vertex: (N,) the vertex on the other side of each.
            partner: (C,) the coefficient on the other side of each, itself for modes of both sides.
            sign: (C,) -1 for modes that the mirror turns over, else 1.
        """
        numbers = np.arange(len(vertex))
        side = np.flatnonzero(numbers <= vertex)
        near, far = block[side], block[vertex[side]] * _FLIP[:, None].astype(block.dtype)
        mirrored = near.take(partner, axis=-1)
        mirrored *= sign.astype(block.dtype)
        mirrored -= far
        if np.abs(mirrored, out=mirrored).max(initial=0) > _EXACT_MM:
            return None
        place = np.empty_like(numbers)
        place[vertex[side]] = len(side) + np.arange(len(side))
        place[side] = np.arange(len(side))
        count = np.arange(len(partner))
        alone, first = partner == count, np.flatnonzero(count < partner)
        none = len(partner)
        even_pair = _pairs(np.flatnonzero(alone & (sign > 0)), first, partner, none)
        odd_pair = _pairs(np.flatnonzero(alone & (sign < 0)), first, partner, none)
        return cls(_halved(near, even_pair, 1), even_pair, _halved(near, odd_pair, -1), odd_pair, place)

    def summed(self, coefficients: Array) -> Array:
        """(N, 3) mm: the modes times (C + 1,) coefficients, of which the last is zero."""
        first, second = coefficients.take(self.even_pair)
        even = np.vecdot(self.even, first + second)
        first, second = coefficients.take(self.odd_pair)
        odd = np.vecdot(self.odd, first - second)
        sides = np.empty((2, *even.shape), even.dtype)
        np.add(even, odd, out=sides[0])
        np.subtract(even, odd, out=sides[1])
        sides[1, :, 0] *= -1
        return sides.reshape(-1, 3).take(self.place, axis=0)


def _pairs(alone: IntArray, first: IntArray, partner: IntArray, none: int) -> IntArray:
    """(2, W) coefficients that go together, with `none` where one goes alone, up to a whole stride."""
    pairs = np.concatenate([[alone, np.full_like(alone, none)], [first, partner[first]]], axis=1)
    return np.pad(pairs, ((0, 0), (0, -pairs.shape[1] % STRIDE)), constant_values=none)


def _halved(near: Array, pair: IntArray, sign: int) -> Array:
    """(H, 3, W) what the sum (or difference) of two coefficients does: half of what each does, of one all."""
    padded = np.concatenate([near, np.zeros_like(near[..., :1])], axis=-1)
    none = near.shape[-1]
    both = padded.take(pair[0], axis=-1)
    both += sign * padded.take(pair[1], axis=-1)
    both[..., pair[1] != none] /= 2
    return both
