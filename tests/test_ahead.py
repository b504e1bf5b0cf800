import threading
import time

import pytest

from lineament.ahead import Behind, ahead


def test_items_come_in_order_and_a_few_are_made_before_they_are_asked_for():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    run = ahead(items(), count=3)
    assert next(run) == 0
    time.sleep(0.2)
    assert 3 <= len(made) <= 6
    assert list(run) == list(range(1, 50))


def test_what_is_raised_comes_after_the_items_before_it():
    def items():
        yield 1
        raise KeyError("gone")

    run = ahead(items())
    assert next(run) == 1
    with pytest.raises(KeyError, match="gone"):
        next(run)


def test_nobody_makes_items_any_more_once_it_is_closed():
    run = ahead(iter(range(10**9)))
    next(run)
    run.close()
    assert "lineament-ahead" not in [thread.name for thread in threading.enumerate()]


def test_work_behind_is_done_in_order_and_finished_at_the_end():
    done = []
    behind = Behind(lambda item: (time.sleep(0.01), done.append(item)))
    for number in range(9):
        behind.add(number)
    behind.finish()
    assert done == list(range(9))


def test_what_work_behind_raises_comes_back_and_nobody_waits_for_ever():
    def work(item):
        raise OSError(28, "full")

    def add_many(behind):
        for number in range(100):
            behind.add(number)
            time.sleep(0.01)

    behind = Behind(work)
    with pytest.raises(OSError, match="full"):
        add_many(behind)
    behind.end()
    behind = Behind(work)
    behind.add(1)
    with pytest.raises(OSError, match="full"):
        behind.finish()
