import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lineament.evaluate.scores.parts import (
    average_precision,
    jitter,
    opening,
    restlessness,
    visibility_accuracy,
)
from lineament.geometry.topology import LID_PAIRS_68, LIP_PAIRS_68

RNG = np.random.default_rng(3)
FACE = RNG.normal(0, 50, (68, 3))


@pytest.mark.parametrize("pairs", [LID_PAIRS_68, LIP_PAIRS_68])
def test_openings_change_neither_with_pose_nor_with_size(pairs):
    rotated = 3.0 * FACE @ Rotation.random(rng=RNG).as_matrix().T + 17
    assert opening(rotated, pairs) == pytest.approx(opening(FACE, pairs))


def test_lips_apart_by_a_tenth_of_the_eyes_distance_are_a_tenth_open():
    face = np.zeros((68, 3))
    face[45, 0] = 100
    face[[61, 62, 63], 1] = 10
    assert opening(face, LIP_PAIRS_68) == pytest.approx(0.1)


def test_average_precision_is_that_of_a_loop_over_ranks():
    score, hidden = RNG.permutation(100).astype(float), RNG.random(100) < 0.3
    order = sorted(range(100), key=lambda i: -score[i])
    hits, total = 0, 0.0
    for rank, index in enumerate(order, start=1):
        if hidden[index]:
            hits += 1
            total += hits / rank
    assert average_precision(score, hidden) == pytest.approx(total / hidden.sum())


def test_a_perfect_order_has_precision_one_and_a_constant_one_the_fraction_of_hidden_points():
    hidden = np.arange(50) % 5 == 0
    assert average_precision(hidden.astype(float), hidden) == 1
    assert average_precision(np.ones(50), hidden) == pytest.approx(0.2)
    assert np.isnan(average_precision(np.ones(5), np.zeros(5, bool)))


def test_visibility_is_right_on_the_right_side_of_the_threshold():
    assert visibility_accuracy(np.array([0.9, 0.4, 0.6, 0.1]), np.array([True, True, False, False])) == 0.5


def test_a_constant_error_does_not_jitter_and_alternating_ones_do():
    truth = np.cumsum(RNG.normal(0, 2, (20, 68, 2)), axis=0)
    size = np.full(20, 100.0)
    assert jitter(truth + np.array([3, 4]), truth, size) == pytest.approx(0, abs=1e-12)
    jittered = truth + np.where(np.arange(20) % 2, 1.0, -1.0)[:, None, None] * (3, 4)
    assert jitter(jittered, truth, size) == pytest.approx(0.1)


def test_an_even_motion_is_not_restless():
    steady = np.arange(20)[:, None, None] * np.array([2.0, -1.0]) + RNG.normal(size=(1, 68, 2))
    assert restlessness(steady, np.full(20, 100.0)) == pytest.approx(0, abs=1e-12)
    assert restlessness(steady**2, np.full(20, 100.0)) > 0.01


def test_frames_without_a_face_are_passed_over():
    truth = np.zeros((6, 68, 2))
    found = truth + np.array([3, 4])
    found[2] = np.nan
    assert jitter(found, truth, np.ones(6)) == pytest.approx(0)
