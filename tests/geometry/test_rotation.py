import numpy as np
import pytest

from lineament.geometry.rotation import (
    angle_between,
    angles_from_matrix,
    matrix_from_angles,
    matrix_from_roll,
    matrix_from_six,
    matrix_from_vector,
    vector_from_matrix,
)

RNG = np.random.default_rng(0)
YAW, PITCH, ROLL = RNG.uniform(-1.5, 1.5, (3, 50))
ROTATIONS = matrix_from_angles(YAW, PITCH, ROLL)
NOSE, UP = np.array([0.0, 0, 1]), np.array([0.0, 1, 0])


def test_matrices_are_proper_rotations():
    np.testing.assert_allclose(
        ROTATIONS @ np.swapaxes(ROTATIONS, -1, -2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(ROTATIONS), 1)


def test_a_matrix_gives_back_the_angles_that_made_it():
    angles = angles_from_matrix(ROTATIONS)
    np.testing.assert_allclose([angles.yaw, angles.pitch, angles.roll], [YAW, PITCH, ROLL], atol=1e-12)


def test_positive_yaw_turns_the_nose_to_the_viewers_right():
    np.testing.assert_allclose(matrix_from_angles(np.pi / 2, 0, 0) @ NOSE, [1, 0, 0], atol=1e-12)


def test_positive_pitch_lowers_the_nose():
    np.testing.assert_allclose(matrix_from_angles(0, np.pi / 2, 0) @ NOSE, [0, -1, 0], atol=1e-12)


def test_positive_roll_leans_the_head_counter_clockwise_to_the_viewer():
    np.testing.assert_allclose(matrix_from_angles(0, 0, np.pi / 2) @ UP, [-1, 0, 0], atol=1e-12)


def test_roll_is_applied_first_and_pitch_last():
    pitch, yaw, roll = (matrix_from_angles(*row) for row in ([0, 0.3, 0], [0.5, 0, 0], [0, 0, -0.7]))
    np.testing.assert_allclose(matrix_from_angles(0.5, 0.3, -0.7), pitch @ yaw @ roll, atol=1e-12)


def test_a_roll_alone_makes_the_same_matrix_by_itself():
    for roll in (*ROLL, 0.0, -np.pi, np.pi / 2):
        np.testing.assert_array_equal(matrix_from_roll(roll), matrix_from_angles(0.0, 0.0, roll))


def test_a_mirrored_head_has_the_opposite_yaw_and_roll():
    flip = np.diag([-1.0, 1, 1])
    angles = angles_from_matrix(flip @ ROTATIONS @ flip)
    np.testing.assert_allclose([angles.yaw, angles.pitch, angles.roll], [-YAW, PITCH, -ROLL], atol=1e-12)


def test_at_a_right_angle_of_yaw_the_matrix_still_comes_back():
    angles = angles_from_matrix(matrix_from_angles(np.pi / 2, 0.4, 0.3))
    again = matrix_from_angles(angles.yaw, angles.pitch, angles.roll)
    np.testing.assert_allclose(again, matrix_from_angles(np.pi / 2, 0.4, 0.3), atol=1e-7)


def test_six_numbers_of_a_rotation_are_its_first_two_rows():
    np.testing.assert_allclose(matrix_from_six(ROTATIONS[:, :2].reshape(-1, 6)), ROTATIONS, atol=1e-12)


def test_any_six_numbers_make_a_rotation_that_lengths_do_not_change():
    six = RNG.normal(size=(20, 6))
    rotation = matrix_from_six(six)
    np.testing.assert_allclose(
        rotation @ np.swapaxes(rotation, -1, -2), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_allclose(matrix_from_six(six * 7), rotation)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.5, 3.0])
def test_the_angle_between_two_poses_is_that_of_the_turn_from_one_to_the_other(angle):
    rotated = ROTATIONS @ matrix_from_angles(0, 0, angle)
    np.testing.assert_allclose(angle_between(ROTATIONS, rotated), angle, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(angle_between(rotated, ROTATIONS), angle, rtol=1e-6, atol=1e-12)


def test_a_vector_turns_about_itself_by_its_length():
    vectors = RNG.normal(size=(50, 3))
    turns = matrix_from_vector(vectors)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, -1, -2), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turns, vectors), vectors, atol=1e-12)
    np.testing.assert_allclose(matrix_from_vector([0.3, 0, 0]), matrix_from_angles(0, 0.3, 0), atol=1e-12)
    np.testing.assert_allclose(angle_between(np.eye(3), matrix_from_vector([0, 2, 0])), 2)


@pytest.mark.parametrize("length", [0.0, 1e-12, 1e-5, 1.0, 3.1])
def test_a_turn_gives_back_its_vector(length):
    vector = length * np.array([2, -1, 2]) / 3
    np.testing.assert_allclose(vector_from_matrix(matrix_from_vector(vector)), vector, atol=1e-9)
