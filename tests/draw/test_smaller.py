from dataclasses import replace

import numpy as np
from PIL import Image

from faces import egg_face
from lineament.crop import CropBox
from lineament.draw import scaled_face, smaller
from lineament.result.face_mask import FaceMask


def test_a_large_photo_shrinks_with_its_faces_and_the_heads_stay():
    face = egg_face(center_xy=(300, 200), scale=2.0, yaw=0.3)
    picture, (small,) = smaller(Image.new("RGB", (800, 400)), [face], longer_px=200)
    assert picture.size == (200, 100)
    np.testing.assert_allclose(small.vertices_image, face.vertices_image / 4, rtol=1e-6)
    np.testing.assert_allclose(small.vertices_model, face.vertices_model, atol=1e-3)
    np.testing.assert_allclose(small.detection.box_xyxy, face.detection.box_xyxy / 4, rtol=1e-6)
    assert (small.pose.yaw, small.crop_box.side) == (face.pose.yaw, face.crop_box.side / 4)


def test_a_small_photo_is_itself():
    photo, face = Image.new("RGB", (80, 40)), egg_face()
    assert smaller(photo, [face], longer_px=200)[0] is photo


def test_a_scaled_face_is_where_a_larger_camera_has_it():
    face = scaled_face(egg_face(center_xy=(10, 20), scale=0.5), 3.0)
    np.testing.assert_allclose(
        face.landmarks_image, egg_face(center_xy=(30, 60), scale=1.5).landmarks_image, atol=1e-3
    )


def test_a_photo_that_shrinks_by_bands_has_no_seams():
    noise = np.random.default_rng(0).integers(0, 255, (900, 40, 3), np.uint8)
    photo = Image.fromarray(noise)
    whole = photo.resize((32, 720), Image.Resampling.BILINEAR)
    picture, _ = smaller(photo, [], longer_px=720)
    np.testing.assert_allclose(np.asarray(picture, int), np.asarray(whole, int), atol=1)


def test_what_is_in_front_of_a_face_shrinks_with_it():
    mask = FaceMask(np.array([[0.0, 1.0]], np.float32).repeat(2, 0), CropBox((100.0, 80.0), 60.0, 32))
    face = replace(egg_face(center_xy=(100, 80)), shown=mask)
    small = scaled_face(face, 0.5)
    places = np.array([[85.0, 80.0], [100.0, 90.0], [120.0, 70.0]])
    np.testing.assert_allclose(small.shown.at(places / 2), mask.at(places), atol=1e-6)
    np.testing.assert_allclose(small.visibility, face.visibility, atol=1e-5)
