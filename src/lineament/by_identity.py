"""Values compared by being the same object: what holds arrays has no hash, and may still be a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ByIdentity(Generic[T]):
    """A key that is equal to those of the same object alone, which lives as long as it does."""

    value: T

    def __hash__(self) -> int:
        """Of the object's identity."""
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same object."""
        return isinstance(other, ByIdentity) and self.value is other.value
