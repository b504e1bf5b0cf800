import numpy as np
import pytest

from lineament.evaluate.items import FaceRegion
from lineament.evaluate.scores.masks import HIDDEN_IOU, SHOWN_IOU, intersection_over_union, mask_scores


def region(*, hidden=0, counted=10):
    """A face of ten columns in a picture of twenty, so many of which are hidden; so many columns count."""
    face = np.zeros((4, 20), bool)
    face[:, :10] = True
    shown, known = face.copy(), np.zeros((4, 20), bool)
    shown[:, :hidden] = False
    known[:, :counted] = True
    return FaceRegion(face, shown, known)


def mask(first, last):
    values = np.zeros((4, 20), np.float32)
    values[:, first:last] = 0.9
    return values


def test_a_mask_that_is_right_has_no_error():
    assert mask_scores(mask(3, 10), region(hidden=3)) == {SHOWN_IOU: 1.0, HIDDEN_IOU: 1.0}


def test_a_mask_that_knows_of_nothing_in_front_counts_what_is_hidden_as_seen():
    found = mask_scores(mask(0, 10), region(hidden=4))
    assert found[SHOWN_IOU] == pytest.approx(6 / 10)
    assert found[HIDDEN_IOU] == 0


def test_a_mask_beside_the_face_is_wrong_only_where_that_is_known():
    assert mask_scores(mask(0, 20), region())[SHOWN_IOU] == 1
    found = mask_scores(mask(0, 20), region(hidden=5, counted=20))
    assert found[SHOWN_IOU] == pytest.approx(5 / 20)
    assert found[HIDDEN_IOU] == 0


def test_of_a_face_that_nothing_hides_only_the_first_is_known():
    found = mask_scores(mask(0, 5), region())
    assert found[SHOWN_IOU] == pytest.approx(0.5)
    assert np.isnan(found[HIDDEN_IOU])


def test_two_masks_of_nothing_have_no_overlap_to_speak_of():
    nothing = np.zeros((3, 3), bool)
    assert np.isnan(intersection_over_union(nothing, nothing))
    assert intersection_over_union(nothing, ~nothing) == 0
