import numpy as np
import pytest

from lineament.geometry.similarity import Similarity
from lineament.methods.dsfnet_points import (
    FaceChart,
    cloud_from_crop,
    crop_from_cloud,
    drawn,
    draws,
    inverse,
    observed,
)


@pytest.fixture(scope="module")
def chart(lfm):
    first, last = lfm.parts["face"]
    return FaceChart.of(lfm, lfm.triangles[first:last], 32)


def test_the_middle_of_the_crop_is_the_origin_of_the_cloud_and_up_is_up():
    corner = cloud_from_crop(np.array([[0.0, 0.0, 28.0]]), 256)
    np.testing.assert_allclose(corner, [[-128 / 280, 128 / 280, -0.1]])
    np.testing.assert_allclose(crop_from_cloud(corner, 256), [[0, 0, 28]])


def maps(value=0.0, side=8):
    return np.full((2, side, side), value), np.zeros((side, side)), np.ones((side, side))


def texel(chart, place):
    """Where a texel lies among those that show the face."""
    column, row = np.floor((np.array(place) + 1) / 2 * chart.size).astype(int)
    return int(np.flatnonzero(chart.texel == row * chart.size + column)[0])


def test_only_visible_pixels_are_scattered_and_hits_are_remembered(chart):
    correspondence, depth, confidence = maps()
    visible = np.zeros((8, 8), bool)
    visible[2, 5], depth[2, 5], confidence[2, 5] = True, 0.25, 0.5
    found = observed(correspondence, depth, confidence, visible, chart)
    place = texel(chart, (0.0, 0.0))
    assert np.flatnonzero(found.hit).tolist() == [place]
    np.testing.assert_allclose(crop_from_cloud(found.points[place] * [1, 1, 0], 8)[:2], [5.5, 2.5])
    assert found.points[place, 2] == 0.25
    assert found.confidence[place] == 0.5
    assert found.confidence.sum() == 0.5


def test_a_texel_that_several_pixels_show_keeps_the_last(chart):
    correspondence, depth, confidence = maps()
    depth[:] = np.arange(64).reshape(8, 8)
    found = observed(correspondence, depth, confidence, np.ones((8, 8), bool), chart)
    assert found.points[texel(chart, (0.0, 0.0)), 2] == 63


def test_where_nothing_is_visible_all_pixels_count(chart):
    found = observed(*maps(), np.zeros((8, 8), bool), chart)
    assert found.hit.sum() == 1


def test_places_beyond_the_chart_are_brought_to_its_border(chart):
    found = observed(*maps(5.0), np.ones((8, 8), bool), chart)
    assert found.hit.sum() <= 1  # the corner, which may show no face


def test_draws_fall_on_valid_places_and_are_the_same_each_time():
    valid = np.zeros(10, bool)
    valid[[3, 7]] = True
    numbers = draws(0, 50)
    assert set(drawn(valid, numbers[0]).tolist()) == {3, 7}
    np.testing.assert_array_equal(numbers, draws(0, 50))
    assert drawn(np.zeros(4, bool), np.array([0.0, 0.999])).tolist() == [0, 3]


def test_there_and_back_is_the_same():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    similarity = Similarity(np.asarray(2.0), turn, np.array([1.0, 2, 3]))
    points = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(inverse(similarity).apply(similarity.apply(points)), points)


def test_values_on_the_chart_and_maps_are_the_same(chart):
    values = chart.gathered(chart.model.neutral_model)
    np.testing.assert_allclose(chart.of_map(chart.as_map(values)), values, rtol=1e-6)
    np.testing.assert_allclose(chart.mean, values * 0.015, rtol=1e-4, atol=1e-5)
    assert not chart.as_map(values)[:, ~chart.uv_map.mask].any()


def test_a_model_without_a_chart_is_refused(tiny_model):
    with pytest.raises(ValueError, match="has no UV chart"):
        FaceChart.of(tiny_model, tiny_model.triangles, 32)
