import numpy as np
import pytest

from lineament.data.fitting import Fitter
from lineament.data.layouts import landmark_layout
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angle_between, matrix_from_angles

# AFLW's 21 points but for the lobes of the ears and the pupils.
FEW = (17, 19, 21, 22, 24, 26, 36, 39, 42, 45, 31, 30, 35, 48, 54, 8)


def seen(model, numbers, count: int = 5):
    """Cameras and points (count, P, 3), without depth, of smiling faces of all kinds and poses."""
    rng = np.random.default_rng(3)
    expression = np.zeros((count, 53))
    for side in ("Left", "Right"):
        expression[:, model.expression_names.index(f"mouthSmile{side}")] = 0.6
    identity = rng.normal(0, 0.3, (count, 100))
    shapes = model.landmarks_model(identity, expression, scheme="300w-lp")[:, list(numbers)]
    turns = matrix_from_angles(
        rng.uniform(-1, 1, count), rng.uniform(-0.4, 0.4, count), rng.uniform(-0.4, 0.4, count)
    )
    cameras = [WeakPerspective(turn, 1.5, np.array([200.0, 150.0, 0.0])) for turn in turns]
    points = np.stack([camera.image_from_model(shape) for camera, shape in zip(cameras, shapes, strict=True)])
    points[..., 2] = 0
    return cameras, points


@pytest.mark.parametrize(("numbers", "degrees"), [(range(68), 6), (FEW, 9)])
def test_landmarks_without_depth_tell_the_pose_and_are_met(lfm, numbers, degrees):
    cameras, points = seen(lfm, numbers)
    fits = Fitter(lfm.landmark_points("300w-lp"), landmark_layout(numbers)).fit(points)
    turns = np.array([camera.rotation for camera in cameras])
    assert np.degrees(angle_between(fits.rotation, turns)).mean() < degrees
    assert fits.residual.max() < 0.02


def test_points_that_are_not_known_take_no_part(lfm):
    _, points = seen(lfm, range(68), count=2)
    gone = [0, 5, 40, 60]
    fitter = Fitter(lfm.landmark_points("300w-lp"), landmark_layout(range(68)))
    left = [number for number in range(68) if number not in gone]
    unknown = points.copy()
    unknown[:, gone] = np.nan
    fits = fitter.fit(unknown)
    without = Fitter(lfm.landmark_points("300w-lp"), landmark_layout(left)).fit(points[:, left])
    np.testing.assert_allclose(fits.rotation, without.rotation, atol=1e-4)
    np.testing.assert_allclose(fits.expression, without.expression, atol=1e-3)


def test_four_points_are_too_few(lfm):
    _, points = seen(lfm, range(68), count=1)
    points[:, 4:] = np.nan
    with pytest.raises(ValueError, match="4 known points"):
        Fitter(lfm.landmark_points("300w-lp"), landmark_layout(range(68))).fit(points)
