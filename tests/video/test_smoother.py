"""A still face trembles less, a fast one does not lag: against no filter and against a moving average."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from faces import egg_face
from lineament.geometry.rotation import angle_between
from lineament.result import FaceResult, FreeFormResult, MorphableResult
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


def test_a_still_face_jitters_a_quarter_as_much_and_no_more_than_a_moving_average_leaves():
    yaws = 0.3 + np.random.default_rng(0).normal(0, 0.006, 150)
    jitter = np.diff(smoothed_yaws(film(yaws))[25:]).std()
    assert jitter < 0.25 * np.diff(yaws[25:]).std()
    assert jitter < 1.1 * np.diff(moving_average(yaws)[25:]).std()


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


OFFSET_MM = np.float32([3.0, -2.0, 5.0])


def with_own_landmarks(face, offset_mm=OFFSET_MM, scheme="300w-lp"):
    """The face as a method gives it that finds landmarks by itself: off the mesh by so much."""
    points = face.points_model(face.mesh.schemes["300w-lp"]) + offset_mm
    return replace(face, landmarks_image=face.camera.image_from_model(points), landmark_scheme=scheme)


def bare(face):
    """The face without its coefficients."""
    return FaceResult(**{each.name: getattr(face, each.name) for each in fields(FaceResult) if each.init})


def free_form(face, vertices_model):
    """A face whose vertices a method found by itself."""
    known = {each.name: getattr(face, each.name) for each in fields(MorphableResult) if each.init}
    known["vertices_image"] = face.camera.image_from_model(vertices_model.astype(np.float32))
    return FreeFormResult(**known, fit_residual_mm=1.0)


def test_landmarks_that_a_method_found_by_itself_stay_its_own():
    smoother = FaceSmoother()
    for time, face in film(np.linspace(0, 0.5, 8)):
        smooth = smoother.step(time, with_own_landmarks(face))
    from_mesh = smooth.camera.image_from_model(smooth.points_model(smooth.mesh.schemes["300w-lp"]))
    moved = smooth.camera.image_from_model_matrix @ OFFSET_MM
    np.testing.assert_allclose(smooth.landmarks_image - from_mesh, np.tile(moved, (68, 1)), atol=0.02)


def test_a_methods_own_landmarks_jitter_less_on_a_still_face():
    smoother = FaceSmoother()
    noise = np.random.default_rng(3).normal(0, 0.5, (100, 3)).astype(np.float32)
    faces = [with_own_landmarks(egg_face(), noise_mm) for noise_mm in noise]
    smooth = [smoother.step(number / RATE, face) for number, face in enumerate(faces)]
    before, after = (
        np.diff([face.landmarks_image[30, 0] for face in some[25:]]).std() for some in (faces, smooth)
    )
    assert after < 0.4 * before


@pytest.mark.parametrize("kind", [lambda face: face, bare], ids=["coefficients", "mesh alone"])
def test_points_of_another_scheme_keep_their_name_and_their_places(kind):
    smoother = FaceSmoother()
    for time, face in film(np.linspace(0, 0.02, 8)):
        five = face.landmarks_image[[30, 36, 45, 48, 54]]
        given = kind(replace(face, landmarks_image=five, landmark_scheme="mine-5"))
        smooth = smoother.step(time, given)
    assert smooth.landmark_scheme == "mine-5"
    assert type(smooth) is type(given)
    np.testing.assert_allclose(smooth.landmarks_image, five, atol=1.0)


def test_a_mesh_without_coefficients_trembles_less_and_turns_as_one():
    smoother = FaceSmoother()
    rng = np.random.default_rng(4)
    faces, smooth = [], []
    for time, face in film(0.3 + rng.normal(0, 0.006, 100)):
        noisy = face.vertices_model + rng.normal(0, 0.5, face.vertices_model.shape)
        camera = face.camera
        noisy_image = camera.image_from_model(noisy.astype(np.float32))
        faces.append(replace(bare(face), vertices_image=noisy_image))
        smooth.append(smoother.step(time, faces[-1]))
    before, after = (
        np.diff([face.vertices_image[200] for face in some[25:]], axis=0).std() for some in (faces, smooth)
    )
    assert after < 0.4 * before
    assert type(smooth[-1]) is FaceResult
    np.testing.assert_allclose(smooth[-1].vertices_image, egg_face(yaw=0.3).vertices_image, atol=1.5)


def test_what_a_free_form_face_has_beyond_its_coefficients_stays_and_is_smoothed():
    smoother, rng = FaceSmoother(), np.random.default_rng(5)
    bump = np.zeros_like(egg_face().vertices_image)
    bump[300:320] = [0, 0, 6]
    jitter = []
    for time, face in film(np.full(80, 0.2), expression=0.4):
        shape = face.vertices_model + bump + rng.normal(0, 0.5, bump.shape)
        smooth = smoother.step(time, free_form(face, shape))
        jitter.append(smooth.vertices_model[310, 2])
    assert type(smooth) is FreeFormResult
    beyond = smooth.vertices_model - smooth.model.vertices_model(smooth.identity, smooth.expression)
    assert beyond[300:320, 2].mean() == pytest.approx(6, abs=0.5)
    assert abs(beyond[:300, 2].mean()) < 0.1
    assert np.diff(jitter[25:]).std() < 0.4 * 0.5 * np.sqrt(2)


def test_a_face_that_is_not_finite_is_given_back_and_forgotten():
    smoother = FaceSmoother()
    for time, face in film(np.full(5, 0.2)):
        smoother.step(time, face)
    lost = egg_face().without_values()
    assert smoother.step(5 / RATE, lost) is lost
    assert smoother.step(6 / RATE, egg_face(yaw=0.2)).pose.yaw == pytest.approx(0.2, abs=1e-3)


def test_faces_of_another_method_begin_anew():
    smoother = FaceSmoother()
    for time, face in film(np.full(10, -0.5)):
        smoother.step(time, face)
    other = smoother.step(10 / RATE, bare(egg_face(yaw=0.5)))
    assert other.pose.yaw == pytest.approx(0.5)
