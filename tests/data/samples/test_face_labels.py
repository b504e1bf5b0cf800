from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.errors import DataError
from lineament.geometry.topology import MIRROR_68
from samples import annotated_sample, make_sample


def points_of(scheme, dimensions=2):
    """Random points; the third is not annotated."""
    points = np.random.default_rng(0).uniform(10, 90, (len(POINT_SCHEMES[scheme]), dimensions))
    points[2] = np.nan
    return AnnotatedPoints(points, scheme, PointSource.HAND)


def test_points_that_are_not_annotated_are_told_by_nan():
    points = points_of("300w-lp")
    assert points.annotated.sum() == 67
    assert not points.annotated[2]


@pytest.mark.parametrize("scheme", POINT_SCHEMES)
def test_the_mirrored_points_as_landmarks_are_the_landmarks_mirrored(scheme):
    points = points_of(scheme)
    landmarks, weights = points.as_landmarks()
    mirrored, mirrored_weights = points.mirrored(width=100).as_landmarks()
    np.testing.assert_array_equal(mirrored_weights, weights[list(MIRROR_68)])
    expected = (landmarks[list(MIRROR_68)] * [-1, 1, 1] + [100, 0, 0]) * mirrored_weights[:, None]
    np.testing.assert_allclose(mirrored, expected, rtol=1e-6)


def test_landmarks_of_few_points_have_weight_where_one_was_set_and_are_zero_elsewhere():
    landmarks, weights = points_of("cfp-30").as_landmarks()
    assert weights.sum() == 29
    assert not weights[2]  # the third point is the third of the jaw, and absent
    assert not landmarks[weights == 0].any()
    np.testing.assert_allclose(landmarks[8, :2], points_of("cfp-30").points_image[8], rtol=1e-6)
    assert landmarks.shape == (68, 3)


def test_an_outline_says_nothing_of_the_jaw():
    _, weights = points_of("68-outline").as_landmarks()
    np.testing.assert_array_equal(weights, [0] * 17 + [1] * 51)


def test_depth_follows_the_crop_and_becomes_the_landmarks():
    points = points_of("300w-lp", dimensions=3)
    box = CropBox((50.0, 40.0), 40.0, 80, 0.3)
    landmarks, _ = points.cropped(box).as_landmarks()
    expected = box.crop_from_image(points.points_image)
    np.testing.assert_allclose(landmarks[5], expected[5], rtol=1e-5)
    assert expected[5, 2] == pytest.approx(2 * points.points_image[5, 2])


@pytest.mark.parametrize("points", [np.zeros((67, 2)), np.zeros((68, 4)), np.zeros(136)])
def test_points_that_are_not_the_schemes_are_refused(points):
    with pytest.raises(DataError, match=r"'300w-lp' is \(68, 2\) or \(68, 3\)"):
        AnnotatedPoints(points, "300w-lp", PointSource.HAND)


def test_labels_that_say_half_of_something_or_nothing_are_refused():
    labels = make_sample().labels
    for half in ({"identity": None}, {"expression": None}, {"camera": None}):
        with pytest.raises(DataError, match="give all three"):
            replace(labels, **half)
    with pytest.raises(DataError, match="say nothing of the face"):
        FaceLabels(None)


def test_a_camera_without_coefficients_is_known_too(lfm):
    labels = FaceLabels(make_sample(yaw=0.4).camera)
    assert not labels.has_coefficients
    assert labels.mirrored(lfm, width=128).camera.angles.yaw == pytest.approx(-0.4)


def test_what_is_put_over_the_picture_joins_the_mask():
    labels, covered = make_sample().labels, np.zeros((128, 128), bool)
    covered[:20] = True
    np.testing.assert_array_equal(labels.hidden_by(covered).occlusion, labels.occlusion | covered)
    assert labels.hidden_by(None) is labels
    bare = annotated_sample().labels
    np.testing.assert_array_equal(bare.hidden_by(covered).occlusion, covered)
