import tracemalloc

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.export import FaceTexturer, photo_window
from lineament.export.ply import vertex_colors
from lineament.geometry.uv import bilinear

PHOTO = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("center", [(40, 40), (118, 3), (-50, 300), (1e7, 40)])
def test_colours_of_the_part_around_some_points_are_the_photos(center):
    points = np.random.default_rng(1).normal(center, 12, (500, 2))
    window = photo_window.photo_window(Image.fromarray(PHOTO), points)
    assert window.pixels.shape[0] < 90
    np.testing.assert_allclose(window.colors_at(points), bilinear(PHOTO, points), atol=1e-3)


def test_points_that_are_no_numbers_do_not_count():
    points = np.array([[5.0, 6.0], [np.nan, 3.0], [np.inf, 3.0]])
    assert photo_window.photo_window(Image.fromarray(PHOTO), points).pixels.shape == (4, 4, 3)
    assert photo_window.photo_window(Image.fromarray(PHOTO), points[1:]).pixels.shape == (1, 1, 3)


def test_a_part_of_many_pixels_is_read_coarser_and_its_colours_stay_in_place(monkeypatch):
    monkeypatch.setattr(photo_window, "MAX_PX", 520)
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(90) + 0.5)
    ramp = np.dstack([2 * x, 2 * y, x + y]).astype(np.uint8)
    points = np.random.default_rng(1).uniform((20, 20), (100, 70), (500, 2))
    window = photo_window.photo_window(Image.fromarray(ramp), points)
    assert window.step == 3
    assert np.prod(window.pixels.shape[:2]) < 550
    expected = np.stack([2 * points[:, 0], 2 * points[:, 1], points.sum(axis=1)], axis=1)
    np.testing.assert_allclose(window.colors_at(points), expected, atol=1.5)


def test_pictures_of_pillow_give_the_colours_that_arrays_give(lfm):
    egg = egg_face(center_xy=(60, 45), scale=0.5, yaw=0.3)
    face = type(egg).from_coefficients(
        lfm,
        np.zeros(100, np.float32),
        np.zeros(53, np.float32),
        camera=egg.camera,
        crop_box=egg.crop_box,
        detection=egg.detection,
    )
    texturer, picture = FaceTexturer(lfm.mesh, size=64), Image.fromarray(PHOTO)
    for ours, whole in zip(texturer.visible(picture, face), texturer.visible(PHOTO, face), strict=True):
        np.testing.assert_allclose(ours, whole, atol=1)
    np.testing.assert_allclose(vertex_colors(face, picture), vertex_colors(face, PHOTO), atol=1)


def test_a_face_that_fills_a_large_photo_takes_a_fraction_of_its_memory():
    picture = Image.new("RGB", (9000, 8000), (90, 100, 110))
    points = np.array([[0.0, 0.0], [9000.0, 8000.0]])
    tracemalloc.start()
    window = photo_window.photo_window(picture, points)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert window.step == 3
    assert most < 9000 * 8000
    np.testing.assert_allclose(window.colors_at(points), [[90, 100, 110]] * 2)
