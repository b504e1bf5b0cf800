"""Decoding before it is asked for, encoding after it: threads whose work is done in C beside Python's."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

AT_HAND = 4  # items that wait: enough to even out, and a bound of the memory
LOOK_EVERY_S = 0.1
_END = object()


def ahead(items: Iterable[Item], *, count: int = AT_HAND) -> Generator[Item, None, None]:
    """The same items, made by a thread while the ones before are worked on.

    What making them raises is raised here, after the items before it. When nobody asks any more the thread
    ends after the item it is at.

    Args:
        items: gone through by the thread alone.
        count: how many may wait.
    """
    waiting: Queue[Any] = Queue(count)
    unwanted = Event()

    def put(item: object) -> None:
        while not unwanted.is_set():
            try:
                waiting.put(item, timeout=LOOK_EVERY_S)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put((item, None))
                if unwanted.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the items are asked for
            put((None, error))
        put(_END)

    maker = Thread(target=make, name="lineament-ahead", daemon=True)
    maker.start()
    try:
        while (found := waiting.get()) is not _END:
            item, error = found
            if error is not None:
                raise error
            yield item
    finally:
        unwanted.set()
        while maker.is_alive():
            try:
                waiting.get(timeout=LOOK_EVERY_S)
            except Empty:
                maker.join(LOOK_EVERY_S)


class Behind(Generic[Item]):
    """Hands items to a function in a thread, in order; what it raises comes with the next item or the end."""

    def __init__(self, work: Callable[[Item], None], *, count: int = AT_HAND) -> None:
        """Start the thread.

        Args:
            work: done with each item.
            count: how many may wait.
        """
        self._work = work
        self._waiting: Queue[Any] = Queue(count)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="lineament-behind", daemon=True)
        self._thread.start()

    def add(self, item: Item) -> None:
        """Hand an item over; waits while there are too many."""
        self._raise()
        self._waiting.put(item)

    def finish(self) -> None:
        """Wait until all is done."""
        self.end()
        self._raise()

    def end(self) -> None:
        """The same, whatever went wrong."""
        if self._thread.is_alive():
            self._waiting.put(_END)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        has_failed = False
        while (item := self._waiting.get()) is not _END:
            if has_failed:
                continue  # so that nobody waits for ever
            try:
                self._work(item)
            except BaseException as error:  # noqa: BLE001 - raised where items are handed over
                self._error, has_failed = error, True
