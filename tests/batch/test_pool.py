"""Tasks in processes: order, a process that is lost, what is raised."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from functools import partial

import pytest

from lineament.batch import WorkerLost, run_in_order
from lineament.errors import ConfigError


def work(tasks):
    for task in tasks:
        if task == "raise":
            raise ConfigError("no such thing")
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05 * (task % 2))
        yield task * 10


@contextmanager
def maker():
    yield work


@contextmanager
def broken_maker():
    raise ConfigError("no weights")


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_tasks(processes):
    found = list(run_in_order(maker, range(9), processes=processes))
    assert found == [(k, 10 * k) for k in range(9)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_process_that_is_killed_costs_the_task_it_was_at_and_no_other():
    found = dict(run_in_order(maker, [0, 1, "die", 3, 4, 5, 6], processes=2))
    assert isinstance(found.pop("die"), WorkerLost)
    assert found == {k: 10 * k for k in (0, 1, 3, 4, 5, 6)}


@contextmanager
def counting_maker():
    """Tasks take as long as they say, in seconds; what comes of each is how many were done together."""

    def counted(tasks):
        for task in tasks:
            time.sleep(task)
            yield len(tasks)

    yield counted


def together(tasks, **options):
    return [count for _, count in run_in_order(counting_maker, tasks, **options)]


@pytest.mark.parametrize("processes", [1, 2])
def test_quick_tasks_are_done_together_and_slow_ones_are_not(processes):
    quick = together([0.001] * 80, processes=processes)
    assert quick[0] == 1
    assert max(quick) == 8
    assert max(together([0.6] * 4, processes=processes)) == 1


def test_of_a_known_number_of_tasks_the_last_are_shared_out():
    assert max(together([0.01] * 100, processes=2, total=100)[-8:]) <= 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_of_tasks_done_together_the_one_that_kills_a_process_alone_is_lost():
    tasks = [*range(0, 60, 2), "die", *range(60, 120, 2)]
    found = dict(run_in_order(maker, tasks, processes=2))
    assert list(found) == tasks
    assert isinstance(found.pop("die"), WorkerLost)
    assert found == {k: 10 * k for k in range(0, 120, 2)}


@contextmanager
def leaving_maker(folder):
    yield work
    (folder / str(os.getpid())).touch()


@pytest.mark.parametrize("processes", [1, 2])
def test_what_does_the_tasks_is_closed_at_the_end(processes, tmp_path):
    list(run_in_order(partial(leaving_maker, tmp_path), range(4), processes=processes))
    assert len(list(tmp_path.iterdir())) == processes


@pytest.mark.parametrize(("make", "tasks"), [(maker, [0, "raise", 2]), (broken_maker, [0])])
@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_raised_arrives(make, tasks, processes):
    with pytest.raises(ConfigError, match="no"):
        list(run_in_order(make, tasks, processes=processes))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_stop_hands_over_what_is_in_hand_and_begins_nothing_more(processes):
    found = []
    for task, _ in run_in_order(maker, range(100), processes=processes, is_stopped=lambda: len(found) >= 3):
        found.append(task)
    assert found == list(range(len(found)))
    assert 3 <= len(found) < 50


def test_tasks_are_asked_for_as_processes_get_free():
    asked = []

    def tasks():
        for number in range(200):
            asked.append(number)
            yield number

    run = run_in_order(partial(maker), tasks(), processes=2)
    next(run)
    assert len(asked) < 50
    run.close()
