"""What weights mean, and what they are called."""

import numpy as np
import pytest

from lineament.errors import ConfigError
from lineament.expression_keys import (
    ARKIT_NAMES,
    KeyScale,
    key_groups,
    reported_weights,
    weights_at_rest,
)

NAMES = ("eyeBlinkLeft", "jawOpen", "mouthPucker")
SCALES = {"eyeBlinkLeft": KeyScale(rest=0.2, full=0.7), "mouthPucker": KeyScale(measured=False)}


def test_there_are_52_names_of_arkit_each_once_and_sides_come_in_pairs():
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    for name in ARKIT_NAMES:
        if name.endswith("Left"):
            assert name.removesuffix("Left") + "Right" in ARKIT_NAMES


def test_a_face_at_rest_reads_zero_and_a_shut_eye_one():
    weights = np.array([[0.2, 0.0, 0.9], [0.7, 0.4, 0.9], [0.45, 1.0, 0.9]])
    np.testing.assert_allclose(
        reported_weights(NAMES, weights, SCALES), [[0, 0, 0], [1, 0.4, 0], [0.5, 1, 0]], atol=1e-12
    )


def test_what_is_reported_and_what_is_left_out_are_the_weights_again_where_no_range_is_stretched():
    weights = np.array([0.5, 0.4, 0.3])
    scales = {"jawOpen": KeyScale(rest=0.1, full=1.1), "mouthPucker": KeyScale(measured=False)}
    for neutral in (None, np.array([0.0, 0.1, 0.2])):
        whole = weights_at_rest(NAMES, weights, scales, neutral) + reported_weights(
            NAMES, weights, scales, neutral
        )
        np.testing.assert_allclose(whole, weights)


def test_a_persons_own_rest_takes_the_place_of_the_tables():
    neutral = np.array([0.4, 0.1, 0.0])
    reported = reported_weights(NAMES, np.array([0.4, 0.1, 0.0]), SCALES, neutral)
    np.testing.assert_allclose(reported, 0, atol=1e-12)
    shut = reported_weights(NAMES, np.array([0.7, 1.0, 0.0]), SCALES, neutral)
    np.testing.assert_allclose(shut, [1, 1, 0])


def test_a_key_that_rests_near_its_end_is_stretched_by_twice_at_most():
    neutral = np.array([0.65, 0.0, 0.0])
    (weight, *_) = reported_weights(NAMES, np.array([0.7, 0.0, 0.0]), SCALES, neutral)
    assert weight == pytest.approx(0.05 / 0.25)


def test_a_key_may_be_read_from_several_weights_and_the_mesh_keeps_its_own_rest():
    half = KeyScale(rest=0.1, full=0.6, mix={"jawOpen": 0.5, "mouthPucker": -0.5}, mesh_rest=0.3)
    weights = np.array([[0.0, 1.0, 0.2], [0.0, 0.6, 0.6]])
    reported = reported_weights(NAMES, weights, {"jawOpen": half})
    np.testing.assert_allclose(reported[:, 1], [(0.4 - 0.1) / 0.5, -0.1 / 0.5])
    np.testing.assert_allclose(reported[:, 2], [0.2, 0.6])
    own = reported_weights(NAMES, weights, {"jawOpen": half}, neutral=np.array([0.0, 0.9, 0.3]))
    np.testing.assert_allclose(own[0, 1], (0.4 - 0.3) / 0.3)
    np.testing.assert_allclose(weights_at_rest(NAMES, weights[0], {"jawOpen": half}), [0, 0.3, 0])


def test_what_a_mix_names_and_a_method_does_not_give_counts_as_nothing():
    scales = {"jawOpen": KeyScale(mix={"jawOpen": 1.0, "tongueOut": 5.0})}
    np.testing.assert_allclose(reported_weights(NAMES, np.full(3, 0.5), scales), 0.5)


def test_a_mix_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="finite"):
        KeyScale(mix={"jawOpen": float("nan")})


@pytest.mark.parametrize(
    ("rest", "full"), [(0.5, 0.5), (0.5, 0.52), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_ranges_that_are_none_are_refused(rest, full):
    with pytest.raises(ValueError, match="rest"):
        KeyScale(rest=rest, full=full)


def test_models_without_arkits_names_keep_their_own():
    assert key_groups(("expression_0", "expression_1")) == {"expression_0": (0,), "expression_1": (1,)}


def test_sides_are_merged_and_strange_names_left_out_where_arkits_are_all_there():
    names = (*ARKIT_NAMES[:-1], "strange")
    groups = key_groups(names)
    assert list(groups) == list(ARKIT_NAMES)
    assert groups["tongueOut"] == ()
    assert "strange" in key_groups(names, "all")
    sided = ("browInnerUpLeft", "browInnerUpRight")
    assert key_groups(sided) == {"browInnerUp": (0, 1)}
    assert key_groups(sided, "all") == {"browInnerUpLeft": (0,), "browInnerUpRight": (1,)}


def test_other_targets_are_refused():
    with pytest.raises(ConfigError, match="'arkit' or 'all', not 'ARKit'"):
        key_groups(NAMES, "ARKit")


def test_an_eye_behind_its_lids_looks_nowhere():
    names = ("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeBlinkRight", "eyeLookDownRight")
    scales = {name: KeyScale() for name in names} | {"eyeLookDownLeft": KeyScale(full=0.5)}
    open_eyes = reported_weights(names, np.array([0.4, 0.3, 0.2, 0.1, 0.7]), scales)
    np.testing.assert_allclose(open_eyes, [0.4, 0.6, 0.2, 0.1, 0.7])
    winks = reported_weights(
        names, np.array([[0.9, 0.3, 0.2, 0.1, 0.7], [0.675, 0.3, 0.2, 0.1, 0.7]]), scales
    )
    np.testing.assert_allclose(winks, [[0.9, 0, 0, 0.1, 0.7], [0.675, 0.3, 0.1, 0.1, 0.7]])
    as_given = np.array([0.9, 0.3, 0.2, 0.1, 0.7])
    np.testing.assert_array_equal(reported_weights(names, as_given, {}), as_given)
