import numpy as np
import pytest

from lineament.data.fitting.fitter import Fits
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.rotation import matrix_from_angles
from tools.measure_closed_eyes import best_threshold
from tools.measure_fits import compare, rounding_floor


def fits_of(rotation, scale: float = 2.0) -> Fits:
    """Fits of which only the poses matter."""
    count = len(rotation)
    none = np.zeros((count, 0))
    return Fits(rotation, np.full(count, scale), np.zeros((count, 3)), none, none, np.zeros(count))


def test_a_shift_that_turns_with_the_head_is_convention_and_not_scatter():
    rng = np.random.default_rng(0)
    rotation = matrix_from_angles(*rng.uniform(-0.8, 0.8, (3, 200)))
    shift = rng.normal(0, 2, (51, 3))
    found = rng.normal(0, 50, (200, 51, 2))
    moved = (2.0 * np.einsum("pi,fji->fpj", shift, rotation) * PICTURE_AXES)[..., :2]
    apart = compare(found, found + moved, fits_of(rotation), np.full(200, 100.0))
    assert apart.scatter.mean() < 0.02 * apart.whole.mean()
    np.testing.assert_allclose(apart.shift_mm, shift[:, :2] * [1, -1], atol=0.1)


def test_independent_errors_are_all_scatter():
    rng = np.random.default_rng(1)
    rotation = matrix_from_angles(*rng.uniform(-0.5, 0.5, (3, 400)))
    found = np.zeros((400, 51, 2))
    apart = compare(found, found + rng.normal(0, 1, found.shape), fits_of(rotation), np.full(400, 100.0))
    assert apart.scatter.mean() == pytest.approx(apart.whole.mean(), rel=0.02)


def test_whole_pixels_cost_a_third_of_a_pixel():
    square = np.zeros((500, 68, 2))
    square[:, 0] = 100.0
    assert rounding_floor(square) == pytest.approx(0.3826 / 100, rel=0.02)


def test_the_best_threshold_lies_between_groups_that_do_not_overlap():
    threshold, right = best_threshold(np.array([0.1, 0.5, 1.0]), np.array([5.0, 7.0]))
    assert 1.0 < threshold < 5.0
    assert right == 1.0


def test_a_threshold_parts_like_groups_no_better_than_guessing_does():
    both = np.arange(5.0)
    assert best_threshold(both, both)[1] == pytest.approx(0.5, abs=0.11)
