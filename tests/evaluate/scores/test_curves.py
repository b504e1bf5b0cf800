import numpy as np
import pytest

from lineament.evaluate.scores.curves import area_under_curve, counted_errors, failure_rate, fraction_within

RNG = np.random.default_rng(2)
ERRORS = RNG.gamma(2.0, 2.0, 200)


def test_the_curve_is_a_count():
    limits = np.linspace(0, 12, 40)
    expected = [sum(error <= limit for error in ERRORS) / 200 for limit in limits]
    np.testing.assert_allclose(fraction_within(ERRORS, limits), expected)


def test_the_area_is_that_of_a_finely_sampled_curve():
    fine = np.linspace(0, 10, 200_001)
    heights = fraction_within(ERRORS, fine)
    assert area_under_curve(ERRORS, limit=10.0) == pytest.approx(np.trapezoid(heights, fine) / 10, abs=1e-4)


def test_failures_are_what_the_curve_leaves_out():
    assert failure_rate(ERRORS, limit=5.0) == pytest.approx((ERRORS > 5).mean())


def test_faces_that_were_not_found_lower_everything():
    errors = np.array([0.0, 0.0, np.nan, np.nan])
    counted = counted_errors(errors, np.array([True, True, True, False]))
    np.testing.assert_array_equal(counted, [0, 0, np.inf])
    assert failure_rate(counted, limit=10.0) == pytest.approx(1 / 3)
    assert area_under_curve(counted, limit=10.0) == pytest.approx(2 / 3)


def test_perfect_and_hopeless_predictors_have_areas_one_and_zero():
    assert area_under_curve(np.zeros(5), limit=10.0) == 1
    assert area_under_curve(np.full(5, 11.0), limit=10.0) == 0
    assert np.isnan(area_under_curve(np.empty(0), limit=10.0))
