"""A still face trembles less, a fast one does not lag: against no filter and against a moving average."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from faces import egg_face
from lineament.geometry.rotation import angle_between
from lineament.video import FaceSmoother

RATE = 25


def film(yaws, **options):
    """Faces of the given yaws at 25 frames a second, with their times."""
    return [(number / RATE, egg_face(yaw=float(yaw), **options)) for number, yaw in enumerate(yaws)]


def smoothed_yaws(frames):
    smoother = FaceSmoother()
    return np.array([smoother.step(time, face).pose.yaw for time, face in frames])


def moving_average(values, count=5):
    return np.array([values[max(0, k - count + 1) : k + 1].mean() for k in range(len(values))])


def test_a_still_face_trembles_a_quarter_as_much_and_no_more_than_a_moving_average_leaves():
    yaws = 0.3 + np.random.default_rng(0).normal(0, 0.006, 150)
    tremble = np.diff(smoothed_yaws(film(yaws))[25:]).std()
    assert tremble < 0.25 * np.diff(yaws[25:]).std()
    assert tremble < 1.1 * np.diff(moving_average(yaws)[25:]).std()


def test_a_fast_turn_is_followed_within_a_few_milliseconds():
    time = np.arange(-1, 1.5, 1 / RATE)
    part = np.clip(time / 0.3, 0, 1)
    yaws = -0.5 + part**2 * (3 - 2 * part)  # a radian in 0.3 s
    lags = [
        np.interp(0.0, values[20:], time[20:]) - np.interp(0.0, yaws[20:], time[20:])
        for values in (smoothed_yaws(film(yaws)), moving_average(yaws))
    ]
    assert lags[0] < 0.01 < 0.07 < lags[1]


def test_times_count_and_not_frames():
    yaws = 0.5 * (np.arange(40) >= 1) * 0.04
    slow, fast = film(yaws), [(time / 10, face) for time, face in film(yaws)]
    assert smoothed_yaws(fast)[2] < smoothed_yaws(slow)[2] < 0.02


def test_a_turn_through_the_back_of_the_angles_is_smooth():
    rolls = np.linspace(2.8, 3.6, 30)  # beyond pi, where the angle jumps by a whole turn
    smoother = FaceSmoother()
    faces = [smoother.step(k / RATE, egg_face(roll=float(roll))) for k, roll in enumerate(rolls)]
    last = angle_between(faces[-1].pose.rotation, egg_face(roll=3.6).pose.rotation)
    steps = [angle_between(a.pose.rotation, b.pose.rotation) for a, b in pairwise(faces)]
    assert last < 0.05
    assert max(steps) < 0.06


def test_rotations_stay_rotations():
    smoother = FaceSmoother()
    numbers = np.random.default_rng(1).normal(0, 0.3, (200, 3))
    for number, (yaw, pitch, roll) in enumerate(numbers):
        face = smoother.step(number / RATE, egg_face(yaw=yaw, pitch=pitch, roll=roll))
    np.testing.assert_allclose(face.pose.rotation @ face.pose.rotation.T, np.eye(3), atol=1e-6)


def test_the_shape_is_averaged_and_settles():
    smoother = FaceSmoother()
    numbers = np.random.default_rng(2).normal(0.5, 0.4, 250)
    shapes = []
    for number, value in enumerate(numbers):
        face = replace(egg_face(), identity=np.float32([value]))
        shapes.append(smoother.step(number / RATE, face).identity[0])
    assert shapes[-1] == pytest.approx(0.5, abs=0.1)
    assert np.diff(shapes[100:]).std() < 0.03 * np.diff(numbers).std()


def test_after_a_gap_the_motion_begins_anew_and_the_shape_is_kept():
    smoother = FaceSmoother()
    for number in range(50):
        smoother.step(number / RATE, replace(egg_face(yaw=-0.5), identity=np.float32([1.0])))
    after = smoother.step(10.0, replace(egg_face(yaw=0.5), identity=np.float32([0.0])))
    assert after.pose.yaw == pytest.approx(0.5)
    assert after.identity[0] > 0.8


def test_mesh_landmarks_and_pose_of_a_smooth_face_belong_together():
    smoother = FaceSmoother()
    for time, face in film(np.linspace(0, 0.5, 5), expression=0.4):
        smooth = smoother.step(time, face)
    camera = smooth.camera
    expected = camera.image_from_model(smooth.model.vertices_model(smooth.identity, smooth.expression))
    np.testing.assert_allclose(smooth.vertices_image, expected, atol=1e-3)
    np.testing.assert_allclose(smooth.pose.rotation, camera.rotation)


def test_a_smoothed_face_is_as_uncertain_as_it_was():
    face = replace(egg_face(), uncertainty_mm=1.5)
    assert FaceSmoother().step(0.0, face).uncertainty_mm == 1.5
