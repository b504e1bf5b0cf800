import numpy as np
import pytest

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.projected_fit import PointModel, fit_projected
from lineament.geometry.rotation import angle_between, matrix_from_angles


def face_points(lfm, *, count=400, modes=20):
    chosen = np.linspace(0, 8682, count).astype(int)
    return PointModel(
        lfm.neutral_model[chosen].astype(float),
        lfm.identity_basis[:modes, chosen].astype(float),
        np.ones(modes),
    )


@pytest.mark.parametrize("yaw", [-1.2, -0.5, 0.0, 0.9])
def test_camera_and_coefficients_come_back_from_exact_points(lfm, yaw):
    model = face_points(lfm)
    truth = np.random.default_rng(0).normal(0, 1, 20)
    camera = WeakPerspective(matrix_from_angles(yaw, 0.2, -0.3), 0.6, np.array([70.0, 60.0, 0.0]))
    points = camera.image_from_model(model.points(truth))
    fit = fit_projected(model, points[:, :2], np.ones(400), noise_px=1e-3)
    assert np.degrees(angle_between(fit.camera.rotation, camera.rotation)) < 0.05
    found = fit.camera.image_from_model(model.points(fit.coefficients))
    assert np.abs(found - points)[:, :2].max() < 0.02
    assert np.abs(fit.coefficients - truth).max() < 0.2


def test_a_quarter_of_wrong_points_changes_little(lfm):
    model = face_points(lfm)
    rng = np.random.default_rng(1)
    camera = WeakPerspective(matrix_from_angles(0.5, 0.1, 0.2), 0.6, np.array([70.0, 60.0, 0.0]))
    truth = rng.normal(0, 1, 20)
    points = camera.image_from_model(model.points(truth))[:, :2]
    points = points + rng.normal(0, 0.5, points.shape)
    wrong = rng.uniform(size=400) < 0.25
    points[wrong] = rng.uniform(0, 128, (wrong.sum(), 2))
    fit = fit_projected(model, points, np.ones(400), noise_px=0.5)
    found = fit.camera.image_from_model(model.points(fit.coefficients))[:, :2]
    expected = camera.image_from_model(model.points(truth))[:, :2]
    assert np.linalg.norm(found - expected, axis=1).mean() < 1.0
    assert fit.belief[wrong].mean() < 0.1 < 0.7 < fit.belief[~wrong].mean()


def test_points_without_weight_or_place_count_for_nothing(lfm):
    model = face_points(lfm)
    camera = WeakPerspective(matrix_from_angles(0.3, 0.0, 0.0), 0.6, np.array([70.0, 60.0, 0.0]))
    points = camera.image_from_model(model.mean)[:, :2]
    weights = np.ones(400)
    weights[::2] = 0
    broken = points.copy()
    broken[::2] = np.nan
    one, other = (fit_projected(model.rigid(), p, weights, noise_px=1.0) for p in (points, broken))
    np.testing.assert_array_equal(one.camera.rotation, other.camera.rotation)
    assert len(one.coefficients) == 0


def test_too_few_points_give_nothing(lfm):
    model = face_points(lfm)
    weights = np.zeros(400)
    weights[:5] = 1
    assert fit_projected(model, np.zeros((400, 2)), weights, noise_px=1.0) is None
    assert fit_projected(model, np.zeros((400, 2)), np.zeros(400), noise_px=1.0) is None
