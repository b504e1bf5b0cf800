"""How keys are read, and their rest and range, from what a network gave."""

import numpy as np
import pytest

from lineament.expression_keys import KeyScale
from tools.calibrate_expressions import MOST, Readings, key_mixing, key_scales

NAMES = ("jawOpen", "eyeLookUpLeft", "cheekPuffLeft", "mouthPucker")
KEY = np.array([-1, 0, 0, 0, 1, 2, 3])
SIDED = ("mouthSmileLeft", "mouthSmileRight", "mouthDimpleLeft", "mouthDimpleRight")


def readings(found, *, rest):
    return Readings(found, KEY, np.tile(rest, (9, 1)), {})


def test_rest_and_range_are_measured_and_what_hardly_moves_keeps_the_range_of_the_face_model():
    found = np.zeros((7, 4))
    found[1:4, 0] = (0.5, 0.6, 0.9)
    found[4, 1], found[5, 2], found[6, 3] = 0.9, 0.1, 1.6
    rest = np.array([0.1, 0.0, 0.05, 0.0])
    assert key_scales(NAMES, readings(found, rest=rest), ["eyeLook"]) == {
        "jawOpen": KeyScale(0.1, 0.6),
        "eyeLookUpLeft": KeyScale(measured=False),
        "cheekPuffLeft": KeyScale(0.05, 1.0),
        "mouthPucker": KeyScale(0.0, MOST),
    }


def test_rest_is_above_nearly_all_sitters_but_below_lips_that_stand_ajar():
    sitters = np.zeros((1000, 4))
    sitters[:1], sitters[1:80], sitters[80:] = 0.9, 0.4, 0.2
    scales = key_scales(NAMES, Readings(np.zeros((1, 4)), np.array([-1]), sitters, {}))
    assert scales["mouthPucker"].rest == pytest.approx(0.4)
    assert scales["jawOpen"].rest == pytest.approx(0.2)


def test_jaws_have_one_range_on_both_sides():
    found, key = np.array([[0.8, 0.0], [0.0, 0.4]]), np.arange(2)
    rest = np.tile([0.1, 0.2], (9, 1))
    scales = key_scales(("jawLeft", "jawRight"), Readings(found, key, rest, {}))
    assert scales["jawLeft"] == scales["jawRight"]
    assert (scales["jawLeft"].rest, scales["jawLeft"].full) == pytest.approx((0.15, 0.6))


def test_a_key_is_read_from_its_part_of_the_face_alone():
    """On rendered faces a brow may go with a lip; nothing of a lip tells where a brow is."""
    names = ("browDownLeft", "browDownRight", "mouthLowerDownLeft", "mouthLowerDownRight")
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 1, (300, 4))
    truth[:, 2:] = truth[:, :2]
    given = truth + 0.3 * rng.standard_normal(truth.shape)
    resting = 0.01 * rng.standard_normal((40, 4))
    mixing = key_mixing(names, given, truth, np.zeros(300, bool), resting, np.zeros((0, 4)))
    np.testing.assert_array_equal(mixing[2:, :2], 0)
    np.testing.assert_array_equal(mixing[:2, 2:], 0)
    assert np.diag(mixing).min() > 0.2


def test_shut_eyes_and_wide_mouths_of_people_read_one():
    names = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen")
    raised, key = np.eye(3), np.arange(3)
    fully = {"eyeBlink": np.full((5, 3), 0.7), "jawOpen": np.full((5, 3), 0.6)}
    of_people, rendered = (
        key_scales(names, Readings(raised, key, np.zeros((9, 3)), found)) for found in (fully, {})
    )
    assert of_people["eyeBlinkLeft"] == of_people["eyeBlinkRight"] == KeyScale(0.0, 0.7)
    assert of_people["jawOpen"] == KeyScale(0.0, 0.6)
    assert rendered["eyeBlinkLeft"] == rendered["jawOpen"] == KeyScale(0.0, 1.0)


def test_the_mix_takes_off_what_a_network_gives_of_one_key_for_another():
    rng = np.random.default_rng(0)
    truth = np.eye(4)[rng.integers(0, 4, 2000)] * rng.uniform(0, 1, (2000, 1))
    blurred = np.eye(4) * 0.4 + 0.1
    given = truth @ blurred + 0.01 * rng.standard_normal(truth.shape)
    resting = 0.01 * rng.standard_normal((40, 4))
    mixing = key_mixing(SIDED, given, truth, np.ones(2000, bool), resting, np.zeros((0, 4)))
    read = np.eye(4) @ blurred @ mixing
    assert np.diag(read).min() > 0.8
    assert np.abs(read - np.diag(np.diag(read))).max() < 0.05
    other = [1, 0, 3, 2]
    np.testing.assert_allclose(mixing[other][:, other], mixing, rtol=0.05, atol=0.05)


def test_where_an_eye_looks_is_read_from_the_eyes_alone():
    """On rendered faces gaze and jaw may go together; nothing of a jaw tells where somebody looks."""
    names = ("eyeLookUpLeft", "eyeLookUpRight", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen")
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 1, (2000, 5))
    truth[:, 4] = truth[:, 0]
    truth[:, 1] = truth[:, 0]
    given = truth + 0.2 * rng.standard_normal(truth.shape)
    given[:, 4] = truth[:, 4]  # the jaw is seen far better than the gaze
    resting = 0.01 * rng.standard_normal((40, 5))
    mixing = key_mixing(names, given, truth, np.ones(2000, bool), resting, np.zeros((0, 5)))
    np.testing.assert_array_equal(mixing[4, :2], 0)
    assert mixing[4, 4] > 0.5
    assert mixing[:2, 0].sum() > 0.5


def test_lips_that_differ_on_both_sides_of_photographs_are_no_jaw_moved_aside():
    """Rendered lips differ where the jaw is aside, those of people on turned heads."""
    names = ("jawLeft", "jawRight", "mouthLowerDownLeft", "mouthLowerDownRight")
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 3, 300)  # jaw left, jaw right, both lips down
    truth = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]], float)[shown]
    seen = np.array([[0.3, 0, 0.1, 0.6], [0, 0.3, 0.6, 0.1], [0, 0, 0.9, 0.9]])
    given = seen[shown] + 0.1 * rng.standard_normal(truth.shape)
    resting = 0.01 * rng.standard_normal((40, 4))
    turned = rng.uniform(0, 1, (600, 4)) * (0, 0, 0.1, 0.6)

    def mixing(natural):
        return key_mixing(names, given, truth, np.zeros(300, bool), resting, natural)

    blind, told = mixing(np.zeros((0, 4))), mixing(turned)
    assert np.abs(turned @ told[:, 0]).mean() < 0.7 * np.abs(turned @ blind[:, 0]).mean()
    assert (seen @ told)[0, 0] > 0.7 * (seen @ blind)[0, 0]
    np.testing.assert_allclose(told[[1, 0, 3, 2]][:, [1, 0, 3, 2]], told, rtol=0.05, atol=0.05)
    np.testing.assert_array_equal(told[:, 2:], blind[:, 2:])
