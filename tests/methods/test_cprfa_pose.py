import numpy as np
import pytest

from lineament.data.labels.paper_units import cprfa_angles
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles, matrix_from_vector
from lineament.methods.cprfa_pose import (
    START,
    UnitFrame,
    angles_of,
    crop_from_unit,
    rotation_of_pose,
    unit_from_crop,
)


@pytest.fixture(scope="module")
def frame(lfm):
    return UnitFrame.of(lfm.mesh, 1.5)


def test_the_rotation_is_z_after_y_after_x():
    x, y, z = 0.3, -0.7, 1.1
    about = [matrix_from_vector(angle * axis) for angle, axis in zip((x, y, z), np.eye(3), strict=True)]
    found = rotation_of_pose(np.array([x, y, z, 1, 0, 0]))
    np.testing.assert_allclose(found, about[2] @ about[1] @ about[0], atol=1e-12)


def test_rotations_come_back_although_their_order_is_not_the_labels():
    rotation = matrix_from_angles(*np.random.default_rng(0).uniform(-1.2, 1.2, (3, 50)))
    again = rotation_of_pose(np.concatenate([angles_of(rotation), np.zeros((50, 3))], axis=1))
    np.testing.assert_allclose(again, rotation, atol=1e-12)
    other = cprfa_angles(rotation)
    np.testing.assert_allclose(angles_of(rotation), np.stack([other.pitch, other.yaw, other.roll], axis=1))


def test_a_pose_is_a_camera_and_a_camera_a_pose(frame, lfm):
    camera = WeakPerspective(matrix_from_angles(0.5, 0.2, -0.3), 0.44, np.array([60.0, 71.0, 0.0]))
    pose = frame.pose(camera, 128)
    again = frame.camera(pose, 128)
    np.testing.assert_allclose(again.rotation, camera.rotation, atol=1e-12)
    np.testing.assert_allclose(again.translation, camera.translation, atol=1e-9)
    points = lfm.neutral_model[::100].astype(float)
    unit = pose[3] * frame.units(points) @ rotation_of_pose(pose).T
    unit[:, :2] += pose[4:]
    expected = camera.image_from_model(points)[:, :2]
    np.testing.assert_allclose(crop_from_unit(unit[:, :2], 128), expected, atol=1e-9)
    np.testing.assert_allclose(unit_from_crop(expected, 128), unit[:, :2], atol=1e-12)


def test_the_start_is_a_frontal_mean_face_in_the_middle(frame, lfm):
    camera = frame.camera(np.array(START), 120)
    points = camera.image_from_model(lfm.landmark_points("300w-lp").neutral_model.astype(float))[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, [60, 60], atol=1e-6)
    assert max(high - low) == pytest.approx(80)
