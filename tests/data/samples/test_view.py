from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.data.samples.view import View, crop_view, mirrored_view
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

CAMERA = WeakPerspective(matrix_from_angles(0.4, -0.2, 0.1), 0.5, np.array([70.0, 85.0, 0.0]))


@pytest.fixture
def view():
    """A picture of noise with the tiny model's face in it."""
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    return View(image, CAMERA, np.float32([1, -1, 0.5, 0.25]), np.float32([0.5, 0, 1]))


def vertices_image(model, view):
    return view.camera.image_from_model(model.vertices_model(view.identity, view.expression))


def test_a_view_mirrored_twice_is_the_view(tiny_model, view):
    again = mirrored_view(mirrored_view(view, tiny_model), tiny_model)
    np.testing.assert_array_equal(again.image, view.image)
    np.testing.assert_allclose(again.camera.rotation, view.camera.rotation)
    np.testing.assert_allclose(again.camera.translation, view.camera.translation)
    np.testing.assert_array_equal(again.identity, view.identity)
    np.testing.assert_array_equal(again.expression, view.expression)


def test_in_a_mirrored_view_every_vertex_is_where_its_partner_was_mirrored_to(tiny_model, view):
    before, after = (
        vertices_image(tiny_model, view),
        vertices_image(tiny_model, mirrored_view(view, tiny_model)),
    )
    expected = before[tiny_model.mirror.vertex] * [-1, 1, 1] + [160, 0, 0]
    np.testing.assert_allclose(after, expected, atol=1e-4)


@pytest.mark.parametrize("roll", [0.0, 0.5, -1.2])
def test_labels_follow_the_crop(tiny_model, view, roll):
    box = CropBox((80.0, 75.0), 90.0, 112, roll)
    cropped = crop_view(view, box)
    expected = box.crop_from_image(vertices_image(tiny_model, view))
    np.testing.assert_allclose(vertices_image(tiny_model, cropped), expected, atol=1e-3)
    assert cropped.image.shape == (112, 112, 3)


@pytest.mark.parametrize("roll", [0.0, 0.5, -1.2])
def test_the_picture_follows_the_crop_like_its_labels(tiny_model, view, roll):
    point = vertices_image(tiny_model, view)[20]
    x, y = np.meshgrid(np.arange(160) + 0.5, np.arange(160) + 0.5)
    dot = np.hypot(x - point[0], y - point[1]) < 3
    dotted = replace(view, image=np.where(dot[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))
    cropped = crop_view(dotted, CropBox((80.0, 75.0), 110.0, 112, roll))
    rows, columns = np.nonzero(cropped.image[..., 0] > 127)
    found = [columns.mean() + 0.5, rows.mean() + 0.5]
    np.testing.assert_allclose(found, vertices_image(tiny_model, cropped)[20, :2], atol=0.5)
