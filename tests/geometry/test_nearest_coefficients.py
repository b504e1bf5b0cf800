"""There and back: faces of known coefficients, disturbed, and what is found of them."""

import numpy as np
import pytest

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.rotation import angle_between, matrix_from_angles


@pytest.fixture(scope="module")
def nearest(lfm):
    return NearestCoefficients(lfm)


def known_face(model, seed):
    """Camera, identity, expression and (N, 3) vertices of a face, px."""
    rng = np.random.default_rng(seed)
    yaw, pitch, roll = rng.uniform(-1, 1, 3) * [1.2, 0.6, 3.0]
    camera = WeakPerspective(
        matrix_from_angles(yaw, pitch, roll), rng.uniform(0.5, 3), rng.uniform(0, 500, 3)
    )
    identity = rng.normal(size=len(model.identity_basis)).astype(np.float32)
    count = len(model.expression_basis)
    expression = np.where(rng.random(count) < 0.2, rng.random(count), 0).astype(np.float32)
    vertices = camera.image_from_model(model.vertices_model(identity, expression).astype(np.float64))
    return camera, identity, expression, vertices


def distance_mm(model, fit, identity, expression):
    """(N,) between the face found and the true one, both in the model frame."""
    found = model.vertices_model(fit.identity, fit.expression)
    return np.linalg.norm(found - model.vertices_model(identity, expression), axis=1)


def assert_camera_is(found, true, *, degrees, scale):
    assert np.degrees(angle_between(found.rotation, true.rotation)) < degrees
    assert found.scale == pytest.approx(true.scale, rel=scale)


@pytest.mark.parametrize("seed", range(3))
def test_a_face_of_the_model_is_found_again(nearest, lfm, seed):
    camera, identity, expression, vertices = known_face(lfm, seed)
    fit = nearest.fit(vertices)
    assert_camera_is(fit.camera, camera, degrees=0.5, scale=0.01)
    assert distance_mm(lfm, fit, identity, expression).mean() < 0.6
    assert fit.residual_mm < 0.4
    assert np.abs(fit.expression - expression).mean() < 0.08
    assert np.corrcoef(fit.identity[:20], identity[:20])[0, 1] > 0.97


def test_noise_averages_out_and_is_told_by_the_residual(nearest, lfm):
    camera, identity, expression, vertices = known_face(lfm, 3)
    noise = np.random.default_rng(4).normal(size=vertices.shape)
    fit = nearest.fit(vertices + noise * camera.scale)  # a millimetre a coordinate
    assert distance_mm(lfm, fit, identity, expression).mean() < 0.8
    assert fit.residual_mm == pytest.approx(1.6, abs=0.2)


def test_vertices_that_are_far_off_hardly_change_the_face(nearest, lfm):
    camera, identity, expression, vertices = known_face(lfm, 5)
    rng = np.random.default_rng(6)
    wrong = rng.random(len(vertices)) < 0.25
    vertices[wrong] += (rng.normal(size=(wrong.sum(), 3)) * 20 + [30, 0, 0]) * camera.scale
    fit = nearest.fit(vertices)
    assert_camera_is(fit.camera, camera, degrees=0.7, scale=0.015)
    assert distance_mm(lfm, fit, identity, expression).mean() < 0.8


def test_what_has_no_weight_and_what_is_not_finite_counts_for_nothing(nearest, lfm):
    _, identity, expression, vertices = known_face(lfm, 7)
    hidden = lfm.neutral_model[:, 0] > 20
    weights = np.where(hidden, 0.0, 1.0)
    moved = np.where(hidden[:, None], vertices + 500, vertices)
    lost = np.where(hidden[:, None], np.nan, vertices)
    first, second = nearest.fit(moved, weights), nearest.fit(lost)
    np.testing.assert_allclose(first.identity, second.identity, atol=1e-4)
    assert distance_mm(lfm, first, identity, expression)[~hidden].mean() < 0.8


def test_where_there_is_no_face_the_fit_is_nan(nearest, lfm):
    fit = nearest.fit(np.full((9163, 3), np.nan))
    assert np.isnan(fit.residual_mm)
    assert np.isnan([*fit.identity, *fit.expression, fit.camera.scale]).all()


def test_a_small_model_is_fitted_with_all_its_vertices(tiny_model):
    camera, identity, expression, vertices = known_face(tiny_model, 8)
    fit = NearestCoefficients(tiny_model, noise_mm=0.05).fit(vertices)
    assert_camera_is(fit.camera, camera, degrees=0.5, scale=0.01)
    assert distance_mm(tiny_model, fit, identity, expression).mean() < 0.5
