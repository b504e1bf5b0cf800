import numpy as np

from lineament.geometry.alignment import align_points
from lineament.geometry.rotation import matrix_from_angles


def cloud(seed=0, count=68):
    return np.random.default_rng(seed).normal(0, 40, (count, 3))


def moved(points, *, turn=(0.4, -0.3, 1.2), scale=0.7, by=(3.0, -5.0, 8.0)):
    return scale * points @ matrix_from_angles(*turn).T + by


def test_a_similarity_is_found_again_whatever_the_weights():
    points, weights = cloud(), np.random.default_rng(1).uniform(0.1, 1.1, 68)
    for centre in ("weighted", "code"):
        found = align_points(points, moved(points), weights, centre=centre)
        np.testing.assert_allclose(found.scale, 0.7)
        np.testing.assert_allclose(found.rotation, matrix_from_angles(0.4, -0.3, 1.2), atol=1e-12)
        np.testing.assert_allclose(found.translation, [3, -5, 8])


def test_points_without_weight_count_for_nothing_but_in_the_scale():
    points = cloud()
    target = moved(points)
    target[:5] += [40, 0, 0]
    weights = np.ones(68)
    weights[:5] = 0
    found = align_points(points, target, weights)
    np.testing.assert_allclose(found.rotation, matrix_from_angles(0.4, -0.3, 1.2), atol=1e-12)
    assert abs(float(found.scale) - 0.7) > 1e-4
    # As the official code centres, they move the face.
    code = align_points(points, target, weights, centre="code")
    assert np.linalg.norm(code.translation - [3, -5, 8]) > np.linalg.norm(found.translation - [3, -5, 8])


def test_a_mirror_image_is_met_by_a_rotation_and_not_by_a_mirror():
    points = cloud()
    found = align_points(points, points * [1, -1, 1])
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1)


def test_faces_are_aligned_row_by_row():
    sources, weights = np.stack([cloud(0), cloud(1)]), np.random.default_rng(1).uniform(0.1, 1.1, (2, 68))
    targets = np.stack([moved(sources[0]), moved(sources[1], scale=2.0)])
    both = align_points(sources, targets, weights)
    for row in range(2):
        one = align_points(sources[row], targets[row], weights[row])
        np.testing.assert_allclose(both.rotation[row], one.rotation)
        np.testing.assert_allclose(both.apply(sources)[row], targets[row])


def test_no_weights_at_all_are_equal_weights():
    points = cloud()
    none = align_points(points, moved(points), np.zeros(68))
    np.testing.assert_allclose(none.translation, align_points(points, moved(points)).translation)


def test_what_is_not_finite_gives_nan_in_its_own_row_alone():
    sources = np.stack([cloud(0), cloud(1)])
    targets = sources.copy()
    targets[1, 3] = np.nan
    found = align_points(sources, targets)
    assert np.isfinite(found.rotation[0]).all()
    assert np.isnan(found.rotation[1]).all()
