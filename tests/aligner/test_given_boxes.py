import numpy as np
import pytest

from lineament.aligner import FaceAligner
from lineament.errors import BoxError


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 9, 9], [0, 0, np.nan, 9]], r"boxes\[1\] is not finite"),
        ([[5, 5, 5, 9]], r"boxes\[0\] has no area"),
        ([[400, 5, 500, 90]], r"boxes\[0\] lies outside of the photo"),
        ([1, 2, 3, 4], r"\(n, 4\)"),
        ([[1, 2, 3, 4], [5, 6]], r"rows of four numbers"),
        ([["a", "b", "c", "d"]], r"\(n, 4\)"),
        ([[1, 2, 3, 4, 0.9]], r"\(n, 4\)"),
    ],
)
def test_a_bad_box_is_named(method, photo, boxes, message):
    with pytest.raises(BoxError, match=message):
        FaceAligner(method)(photo, boxes=boxes)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0.1, 0.2, 0.5, 0.6]], "boxes are in px, found values of 0 to 1"),
        ([[-1e19, -1e19, 1e19, 1e19]], r"boxes\[0\] reaches beyond 1e\+08 px"),
        ([[-9e6, 0, 9e6, 9e6]], r"boxes\[0\] is 1\.8e\+07 x 9e\+06 px; a box may be up to 20 times"),
    ],
)
def test_boxes_of_other_units_are_refused_with_the_right_words(method, photo, boxes, message):
    with pytest.raises(BoxError, match=message):
        FaceAligner(method)(photo, boxes=boxes)
