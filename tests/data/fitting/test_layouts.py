import numpy as np
import pytest

from lineament.data.fitting.layouts import mesh_layout
from lineament.geometry.mesh import barycentric_points

RIGHT_IRIS, LEFT_IRIS = 468, 469
# Of the canonical mesh: nose tip, outer eye corners, chin, upper and lower inner lip.
NOSE_TIP, RIGHT_CORNER, LEFT_CORNER, CHIN, UPPER_LIP, LOWER_LIP = 1, 33, 263, 152, 13, 14


@pytest.fixture(scope="module")
def layout():
    return mesh_layout()


@pytest.fixture(scope="module")
def points_model(lfm, layout):
    return barycentric_points(lfm.neutral_model, layout.vertex_index, layout.weights)


def test_every_point_lies_in_a_triangle_of_the_model(lfm, layout):
    assert layout.vertex_index.shape == layout.weights.shape == (470, 3)
    assert 0 <= layout.vertex_index.min() <= layout.vertex_index.max() < len(lfm.neutral_model)
    np.testing.assert_allclose(layout.weights.sum(axis=1), 1, atol=1e-5)
    assert layout.weights.min() >= -1e-6


def test_lids_and_lips_are_trusted_most_and_the_depth_of_irises_not_at_all(layout):
    assert layout.trust[[UPPER_LIP, LOWER_LIP]].min() > layout.trust[NOSE_TIP] > 0
    assert layout.trust[[RIGHT_CORNER, LEFT_CORNER]].min() > layout.trust[UPPER_LIP]
    np.testing.assert_array_equal(layout.depth_trust[[RIGHT_IRIS, LEFT_IRIS]], 0)
    assert layout.depth_trust[:468].min() > 0


def test_points_are_where_their_names_say(points_model):
    assert points_model[NOSE_TIP, 2] > points_model[:, 2].max() - 10
    assert points_model[RIGHT_CORNER, 0] < 0 < points_model[LEFT_CORNER, 0]
    assert points_model[RIGHT_IRIS, 0] < 0 < points_model[LEFT_IRIS, 0]
    assert points_model[CHIN, 1] < points_model[LOWER_LIP, 1] < points_model[UPPER_LIP, 1]
    assert points_model[UPPER_LIP, 1] < points_model[NOSE_TIP, 1]


def test_irises_lie_between_the_corners_of_their_eyes(points_model):
    assert points_model[RIGHT_CORNER, 0] < points_model[RIGHT_IRIS, 0] < points_model[133, 0]
    assert points_model[362, 0] < points_model[LEFT_IRIS, 0] < points_model[LEFT_CORNER, 0]
