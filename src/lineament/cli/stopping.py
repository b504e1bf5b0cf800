"""Ctrl+C and SIGTERM as a wish to end: what is in hand is finished, a second one ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


class Stop(Event):
    """Set by a signal.

    Attributes:
        number: of the signal, or 0.
    """

    number = 0


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """An event that Ctrl+C or SIGTERM sets, so that results end whole; a second one ends at once."""
    stopped = Stop()

    def stop(number: int, _: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.number = number
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
