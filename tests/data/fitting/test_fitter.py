from dataclasses import replace

import numpy as np
import pytest

from lineament.data.fitting.fitter import FitConfig, Fitter
from lineament.data.fitting.layout import PointLayout
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angle_between, matrix_from_angles

WEAK_PRIORS = FitConfig(rounds=20, sweeps=20, identity_ridge_mm=0.3, expression_ridge_mm=0.3)
FLIP = np.diag([-1.0, 1, 1])


@pytest.fixture(scope="module")
def model(lfm):
    """Ten identity modes and the blendshapes."""
    return lfm.truncated(10)


@pytest.fixture(scope="module")
def layout(model):
    """150 vertices of the left half of the face and their mirror images, depth half trusted."""
    first, last = model.parts["face"]
    skin = np.unique(model.triangles[first:last])
    left = skin[model.neutral_model[skin, 0] > 2][::28][:150]
    vertices = np.concatenate([left, model.mirror.vertex[left]])
    count = len(vertices)
    weights = np.tile([1.0, 0, 0], (count, 1))
    return PointLayout(np.repeat(vertices[:, None], 3, axis=1), weights, np.ones(count), np.full(count, 0.5))


@pytest.fixture(scope="module")
def fitter(model, layout):
    """With priors so weak that a face is found as it is."""
    return Fitter(model, layout, WEAK_PRIORS)


def faces(model, layout, count: int = 6):
    """Cameras, coefficients and projected points (count, P, 3) of random faces."""
    rng = np.random.default_rng(0)
    identity = rng.normal(0, 1, (count, 10))
    expression = np.zeros((count, 53))
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkRight"):
        expression[:, model.expression_names.index(name)] = rng.uniform(0, 1, count)
    rotations = matrix_from_angles(*rng.uniform(-0.7, 0.7, (3, count)))
    scales, places = rng.uniform(0.5, 3, count), rng.uniform(50, 500, (count, 3))
    cameras = [WeakPerspective(*pose) for pose in zip(rotations, scales, places, strict=True)]
    vertices = model.vertices_model(identity, expression)[:, layout.vertex_index[:, 0]]
    points = np.stack([c.image_from_model(v) for c, v in zip(cameras, vertices, strict=True)])
    return cameras, identity, expression, points


def test_a_face_is_found_again_from_its_own_points(model, layout, fitter):
    cameras, identity, expression, points = faces(model, layout)
    fits = fitter.fit(points)
    rotations = np.array([camera.rotation for camera in cameras])
    assert np.degrees(angle_between(fits.rotation, rotations)).max() < 0.3
    assert fits.residual.max() < 0.002
    assert np.abs(fits.expression - expression).mean() < 0.03
    # A large head and a near camera look the same, so meshes are compared, not scales.
    for number, camera in enumerate(cameras):
        found = WeakPerspective(fits.rotation[number], fits.scale[number], fits.translation[number])
        mesh = found.image_from_model(model.vertices_model(fits.identity[number], fits.expression[number]))
        truth = camera.image_from_model(model.vertices_model(identity[number], expression[number]))
        assert np.linalg.norm((mesh - truth)[:, :2], axis=1).mean() < camera.scale  # a millimetre


def test_pose_is_found_within_two_degrees_under_the_usual_priors(model, layout):
    cameras, _, _, points = faces(model, layout)
    fits = Fitter(model, layout).fit(points)
    rotations = np.array([camera.rotation for camera in cameras])
    assert np.degrees(angle_between(fits.rotation, rotations)).max() < 2
    assert fits.residual.max() < 0.01


def test_the_fit_of_one_photograph_does_not_depend_on_the_others(model, layout, fitter):
    points = faces(model, layout)[-1]
    together, alone = fitter.fit(points), fitter.fit(points[2:3])
    np.testing.assert_allclose(together.expression[2], alone.expression[0], atol=1e-4)
    np.testing.assert_allclose(together.rotation[2], alone.rotation[0], atol=1e-6)


def test_a_moved_and_enlarged_photograph_moves_and_enlarges_the_fit_only(model, layout, fitter):
    points = faces(model, layout)[-1]
    fits, moved = fitter.fit(points), fitter.fit(2 * points + [30, -20, 0])
    np.testing.assert_allclose(moved.rotation, fits.rotation, atol=1e-6)
    np.testing.assert_allclose(moved.scale, 2 * fits.scale)
    np.testing.assert_allclose(moved.translation, 2 * fits.translation + [30, -20, 0], atol=1e-3)
    np.testing.assert_allclose(moved.residual, fits.residual, atol=1e-6)


def test_mirrored_points_give_the_mirrored_fit(model, layout, fitter):
    points = faces(model, layout)[-1] + np.random.default_rng(1).normal(0, 2, (6, 300, 3))
    half = len(layout.trust) // 2
    other_side = np.roll(np.arange(2 * half), half)
    fits, mirrored = fitter.fit(points), fitter.fit(points[:, other_side] @ FLIP + [640.0, 0, 0])
    identity, expression = model.mirrored(fits.identity, fits.expression)
    assert np.degrees(angle_between(mirrored.rotation, FLIP @ fits.rotation @ FLIP)).max() < 0.2
    np.testing.assert_allclose(mirrored.identity, identity, atol=0.05)
    np.testing.assert_allclose(mirrored.expression, expression, atol=0.05)
    np.testing.assert_allclose(mirrored.residual, fits.residual, atol=1e-4)


def test_blendshapes_stay_within_their_bounds_whatever_the_points(model, layout):
    points = faces(model, layout)[-1] + np.random.default_rng(0).normal(0, 20, (6, 300, 3))
    fits = Fitter(model, layout, replace(WEAK_PRIORS, expression_limits=(0.1, 0.8), blink_reach=1.0)).fit(
        points
    )
    assert fits.expression.min() >= np.float32(0.1)
    assert fits.expression.max() <= np.float32(0.8)
    assert (fits.expression == np.float32(0.1)).any()
    assert (fits.expression == np.float32(0.8)).any()


def test_depth_grows_away_from_the_viewer(model, layout, fitter):
    points = faces(model, layout)[-1]
    fits, inside_out = fitter.fit(points), fitter.fit(points * [1, 1, -1])
    assert fits.residual.max() * 5 < inside_out.residual.min()


def test_points_that_are_not_trusted_do_not_count(model, layout):
    points = faces(model, layout)[-1]
    spoilt = points.copy()
    spoilt[:, :5] += 200
    trust = np.where(np.arange(len(layout.trust)) < 5, 0.0, 1.0)
    fitter = Fitter(model, replace(layout, trust=trust), WEAK_PRIORS)
    np.testing.assert_allclose(fitter.fit(spoilt).rotation, fitter.fit(points).rotation, atol=1e-9)
