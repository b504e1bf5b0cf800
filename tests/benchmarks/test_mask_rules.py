from dataclasses import replace

import numpy as np
import pytest

from benchmarks.mask_rules import LAST_FOR_TRAINING, RULES, Looked, faces, scores
from shared import shared_path


def look(own, lent):
    """Two landmarks of two vertices each, of which the second is hidden; four pixels, the last two hidden."""
    return Looked(
        at_vertices=np.array([own[:2], lent[:2]]).repeat(2, axis=1),
        head=np.ones(4),
        starts=np.array([0, 2]),
        seen=np.array([True, False]),
        counted=np.array([True, True]),
        at_pixels=np.array([own, lent]),
        inside=np.array([True, True, True, False]),
        shown=np.array([True, False, True, False]),
    )


def test_a_mask_that_is_right_has_all_and_one_that_is_wrong_nothing():
    right, wrong = np.array([0.9, 0.2, 0.9, 0.2]), np.array([0.2, 0.9, 0.2, 0.9])
    np.testing.assert_array_equal(scores([look(wrong, right)], RULES["lent"], "lent"), 100)
    found = scores([look(wrong, right)], RULES["own"], "own")
    np.testing.assert_array_equal(found, [50, 50, 0, 0, 0])


def test_a_face_before_which_nothing_is_does_not_count_for_what_is_hidden():
    hidden, skin = np.array([0.9, 0.2, 0.9, 0.2]), np.full(4, 0.9)
    free = replace(look(skin, hidden), shown=np.ones(4, bool), inside=np.ones(4, bool))
    found = scores([look(skin, hidden), free], RULES["lent"], "lent")
    assert found[3:].tolist() == [75, 100]


def test_only_own_masks_say_skin_beyond_the_outline_of_the_mesh():
    skin = np.full(4, 0.9)
    own, lent = (scores([look(skin, skin)], RULES[name], name) for name in ("own", "lent"))
    assert own[3:].tolist() == [50, 0]  # two of four pixels are skin
    assert lent[3] == pytest.approx(100 * 2 / 3)
    assert lent[4] == pytest.approx(50)  # of two that are hidden the one beyond the outline


def test_rules_that_join_lie_between_both_masks_or_below():
    own, lent = np.random.default_rng(0).uniform(0.01, 0.99, (2, 100))
    low, high = np.minimum(own, lent), np.maximum(own, lent)
    for name in ("geometric mean", "log-odds, mean", "log-odds, lent by 3/4", "smaller"):
        joined = RULES[name](own, lent)
        assert (joined >= low - 1e-9).all(), name
        assert (joined <= high + 1e-9).all(), name
    assert (RULES["product"](own, lent) < low).all()
    np.testing.assert_allclose(RULES["log-odds, mean"](np.array(0.9), np.array(0.5)), 0.75)  # odds 9, 1: 3


def test_nobody_for_validation_is_among_the_people():
    shared_path("photos/cfp.zip")
    drawn = list(faces(40))
    assert len({face.name for face in drawn}) == 40
    numbers = [int(face.name.split("/")[1][:3]) for face in drawn if face.name.startswith("cfp/")]
    assert 5 < len(numbers) < 20
    assert max(numbers) <= LAST_FOR_TRAINING
