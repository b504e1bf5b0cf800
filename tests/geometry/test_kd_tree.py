import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.geometry.kd_tree import KdTree


def by_loops(points, queries, radius):
    """(query, point) of all pairs, one by one."""
    return {
        (q, p)
        for q, query in enumerate(queries)
        for p, point in enumerate(points)
        if np.linalg.norm(query - point) <= radius
    }


@given(st.integers(1, 200), st.integers(0, 20), st.integers(1, 4), st.integers(0, 2**31), st.floats(0.01, 1))
def test_it_finds_what_loops_find(count, asked, dimensions, seed, radius):
    rng = np.random.default_rng(seed)
    points, queries = rng.uniform(size=(count, dimensions)), rng.uniform(-0.2, 1.2, (asked, dimensions))
    pairs = KdTree.of(points).within(queries, radius)
    found = set(zip(pairs.query.tolist(), pairs.point.tolist(), strict=True))
    assert len(found) == len(pairs.query)
    assert found == by_loops(points, queries, radius)
    np.testing.assert_allclose(
        pairs.distance, np.linalg.norm(queries[pairs.query] - points[pairs.point], axis=1)
    )


def test_the_nearest_is_the_nearest_of_all_and_nothing_beyond_the_radius():
    rng = np.random.default_rng(0)
    points, queries = rng.uniform(size=(3000, 3)), rng.uniform(size=(500, 3))
    index, distance = KdTree.of(points).nearest(queries, 0.05)
    every = np.linalg.norm(queries[:, None] - points, axis=2)
    inside = every.min(axis=1) <= 0.05
    assert 0 < inside.sum() < 500
    np.testing.assert_array_equal(index, np.where(inside, every.argmin(axis=1), -1))
    np.testing.assert_allclose(distance[inside], every.min(axis=1)[inside])
    assert np.isinf(distance[~inside]).all()


def test_questions_in_disorder_are_answered_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    points, queries = rng.uniform(size=(400, 3)), rng.uniform(size=(300, 3))
    whole = KdTree.of(points).within(queries, 0.2)
    monkeypatch.setattr("lineament.geometry.kd_tree.AT_ONCE", 7)
    parts = KdTree.of(points).within(queries, 0.2)
    for name in ("query", "point", "distance"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_equal_points_are_all_found():
    pairs = KdTree.of(np.zeros((100, 2))).within(np.zeros((1, 2)), 0.0)
    np.testing.assert_array_equal(pairs.point, np.arange(100))


def test_what_is_not_finite_is_near_to_nothing():
    index, _ = KdTree.of(np.zeros((3, 2))).nearest(np.array([[np.nan, 0], [0, 0]]), 1.0)
    np.testing.assert_array_equal(index, [-1, 0])


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.full((2, 2), np.nan)])
def test_points_that_are_none_are_refused(points):
    with pytest.raises(ValueError, match="finite points"):
        KdTree.of(points)
