import numpy as np
import pytest

from lineament.aligner import FaceAligner
from lineament.errors import BoxError, ConfigError
from lineament.result import Detection


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 9, 9], [0, 0, np.nan, 9]], r"boxes\[1\] is not finite"),
        ([[5, 5, 5, 9]], r"boxes\[0\] has no area"),
        ([[400, 5, 500, 90]], r"boxes\[0\] lies outside of the photo"),
        ([1, 2, 3, 4], r"\(n, 4\)"),
        ([[1, 2, 3, 4], [5, 6]], r"rows of four numbers"),
        ([["a", "b", "c", "d"]], r"\(n, 4\)"),
        ([[1, 2, 3, 4, 0.9]], r"\(n, 4\).*boxes\[:, :4\]"),
        ([Detection(np.array([1, 2, 3, 4]), 0.9)], r"\(n, 4\).*`box_xyxy`"),
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


class Finds:
    """A detector of the caller's own, which finds what it is told."""

    def __init__(self, found):
        self.found = found

    def detect(self, image):
        return self.found


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (None, "found NoneType"),
        (Detection(np.array([9, 9, 40, 40]), 0.9), "found Detection"),
        ([(9, 9, 40, 40)], "found in it tuple"),
        (np.array([[9, 9, 40, 40, 0.9]]), "found in it ndarray"),
    ],
)
def test_what_a_detector_gives_is_named_unless_it_is_detections(method, photo, found, named):
    aligner = FaceAligner(method, detector=Finds(found))
    with pytest.raises(ConfigError, match=f"Finds.detect must give a list of Detection, {named}"):
        aligner(photo)
    assert [named in str(each.error) for each in aligner.align_many([photo])] == [True]


def test_detections_may_be_any_iterable(method, photo):
    found = Detection(np.array([20.0, 20.0, 120.0, 120.0]), 0.9)
    listed = FaceAligner(method, detector=Finds([found]))(photo)
    given = FaceAligner(method, detector=Finds(iter([found])))(photo)
    assert len(listed) == len(given) == 1
    np.testing.assert_array_equal(listed[0].vertices_image, given[0].vertices_image)


@pytest.mark.parametrize("detector", ["fast", 3, lambda image: []])
def test_what_has_no_method_detect_is_no_detector(method, detector):
    with pytest.raises(ConfigError, match="A detector has a method `detect`"):
        FaceAligner(method, detector=detector)


@pytest.mark.parametrize("options", [{"passes": 1.5}, {"passes": "2"}, {"max_uncertainty_mm": "6"}])
def test_options_that_are_no_numbers_are_named(method, options):
    with pytest.raises(ConfigError, match=f"{next(iter(options))} must be a"):
        FaceAligner(method, **options)
