import numpy as np
import pytest

from lineament.data.heads.lids import lid_margins
from tools.face_model.lids import with_closing_lids


@pytest.fixture(scope="module")
def margins(lfm):
    """Upper and lower margin of the person's left eye."""
    return lid_margins(lfm)


def blinked(model, weight: float, name: str = "eyeBlinkLeft"):
    """The mean face with one eye shut as far as `weight`."""
    return model.neutral_model + weight * model.expression_basis[model.expression_names.index(name)]


def test_the_margins_meet_in_the_corners_of_the_eye_and_nowhere_else_at_rest(lfm, margins):
    upper, lower = margins
    gap = lfm.neutral_model[upper, 1] - lfm.neutral_model[lower, 1]
    assert gap[0] == gap[-1] == 0
    assert np.all(gap[1:-1] > 0.5)
    assert gap.max() > 8


def test_a_blink_of_weight_one_leaves_no_slit(lfm, margins):
    upper, lower = margins
    shut = blinked(lfm, 1.0)
    assert np.linalg.norm(shut[upper] - shut[lower], axis=1).max() < 0.002


def test_shutting_lids_stay_in_front_of_the_eyeball(lfm, margins):
    first, last = lfm.parts["eyeballs"]
    ball = lfm.neutral_model[np.unique(lfm.triangles[first:last])]
    ball = ball[ball[:, 0] > 0].astype(float)
    rows = np.column_stack([2 * ball, np.ones(len(ball))])
    *centre, rest = np.linalg.lstsq(rows, np.sum(ball**2, axis=1), rcond=None)[0]
    radius = np.sqrt(rest + np.dot(centre, centre))
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        margin = blinked(lfm, weight)[np.concatenate(margins)]
        assert np.linalg.norm(margin - centre, axis=1).min() > radius


def test_both_eyes_shut_as_mirror_images(lfm):
    left, right = blinked(lfm, 1.0), blinked(lfm, 1.0, "eyeBlinkRight")
    np.testing.assert_allclose(left[lfm.mirror.vertex] * [-1, 1, 1], right, atol=1e-5)


def test_closing_what_is_closed_changes_nothing_else(lfm):
    again = with_closing_lids(lfm)
    np.testing.assert_allclose(again.expression_basis, lfm.expression_basis, atol=2e-3)
