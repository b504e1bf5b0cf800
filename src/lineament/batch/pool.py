"""Tasks in several processes, their results in the tasks' order; a process that is lost costs one task.

Processes are started afresh ("spawn"): networks have threads, which do not survive a fork. They do not hear
Ctrl+C, which a terminal sends to all; they end when the process that started them does, however that ends.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from lineament.errors import LineamentError

Task = TypeVar("Task")
Done = TypeVar("Done")

TASKS_AT_HAND = 2  # of a process: one it works on, and one so that it need not wait
AHEAD = 16  # results of each process that may wait for a slow task before them
LOOK_EVERY_S = 0.5  # for a stop
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLost(LineamentError):
    """The process that did a task has ended, by a signal or for want of memory."""


def run_in_order(
    make: Callable[[], Callable[[Task], Done]],
    tasks: Iterable[Task],
    *,
    processes: int,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Done | WorkerLost]]:
    """Each task and what came of it, in their order, whichever process is quicker.

    Args:
        make: called once in each process, makes what does the tasks; travels by pickle, as tasks and results.
        tasks: asked for as processes get free.
        processes: how many; with one everything is done here.
        is_stopped: once it says so no more tasks are begun; those in hand are finished and handed over.

    Raises:
        Exception: what `make` or a task raised, from wherever it was.
    """
    if processes > 1:
        yield from _Pool(make, processes).run(iter(tasks), is_stopped)
        return
    work = make()
    for task in tasks:
        if is_stopped():
            return
        yield task, work(task)


@dataclass(slots=True)
class _Worker:
    """A process and what it was given, the oldest first."""

    process: Any
    tasks: Connection
    results: Connection
    at_hand: deque[int] = field(default_factory=deque)
    is_ready: bool = False


class _Pool(Generic[Task, Done]):
    """Processes that work on one run's tasks."""

    def __init__(self, make: Callable[[], Callable[[Task], Done]], processes: int) -> None:
        self._make, self._count = make, processes
        self._context = get_context("spawn")
        self._workers: list[_Worker] = []
        self._tasks: dict[int, Task] = {}  # given out, or to be given out again
        self._again: deque[int] = deque()
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
        """Give every process what it can take, of tasks numbered below the limit."""
        for _ in range(TASKS_AT_HAND):
            for worker in self._workers:
                if len(worker.at_hand) >= TASKS_AT_HAND:
                    continue
                number = self._next(tasks, limit)
                if number is None:
                    return
                worker.at_hand.append(number)
                with suppress(OSError):  # it is gone, which is noticed where results are collected
                    worker.tasks.send(self._tasks[number])

    def _next(self, tasks: Iterator[Task], limit: int) -> int | None:
        if self._again:
            return self._again.popleft()
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
                kind, value = worker.results.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            if kind == "raised":
                raise value
            if kind == "ready":
                worker.is_ready = True
            else:
                self._done[worker.at_hand.popleft()] = value

    def _replace(self, worker: _Worker) -> None:
        """Another process for one that is gone; what it was at is lost, what it had waiting is not."""
        worker.process.join()
        code = worker.process.exitcode
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        if not worker.is_ready:
            raise WorkerLost(f"A process has ended before its work, {how}. Give fewer --jobs.")
        lost = WorkerLost(
            f"The process at work on it has ended, {how}. If the memory was full, give fewer --jobs."
        )
        if worker.at_hand:
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


def _serve(tasks: Connection, results: Connection, make: Callable[[], Callable[[Any], Any]]) -> None:
    """What a process does: tasks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            work = make()
            results.send(("ready", None))
            while True:
                try:
                    task = tasks.recv()
                except EOFError:
                    return
                results.send(("done", work(task)))
        except Exception as error:  # noqa: BLE001 - raised again where the tasks come from
            results.send(("raised", error))
    except OSError:  # nobody is there any more
        return


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
