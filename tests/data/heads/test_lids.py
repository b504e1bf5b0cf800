from __future__ import annotations

import numpy as np
import pytest

from lineament.data.heads.lids import BLINKS, MAX_BLINK, SHUT, Lids, lid_margins
from lineament.data.render.identities import photographed_identities


@pytest.fixture(scope="module")
def lids(lfm) -> Lids:
    return Lids.of(lfm)


def blinking(lfm, left, right):
    expression = np.zeros(len(lfm.expression_names), np.float32)
    expression[[lfm.expression_names.index(name) for name in BLINKS]] = left, right
    return expression


def test_a_blink_of_one_shuts_the_mean_face(lfm, lids):
    none = np.zeros(len(lfm.identity_basis))
    np.testing.assert_allclose(lids.closing(none, blinking(lfm, 0, 0)), 1, atol=2e-3)


def test_the_margins_of_any_face_meet_or_cross_where_it_is_shut(lfm, lids):
    rng = np.random.default_rng(0)
    margins = lid_margins(lfm)
    middle = slice(len(margins[0]) // 4, -(len(margins[0]) // 4))
    for _ in range(10):
        identity = photographed_identities().sample(rng, len(lfm.identity_basis))
        shut = lids.shut(identity, blinking(lfm, 1, 1))
        vertices = lfm.vertices_model(identity, shut)
        upper, lower = (vertices[margin][middle, 1] for margin in margins)
        below = (lower - upper) if shut.max() < MAX_BLINK else np.zeros(1)
        assert below.min() > -1e-3
        assert below.min() < 0.2


def test_left_and_right_change_places_in_a_mirror(lfm, lids):
    rng = np.random.default_rng(1)
    identity, expression = rng.normal(0, 0.3, len(lfm.identity_basis)), blinking(lfm, 0, 0)
    expression[3:] = rng.uniform(0, 0.2, len(expression) - 3)
    mirrored = lids.closing(*lfm.mirrored(identity, expression))
    np.testing.assert_allclose(mirrored[::-1], lids.closing(identity, expression), rtol=1e-4)


def test_eyes_that_are_not_meant_to_be_shut_stay_as_they_are(lfm, lids):
    identity = photographed_identities().mean
    half = blinking(lfm, 0.6, 1.0)
    shut = lids.shut(identity, half)
    left, right = (lfm.expression_names.index(name) for name in BLINKS)
    assert shut[left] == np.float32(0.6)
    assert shut[right] == pytest.approx(lids.closing(identity, half)[1], rel=1e-6)
    np.testing.assert_array_equal(half, blinking(lfm, 0.6, 1.0))
    assert SHUT > 0.6
