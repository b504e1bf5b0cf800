"""The cores that a command may use."""

from __future__ import annotations

import os


def cores() -> int:
    """How many cores this process may use: in a container, or under taskset, fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
