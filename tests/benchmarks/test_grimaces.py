from benchmarks.grimaces import CLIP, LEFT, RIGHT, pulled, summary
from shared import shared_path


def test_no_frame_is_labelled_twice():
    assert len({*LEFT, *RIGHT}) == len(LEFT) + len(RIGHT) == 40


def test_what_is_not_plain_is_named():
    assert summary({24: 0.5, 61: 0.1, 62: -0.2}).splitlines() == [
        "side right on 2 of 3 frames, by at least 0.3 on 1",
        "the others, difference towards the label: 61 (+0.10), 62 (-0.20)",
    ]


def test_the_mouths_side_is_right_nearly_always():
    found = pulled(shared_path(CLIP), "default")
    assert len(found) == 40
    assert sum(value > 0 for value in found.values()) >= 36
