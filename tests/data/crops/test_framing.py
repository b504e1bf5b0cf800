import numpy as np
import pytest

from lineament.data.crops.framing import framing_landmarks
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles


@pytest.fixture(scope="module")
def mean(lfm):
    return lfm.landmark_points("300w-lp").neutral_model


def projected_by(mean, yaw):
    return WeakPerspective(matrix_from_angles(yaw, 0.1, 0.2), 0.5, np.array([70.0, 60, 0])).image_from_model(
        mean
    )


def test_where_all_are_annotated_they_are_the_landmarks(mean):
    marks = np.random.default_rng(0).uniform(0, 100, (68, 3))
    np.testing.assert_array_equal(framing_landmarks(marks, np.ones(68), mean), marks[:, :2])


@pytest.mark.parametrize("scheme", ["68-outline", "aflw-21", "cfp-30"])
@pytest.mark.parametrize("yaw", [0.0, 0.6, 1.3])
def test_those_of_a_turned_mean_face_are_found_again(mean, scheme, yaw):
    marks, weights = projected_by(mean, yaw), np.zeros(68)
    weights[[number for number in POINT_SCHEMES[scheme].of_68 if number >= 0]] = 1
    found = framing_landmarks(np.where(weights[:, None] > 0, marks, 0), weights, mean)
    size = np.ptp(marks[:, :2], axis=0).max()
    assert np.linalg.norm(found - marks[:, :2], axis=1).max() < 0.02 * size


def test_a_point_off_its_place_moves_the_frame_only_a_little(mean):
    marks, weights = projected_by(mean, 0.3), np.zeros(68)
    weights[17:] = 1
    other = marks.copy()
    other[30] += 3
    one, two = (framing_landmarks(points, weights, mean)[:17] for points in (marks, other))
    assert np.abs(one - two).max() < 3


def test_three_points_frame_nothing(mean):
    with pytest.raises(DataError, match="Only 3 of the 68 landmarks"):
        framing_landmarks(np.zeros((68, 2)), np.arange(68) < 3, mean)
