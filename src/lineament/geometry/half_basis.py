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

BLOCK = 9216
"""Numbers of a basis that one call of BLAS sums at most: for more it wakes its threads, which cost more than
the sum and then wait in a loop."""
_FLIP = np.array([-1, 1, 1])  # what a mirror does to a point of the model frame
_EXACT_MM = 1e-4  # a model less symmetric than this is summed whole


@dataclass(frozen=True, slots=True)
class HalfBasis:
    """The modes of C coefficients on H of N vertices, those of one side and of the middle.

    Coefficient C stands for none: it is always zero. Modes lie in blocks of the same R numbers, three a
    vertex, zeros after the last.
    """

    even: Array  # (B, W, R), of the sums of two coefficients each
    even_pair: IntArray  # (2, W)
    odd: Array  # (B, V, R), of the differences of two coefficients each
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
        count = np.arange(len(partner))
        alone, first = partner == count, np.flatnonzero(count < partner)
        none = len(partner)
        even_pair = _pairs(np.flatnonzero(alone & (sign > 0)), first, partner, none)
        odd_pair = _pairs(np.flatnonzero(alone & (sign < 0)), first, partner, none)
        together = max(1, BLOCK // (3 * max(even_pair.shape[1], odd_pair.shape[1], 1)))
        even = _blocks(_halved(near, even_pair, 1), together)
        odd = _blocks(_halved(near, odd_pair, -1), together)
        place = np.empty_like(numbers)
        place[vertex[side]] = len(even) * together + np.arange(len(side))
        place[side] = np.arange(len(side))
        return cls(even, even_pair, odd, odd_pair, place)

    def summed(self, coefficients: Array) -> Array:
        """(N, 3) mm: the modes times (C + 1,) coefficients, of which the last is zero."""
        first, second = coefficients.take(self.even_pair)
        even = np.matmul(first + second, self.even)
        first, second = coefficients.take(self.odd_pair)
        odd = np.matmul(first - second, self.odd)
        sides = np.empty((2, *even.shape), even.dtype)
        np.add(even, odd, out=sides[0])
        np.subtract(even, odd, out=sides[1])
        vertices = sides.reshape(2, -1, 3)
        vertices[1, :, 0] *= -1
        return vertices.reshape(-1, 3).take(self.place, axis=0)


def _blocks(modes: Array, together: int) -> Array:
    """(B, W, R) modes (H, 3, W) of `together` vertices each, R = 3 * together."""
    padded = np.pad(modes, ((0, -len(modes) % together), (0, 0), (0, 0)))
    rows = padded.reshape(-1, 3 * together, modes.shape[-1])
    return np.ascontiguousarray(rows.swapaxes(1, 2))


def _pairs(alone: IntArray, first: IntArray, partner: IntArray, none: int) -> IntArray:
    """(2, W) coefficients that go together, with `none` where one goes alone."""
    return np.concatenate([[alone, np.full_like(alone, none)], [first, partner[first]]], axis=1)


def _halved(near: Array, pair: IntArray, sign: int) -> Array:
    """(H, 3, W) what the sum (or difference) of two coefficients does: half of what each does, of one all."""
    padded = np.concatenate([near, np.zeros_like(near[..., :1])], axis=-1)
    none = near.shape[-1]
    both = padded.take(pair[0], axis=-1)
    both += sign * padded.take(pair[1], axis=-1)
    both[..., pair[1] != none] /= 2
    return both
