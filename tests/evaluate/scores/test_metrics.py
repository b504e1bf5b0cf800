import numpy as np
import pytest

from lineament.evaluate.scores.metrics import box_size, by_yaw, normalised_mean_error, without_mean_depth

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(0, 200, (5, 68, 2))


def test_a_face_shifted_by_three_and_four_px_in_a_box_of_100_has_an_error_of_a_twentieth():
    truth = np.array([[0.0, 0], [100, 0], [100, 100], [0, 100], [50, 50]])
    assert normalised_mean_error(truth + np.array([3, 4]), truth) == pytest.approx(0.05)


def test_the_error_is_that_of_a_loop_over_faces_and_points():
    points = TRUTH + RNG.normal(0, 5, TRUTH.shape)
    expected = []
    for found, truth in zip(points, TRUTH, strict=True):
        x, y = truth.T
        size = ((max(x) - min(x)) * (max(y) - min(y))) ** 0.5
        distances = [
            ((a - c) ** 2 + (b - d) ** 2) ** 0.5 for (a, b), (c, d) in zip(found, truth, strict=True)
        ]
        expected.append(sum(distances) / len(distances) / size)
    np.testing.assert_allclose(normalised_mean_error(points, TRUTH), expected)


def test_the_error_does_not_change_with_the_size_of_the_picture():
    points = TRUTH + RNG.normal(0, 5, TRUTH.shape)
    np.testing.assert_allclose(
        normalised_mean_error(7 * points + 3, 7 * TRUTH + 3), normalised_mean_error(points, TRUTH)
    )


def test_the_truths_box_normalises_not_that_of_the_points():
    points = 2 * TRUTH
    one_way, other_way = normalised_mean_error(points, TRUTH), normalised_mean_error(TRUTH, points)
    np.testing.assert_allclose(one_way, 2 * other_way)


def test_errors_are_split_at_30_and_60_degrees_and_upper_ends_belong_to_their_bin():
    error = np.array([1.0, 2, 3, 4, 5, 6, 7])
    yaw = np.array([0.0, 30, 30.001, -60, -60.001, 90, 120])
    split = by_yaw(error, yaw)
    assert split.counts == (2, 2, 3)
    assert split.bins == (1.5, 3.5, 6.0)
    assert split.mean_of_bins == pytest.approx(11 / 3)
    assert split.mean_of_images == 4.0


def test_yaw_beyond_a_half_turn_is_wrapped():
    split = by_yaw(np.array([1.0, 2.0]), np.array([350.0, -315.0]))
    assert split.counts == (1, 1, 0)


def test_every_image_counts_once_in_the_mean_of_images():
    error, yaw = RNG.uniform(size=50), RNG.uniform(-180, 180, 50)
    split = by_yaw(error, yaw)
    assert sum(split.counts) == 50
    assert split.mean_of_images == pytest.approx(error.mean())
    assert np.dot(split.bins, split.counts) / 50 == pytest.approx(split.mean_of_images)


def test_points_that_are_not_annotated_do_not_count():
    part = np.where(np.arange(68)[:, None] < 10, TRUTH, np.nan)
    expected = np.hypot(4, 4) / box_size(TRUTH[:, :10])
    np.testing.assert_allclose(normalised_mean_error(TRUTH + 4.0, part), expected)


def test_a_face_without_any_point_has_no_error():
    assert np.isnan(normalised_mean_error(TRUTH, np.full_like(TRUTH, np.nan))).all()


def test_a_shift_in_depth_alone_is_no_error_and_a_tilt_is():
    truth = np.concatenate([TRUTH, RNG.uniform(0, 100, (5, 68, 1))], axis=-1)
    shifted = truth + np.array([0, 0, 25])
    np.testing.assert_allclose(normalised_mean_error(*without_mean_depth(shifted, truth)), 0, atol=1e-12)
    tilted = truth.copy()
    tilted[..., 2] += 0.1 * truth[..., 0]
    assert (normalised_mean_error(*without_mean_depth(tilted, truth)) > 0.01).all()


def test_faces_without_an_error_are_left_out_of_their_bin():
    split = by_yaw(np.array([1.0, np.nan, 3.0]), np.array([0.0, 10.0, 80.0]))
    assert split.counts == (1, 0, 1)
    assert split.mean_of_images == 2.0
