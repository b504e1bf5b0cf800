"""Bits of the headers of compressed pictures."""

from __future__ import annotations


class Bits:
    """Integers from bytes, the first bit the highest.

    Raises:
        ValueError: the header is cut short, or a code has no end.
    """

    def __init__(self, content: bytes) -> None:
        self.value, self.left = int.from_bytes(content, "big"), 8 * len(content)

    def take(self, count: int) -> int:
        """An integer of so many bits."""
        self.left -= count
        if self.left < 0:
            raise ValueError("the header is cut short")
        return (self.value >> self.left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """An integer in Exp-Golomb code."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("not Exp-Golomb code")
        return (1 << zeros) - 1 + self.take(zeros)
