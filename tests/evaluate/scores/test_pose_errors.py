import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lineament.evaluate.scores.pose_errors import (
    angles_deg,
    geodesic_deg,
    not_gimbal_locked,
    within_99_degrees,
)

RNG = np.random.default_rng(0)


def test_the_turn_between_rotations_is_scipys():
    first, second = Rotation.random(200, rng=RNG), Rotation.random(200, rng=RNG)
    expected = np.degrees((first.inv() * second).magnitude())
    np.testing.assert_allclose(geodesic_deg(second.as_matrix(), first.as_matrix()), expected, atol=1e-9)


@pytest.mark.parametrize("turn_deg", [1e-7, 1e-3, 5.0, 90.0, 179.999999])
def test_tiny_and_half_turns_keep_their_digits(turn_deg):
    axis = RNG.normal(size=3)
    rotated = Rotation.from_rotvec(np.radians(turn_deg) * axis / np.linalg.norm(axis))
    assert geodesic_deg(rotated.as_matrix(), np.eye(3)) == pytest.approx(turn_deg, rel=1e-6)


def test_angles_are_scipys_intrinsic_xyz():
    rotations = Rotation.random(100, rng=RNG)
    np.testing.assert_allclose(
        angles_deg(rotations.as_matrix()), rotations.as_euler("XYZ", degrees=True), atol=1e-9
    )


def test_faces_with_any_true_angle_beyond_99_degrees_do_not_count():
    truth = np.array([[0.0, 0, 0], [0, 0, -99.5], [100, 0, 0], [99, -99, 99]])
    np.testing.assert_array_equal(within_99_degrees(truth), [True, False, False, True])


def test_only_faces_off_in_pitch_or_roll_but_not_in_yaw_count_as_gimbal_locked():
    errors = np.array([[21.0, 4, 0], [0, 4, 21], [21, 6, 0], [19, 1, 19]])
    np.testing.assert_array_equal(not_gimbal_locked(errors), [False, False, True, True])
