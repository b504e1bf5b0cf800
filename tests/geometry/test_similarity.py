import numpy as np

from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.similarity import Similarity, fit_similarity

RNG = np.random.default_rng(0)
SOURCE = RNG.normal(0, 10, (5, 12, 3))
TRUTH = Similarity(
    scale=RNG.uniform(0.5, 3, 5),
    rotation=matrix_from_angles(*RNG.uniform(-1.5, 1.5, (3, 5))),
    translation=RNG.normal(0, 20, (5, 3)),
)


def test_a_known_similarity_is_found_again():
    found = fit_similarity(SOURCE, TRUTH.apply(SOURCE))
    np.testing.assert_allclose(found.scale, TRUTH.scale)
    np.testing.assert_allclose(found.rotation, TRUTH.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, TRUTH.translation, atol=1e-10)


def test_a_stack_is_fitted_as_each_by_itself():
    target = TRUTH.apply(SOURCE) + RNG.normal(0, 3, SOURCE.shape)
    stack = fit_similarity(SOURCE, target)
    for number in range(5):
        alone = fit_similarity(SOURCE[number], target[number])
        np.testing.assert_allclose(stack.rotation[number], alone.rotation, atol=1e-10)
        np.testing.assert_allclose(stack.apply(SOURCE)[number], alone.apply(SOURCE[number]), atol=1e-9)


def test_points_without_weight_do_not_count():
    target = TRUTH.apply(SOURCE)
    target[:, 3] += 1000
    weights = np.ones(12)
    weights[3] = 0
    np.testing.assert_allclose(fit_similarity(SOURCE, target, weights).rotation, TRUTH.rotation, atol=1e-10)


def test_a_weight_of_two_is_the_point_given_twice():
    target = TRUTH.apply(SOURCE) + RNG.normal(0, 3, SOURCE.shape)
    weights = np.ones(12)
    weights[4] = 2
    weighted = fit_similarity(SOURCE, target, weights)
    twice = [*range(12), 4]
    doubled = fit_similarity(SOURCE[:, twice], target[:, twice])
    np.testing.assert_allclose(weighted.rotation, doubled.rotation, atol=1e-10)
    np.testing.assert_allclose(weighted.scale, doubled.scale)


def test_no_small_change_of_the_fit_comes_closer():
    target = TRUTH.apply(SOURCE) + RNG.normal(0, 3, SOURCE.shape)
    found = fit_similarity(SOURCE, target)
    minimum = ((found.apply(SOURCE) - target) ** 2).sum(axis=(-1, -2))
    for _ in range(20):
        turn = matrix_from_angles(*RNG.normal(0, 0.01, 3))
        scale = found.scale * np.exp(RNG.normal(0, 0.01))
        other = Similarity(scale, turn @ found.rotation, found.translation + RNG.normal(0, 0.1, 3))
        assert (((other.apply(SOURCE) - target) ** 2).sum(axis=(-1, -2)) >= minimum).all()


def test_mirrored_points_are_never_matched_by_a_reflection():
    rotation = fit_similarity(SOURCE, SOURCE * [-1, 1, 1]).rotation
    np.testing.assert_allclose(np.linalg.det(rotation), 1)


def test_flat_points_are_fitted_by_a_proper_rotation():
    flat = SOURCE * [1, 1, 0]
    found = fit_similarity(flat, TRUTH.apply(flat))
    np.testing.assert_allclose(found.rotation, TRUTH.rotation, atol=1e-10)


def test_the_scale_can_be_kept_at_one():
    found = fit_similarity(SOURCE, 3 * SOURCE, with_scale=False)
    np.testing.assert_array_equal(found.scale, np.ones(5))
    np.testing.assert_allclose(found.rotation, np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
