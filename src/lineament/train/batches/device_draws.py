"""Random numbers of a batch, drawn where the network is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor


class Draws:
    """All random choices of one batch, a function of the seed's words.

    How many rows something happens to is drawn on the host, so that nothing waits for the device.

    Args:
        device: where tensors are drawn; CPUs and GPUs draw differently from one seed.
        words: of the seed, such as the run's seed and the step.
    """

    def __init__(self, device: torch.device, words: Sequence[int]) -> None:
        sequence = np.random.SeedSequence([int(word) for word in words])
        self.device = device
        self._host = np.random.default_rng(sequence)
        self._generator = torch.Generator(device).manual_seed(int(sequence.generate_state(1, np.uint32)[0]))

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Evenly between two numbers."""
        return low + (high - low) * torch.rand(tuple(shape), generator=self._generator, device=self.device)

    def normal(self, shape: Sequence[int], std: float = 1.0) -> Tensor:
        """Normally around 0."""
        return std * torch.randn(tuple(shape), generator=self._generator, device=self.device)

    def whole(self, count: int, low: int, high: int) -> Tensor:
        """(count,) int64 in [low, high)."""
        return torch.randint(low, high, (count,), generator=self._generator, device=self.device)

    def happens(self, count: int, probability: float) -> Tensor:
        """(count,) bool, true for a fraction of the rows."""
        return self.uniform((count,)) < probability

    def rows(self, count: int, *fractions: float) -> list[Tensor]:
        """Numbers of different rows for each of some things that exclude each other.

        Args:
            count: of all rows.
            fractions: of the rows that each thing happens to, together at most 1.
        """
        order = torch.randperm(count, generator=self._generator, device=self.device)
        ends = np.floor(np.cumsum([0.0, *fractions]) * count + self._host.uniform()).astype(int)
        return [order[first:last] for first, last in pairwise(ends)]
