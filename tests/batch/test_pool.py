"""Tasks in processes: order, a process that is lost, what is raised."""

import os
import signal
import sys
import time
from functools import partial

import pytest

from lineament.batch import WorkerLost, run_in_order
from lineament.errors import ConfigError


def work(task):
    if task == "raise":
        raise ConfigError("no such thing")
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05 * (task % 2))
    return task * 10


def maker():
    return work


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
