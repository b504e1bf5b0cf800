import numpy as np

from lineament.crop import CropBox
from lineament.geometry.perspective import Perspective
from lineament.geometry.rotation import matrix_from_angles

CAMERA = Perspective(
    matrix_from_angles(0.4, -0.2, 0.3), np.array([12.0, -7.0, 450.0]), 600.0, np.array([130.0, 110.0])
)
POINTS = np.random.default_rng(0).uniform(-90, 90, (20, 3))


def test_a_point_twice_as_far_is_half_as_large():
    camera = Perspective(np.eye(3), np.array([0.0, 0.0, 100.0]), 50.0, np.zeros(2))
    found = camera.image_from_model(np.array([[10.0, 20.0, 0.0], [10.0, 20.0, -100.0]]))
    np.testing.assert_allclose(found, [[5, -10, 0], [2.5, -5, 50]])


def test_there_and_back_is_the_same():
    np.testing.assert_allclose(CAMERA.model_from_image(CAMERA.image_from_model(POINTS)), POINTS, atol=1e-9)


def test_what_is_behind_the_camera_has_no_picture():
    found = CAMERA.image_from_model(np.array([[0.0, 0.0, 5000.0]]) @ CAMERA.rotation)
    assert np.isnan(found).all() or np.isnan(found[0, 2])


def test_from_far_away_it_is_the_weak_camera():
    far = Perspective(CAMERA.rotation, CAMERA.translation * [1, 1, 1e5], 6e7, CAMERA.center_xy)
    np.testing.assert_allclose(far.image_from_model(POINTS), far.weak.image_from_model(POINTS), atol=1e-2)


def test_a_weak_camera_and_a_focal_length_give_the_camera_back():
    again = Perspective.of_weak(CAMERA.weak, focal_px=CAMERA.focal_px, center_xy=CAMERA.center_xy)
    np.testing.assert_allclose(again.translation, CAMERA.translation, atol=1e-9)
    np.testing.assert_allclose(again.image_from_model(POINTS), CAMERA.image_from_model(POINTS), atol=1e-9)


def test_the_camera_of_a_crop_sees_in_the_photo_what_the_crop_shows():
    box = CropBox(center_xy=(300.0, 200.0), side=180.0, size=96, roll=0.4)
    in_photo = box.perspective_in_image(CAMERA)
    wanted = box.image_from_crop(CAMERA.image_from_model(POINTS))
    np.testing.assert_allclose(in_photo.image_from_model(POINTS), wanted, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(in_photo.rotation), 1)
    weak = box.camera_in_image(CAMERA.weak)
    np.testing.assert_allclose(
        in_photo.weak.image_from_model(POINTS), weak.image_from_model(POINTS), atol=1e-9
    )
