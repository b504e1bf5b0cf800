from pathlib import Path

import pytest

from benchmarks.steps import THE_REST, StepClock, StepWatch, alignment_watch, steps_of
from lineament import FaceAligner
from lineament.network import OnnxNetwork

HOPPER = Path(__file__).parents[2] / "demo" / "photos" / "hopper.jpg"


class Time:
    """Seconds that pass only when they are told to."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


class Worker:
    """Somebody with a name."""

    def __init__(self, name):
        self.name = name

    def work(self, now, more=0):
        now.seconds += 1 + more
        return 1 + more


def test_steps_do_not_have_what_the_steps_inside_them_have():
    now = Time()
    clock = StepClock(now)
    now.seconds += 1
    with clock.step("outer"):
        now.seconds += 2
        with clock.step("inner"):
            now.seconds += 4
        now.seconds += 8
    now.seconds += 16
    with clock.step("inner"):
        now.seconds += 32
    assert clock.stop() == {"outer": 10, "inner": 36, THE_REST: 17}


def test_functions_are_steps_while_they_are_watched():
    now, plain = Time(), Worker.work
    with StepWatch({(Worker, "work"): lambda worker: f"step of {worker.name}"}) as watch:
        watch.clock = StepClock(now)
        assert Worker("one").work(now, more=2) == 3
        assert watch.clock.stop() == {"step of one": 3, THE_REST: 0}
    assert Worker.work is plain


@pytest.mark.parametrize("name", ["default", "fast"])
def test_every_step_of_an_alignment_is_told_and_nothing_stays_watched(name):
    aligner, plain = FaceAligner.from_pretrained(name, threads=1), OnnxNetwork.__call__
    with alignment_watch(aligner) as watch:
        steps = steps_of(aligner, watch, HOPPER.read_bytes())
    of_default = {
        *("close-ups: crops", "close-ups: networks", "close-ups: update"),
        *("face: first look", "in front: crop", "in front: network"),
    }
    plain_steps = {
        *("decode", "detect: shrink", "detect: network", "detect: boxes"),
        *("face: crop", "face: network", "mesh", THE_REST),
    }
    assert set(steps) == plain_steps | (of_default if name == "default" else set())
    assert all(seconds > 0 for seconds in steps.values())
    assert OnnxNetwork.__call__ is plain
