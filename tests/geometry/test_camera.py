from dataclasses import replace

import numpy as np
import pytest

from lineament.geometry.camera import MANY, WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

POINTS_MODEL = np.random.default_rng(0).normal(0, 50, (4, 7, 3))
CAMERA = WeakPerspective(matrix_from_angles(0.4, -0.3, 0.2), 1.7, np.array([100.0, 80.0, 5.0]))


def test_a_frontal_camera_flips_y_and_z_scales_and_moves():
    camera = WeakPerspective(np.eye(3), 2.0, np.array([100.0, 50.0, 0.0]))
    points_model = np.array([[0.0, 0, 0], [10, 20, 30]])
    np.testing.assert_allclose(camera.image_from_model(points_model), [[100, 50, 0], [120, 10, -60]])


def test_the_model_comes_back_from_the_picture():
    np.testing.assert_allclose(
        CAMERA.model_from_image(CAMERA.image_from_model(POINTS_MODEL)), POINTS_MODEL, atol=1e-9
    )


def test_distances_in_space_are_kept_up_to_the_scale():
    picture = CAMERA.image_from_model(POINTS_MODEL)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(picture, axis=1), axis=-1),
        1.7 * np.linalg.norm(np.diff(POINTS_MODEL, axis=1), axis=-1),
    )


def test_handedness_is_kept_because_y_and_z_flip_together():
    np.testing.assert_allclose(np.linalg.det(CAMERA.image_from_model_matrix), 1.7**3)


def test_points_keep_their_float_type():
    assert CAMERA.image_from_model(POINTS_MODEL.astype(np.float32)).dtype == np.float32
    assert CAMERA.model_from_image(POINTS_MODEL.astype(np.float32)).dtype == np.float32


def test_the_angles_are_those_of_the_rotation():
    angles = CAMERA.angles
    np.testing.assert_allclose([angles.yaw, angles.pitch, angles.roll], [0.4, -0.3, 0.2])


def test_a_dense_mesh_lands_where_its_points_do_one_by_one():
    points = np.random.default_rng(1).normal(0, 50, (MANY, 3)).astype(np.float32)
    one_by_one = np.stack([CAMERA.image_from_model(point) for point in points])
    np.testing.assert_allclose(CAMERA.image_from_model(points), one_by_one, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "is_proper"),
    [
        ({}, True),
        ({"rotation": 1.04 * CAMERA.rotation}, True),  # networks round
        ({"rotation": 1.06 * CAMERA.rotation}, False),  # its rows are 0.12 too long, squared
        ({"rotation": CAMERA.rotation * [[1], [1], [-1]]}, False),  # mirrors
        ({"rotation": CAMERA.rotation + np.diag([0, 0, np.nan])}, False),
        ({"rotation": np.full((3, 3), 1e200)}, False),
        ({"rotation": np.eye(3)[:, [0, 0, 2]]}, False),
        ({"scale": 0.0}, False),
        ({"scale": np.inf}, False),
        ({"scale": np.nan}, False),
        ({"translation": np.array([0.0, np.inf, 0.0])}, False),
    ],
)
def test_a_camera_is_one_if_it_turns_and_mirrors_nothing(changes, is_proper):
    assert replace(CAMERA, **changes).is_proper is is_proper
