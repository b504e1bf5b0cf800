"""Tasks in several processes, their results in the tasks' order; a process that is lost costs one task.

A process is given several tasks at a time, as many as it does in a moment: some work is cheaper together.

Processes are started afresh ("spawn"): networks have threads, which do not survive a fork. They do not hear
Ctrl+C, which a terminal sends to all; they end when the process that started them does, however that ends.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeAlias, TypeVar

from lineament.errors import LineamentError

Task = TypeVar("Task")
Done = TypeVar("Done")

Work: TypeAlias = Callable[[Sequence[Task]], Iterable[Done]]
"""Does some tasks: gives what came of each, in their order, as soon as it is there."""
Make: TypeAlias = Callable[[], AbstractContextManager[Work[Task, Done]]]
"""Opens what does tasks, and closes it."""

MOST_TOGETHER = 8  # tasks: more would be hardly cheaper
TOGETHER_S = 1.0  # that tasks together take at most, if one does not: a stop waits for them
AHEAD = 16  # results of each process that may wait for a slow task before them
LOOK_EVERY_S = 0.5  # for a stop
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLost(LineamentError):
    """The process that did a task has ended, by a signal or for want of memory."""


def run_in_order(
    make: Make[Task, Done],
    tasks: Iterable[Task],
    *,
    processes: int,
    total: int | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Done | WorkerLost]]:
    """Each task and what came of it, in their order, whichever process is quicker.

    Args:
        make: called once in each process, opens what does the tasks; travels by pickle, as tasks and results.
        tasks: asked for as processes get free.
        processes: how many; with one everything is done here.
        total: how many tasks there are, so that the last ones are shared out evenly; None where nobody knows.
        is_stopped: once it says so no more tasks are begun; those in hand are finished and handed over.

    Raises:
        Exception: what `make` or a task raised, from wherever it was.
    """
    if processes > 1:
        yield from _Pool(make, processes, total).run(iter(tasks), is_stopped)
        return
    pace, left = _Pace(), iter(tasks)
    with make() as work:
        while not is_stopped() and (some := list(islice(left, pace.count))):
            with pace.of(some):
                yield from zip(some, work(some), strict=True)


@dataclass(slots=True)
class _Pace:
    """How many tasks are done together."""

    count: int = 1

    @contextmanager
    def of(self, tasks: Sequence[Any]) -> Iterator[None]:
        """Learn from how long some take."""
        begun = time.monotonic()
        yield
        each_s = (time.monotonic() - begun) / len(tasks)
        self.count = MOST_TOGETHER if each_s == 0 else max(1, min(MOST_TOGETHER, int(TOGETHER_S / each_s)))


@dataclass(slots=True)
class _Worker:
    """A process and what it was given, the oldest first.

    Attributes:
        room: tasks that it has at hand, at most: those it does together, and one so that it need not wait.
        is_ready: whether it has made what does the tasks.
    """

    process: Any
    tasks: Connection
    results: Connection
    at_hand: deque[int] = field(default_factory=deque)
    room: int = 2
    is_ready: bool = False


class _Pool(Generic[Task, Done]):
    """Processes that work on one run's tasks."""

    def __init__(self, make: Make[Task, Done], processes: int, total: int | None) -> None:
        self._make, self._count, self._total = make, processes, total
        self._context = get_context("spawn")
        self._workers: list[_Worker] = []
        self._tasks: dict[int, Task] = {}  # given out, or to be given out again
        self._again: deque[int] = deque()  # one of which may end any process
        self._done: dict[int, Done | WorkerLost] = {}
        self._given = 0
        self._is_out = False  # whether the tasks have come to their end

    def run(
        self, tasks: Iterator[Task], is_stopped: Callable[[], bool]
    ) -> Iterator[tuple[Task, Done | WorkerLost]]:
        handed = 0
        try:
            self._workers = [self._started() for _ in range(self._count)]
            while True:
                stopped = is_stopped()
                self._feed(tasks, self._given if stopped else handed + AHEAD * self._count)
                while handed in self._done:
                    yield self._tasks.pop(handed), self._done.pop(handed)
                    handed += 1
                if not any(worker.at_hand for worker in self._workers) and not self._again:
                    if handed == self._given and (stopped or self._is_out):
                        return
                    continue
                self._collect()
        finally:
            self._end()

    def _feed(self, tasks: Iterator[Task], limit: int) -> None:
        """Give every process what it can take, one each in turn, of tasks numbered below the limit."""
        while sum(self._give(worker, tasks, limit) for worker in self._workers):
            pass

    def _give(self, worker: _Worker, tasks: Iterator[Task], limit: int) -> bool:
        """Give a process one task, if it can take one and there is one.

        What another process may have ended at goes to one that has nothing else at hand.
        """
        if self._again and not worker.at_hand:
            number, worker.room = self._again.popleft(), 1
        elif len(worker.at_hand) < self._room(worker) and (new := self._next(tasks, limit)) is not None:
            number = new
        else:
            return False
        worker.at_hand.append(number)
        with suppress(OSError):  # it is gone, which is noticed where results are collected
            worker.tasks.send(self._tasks[number])
        return True

    def _room(self, worker: _Worker) -> int:
        """Tasks that a process has at hand, at most: towards the end a share of those that are left."""
        if self._total is None or worker.room == 1:
            return worker.room
        return max(2, min(worker.room, (self._total - self._given) // self._count))

    def _next(self, tasks: Iterator[Task], limit: int) -> int | None:
        if self._is_out or self._given >= limit:
            return None
        try:
            self._tasks[self._given] = next(tasks)
        except StopIteration:
            self._is_out = True
            return None
        self._given += 1
        return self._given - 1

    def _collect(self) -> None:
        """Wait for some results, or for a while."""
        ready = wait([worker.results for worker in self._workers], timeout=LOOK_EVERY_S)
        for worker in [each for each in self._workers if each.results in ready]:
            try:
                kind, value, together = worker.results.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if kind == "raised":
                raise value
            if kind == "ready":
                worker.is_ready = True
            else:
                self._done[worker.at_hand.popleft()] = value
                worker.room = together + 1

    def _replace(self, worker: _Worker) -> None:
        """Another process for one that is gone; what it was at is lost, what it had waiting is not.

        Of several tasks at hand nobody knows at which it was: they are done again, one by one.
        """
        worker.process.join()
        code = worker.process.exitcode
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        if not worker.is_ready:
            raise WorkerLost(f"A process has ended before its work, {how}. Give fewer --jobs.")
        lost = WorkerLost(
            f"The process at work on it has ended, {how}. If the memory was full, give fewer --jobs."
        )
        if len(worker.at_hand) == 1:
            self._done[worker.at_hand.popleft()] = lost
        self._again.extend(worker.at_hand)
        _close(worker)
        self._workers[self._workers.index(worker)] = self._started()

    def _started(self) -> _Worker:
        # Two pipes of one direction each: one of both would be a socket, and nothing here opens any.
        taken, tasks = self._context.Pipe(duplex=False)
        results, made = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_serve, args=(taken, made, self._make), daemon=True)
        with _deaf_children():
            process.start()
        taken.close()
        made.close()
        return _Worker(process, tasks, results)

    def _end(self) -> None:
        for worker in self._workers:
            _close(worker)  # which ends it when its task is done
        for worker in self._workers:
            if worker.at_hand:
                worker.process.terminate()
            worker.process.join()


def _close(worker: _Worker) -> None:
    for connection in (worker.tasks, worker.results):
        with suppress(OSError):  # what waits in it reaches nobody
            connection.close()


def _serve(tasks: Connection, results: Connection, make: Make[Any, Any]) -> None:
    """What a process does: tasks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            pace = _Pace()
            with make() as work:
                results.send(("ready", None, pace.count))
                while some := _waiting(tasks, pace.count):
                    with pace.of(some):
                        for done in work(some):
                            results.send(("done", done, pace.count))
        except Exception as error:  # noqa: BLE001 - raised again where the tasks come from
            results.send(("raised", error, 0))
    except OSError:  # nobody is there any more
        return


def _waiting(tasks: Connection, count: int) -> list[Any]:
    """The next task and those that wait behind it, so many at most; none when there will be no more."""
    found: list[Any] = []
    try:
        while not found or (len(found) < count and tasks.poll()):
            found.append(tasks.recv())
    except EOFError:
        return []  # who would take the results is gone too
    return found


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl+C and compute on one thread each, unless the user says more."""
    alone = {name: "1" for name in THREAD_VARIABLES if name not in os.environ}
    os.environ.update(alone)
    can_block = hasattr(signal, "pthread_sigmask")  # Windows cannot
    if can_block:
        resource_tracker.ensure_running()  # for starting it, as the first process would, lets signals in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else None
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for name in alone:
            del os.environ[name]
