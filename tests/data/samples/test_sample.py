from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.data.samples.sample import Sample
from lineament.data.samples.view import View
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from samples import annotated_sample, assert_same, make_sample, provenance


def test_a_sample_mirrored_twice_is_the_sample(lfm):
    sample = make_sample(yaw=0.5, roll=0.2)
    assert_same(sample.mirrored(lfm).mirrored(lfm), sample)


def test_a_mirrored_sample_shows_every_vertex_where_its_partner_was_mirrored_to(lfm):
    sample = make_sample(yaw=0.5, roll=0.2)
    before, after = (
        s.camera.image_from_model(lfm.vertices_model(s.identity, s.expression))
        for s in (sample, sample.mirrored(lfm))
    )
    np.testing.assert_allclose(after, before[lfm.mirror.vertex] * [-1, 1, 1] + [128, 0, 0], atol=1e-3)


def test_the_mask_is_mirrored_with_the_picture(lfm):
    sample = make_sample()
    mirrored = sample.mirrored(lfm)
    np.testing.assert_array_equal(mirrored.occlusion, sample.occlusion[:, ::-1])
    assert make_sample(occluded=False).mirrored(lfm).occlusion is None


def test_the_mask_follows_the_crop():
    sample = make_sample()
    painted = sample.image.copy()
    painted[sample.occlusion] = 255
    painted[~sample.occlusion] = 0
    sample = replace(sample, image=painted)
    cropped = sample.cropped(CropBox((70.0, 60.0), 80.0, 112, 0.3))
    np.testing.assert_array_equal(cropped.occlusion, cropped.image[..., 0] > 127)
    assert 0.1 < cropped.occlusion.mean() < 0.5


def test_cropping_a_sample_without_a_mask_makes_none():
    assert make_sample(occluded=False).cropped(CropBox((64.0, 64.0), 80.0, 64)).occlusion is None


@pytest.mark.parametrize("mask", [np.zeros((128, 127), bool), np.zeros((128, 128), np.uint8)])
def test_a_mask_that_is_not_the_pictures_is_refused(mask):
    with pytest.raises(DataError, match=r"occlusion mask of 'A_0\.jpg'"):
        replace(make_sample(), labels=replace(make_sample().labels, occlusion=mask))


CAMERA = WeakPerspective(matrix_from_angles(0.4, -0.2, 0.1), 0.5, np.array([70.0, 85.0, 0.0]))


@pytest.fixture
def noise():
    """A picture of noise with the tiny model's face in it."""
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    view = View(image, CAMERA, np.float32([1, -1, 0.5, 0.25]), np.float32([0.5, 0, 1]))
    return Sample.of_view(view, None, provenance())


def vertices_image(model, view):
    return view.camera.image_from_model(model.vertices_model(view.identity, view.expression))


def test_mirrored_twice_a_picture_of_another_model_is_itself(tiny_model, noise):
    again = noise.mirrored(tiny_model).mirrored(tiny_model)
    np.testing.assert_array_equal(again.image, noise.image)
    np.testing.assert_allclose(again.camera.rotation, noise.camera.rotation)
    np.testing.assert_allclose(again.camera.translation, noise.camera.translation)
    np.testing.assert_array_equal(again.identity, noise.identity)
    np.testing.assert_array_equal(again.expression, noise.expression)


def test_in_a_mirror_every_vertex_is_where_its_partner_was_mirrored_to(tiny_model, noise):
    before, after = (
        vertices_image(tiny_model, noise),
        vertices_image(tiny_model, noise.mirrored(tiny_model)),
    )
    expected = before[tiny_model.mirror.vertex] * [-1, 1, 1] + [160, 0, 0]
    np.testing.assert_allclose(after, expected, atol=1e-4)


@pytest.mark.parametrize("roll", [0.0, 0.5, -1.2])
def test_labels_follow_the_crop(tiny_model, noise, roll):
    box = CropBox((80.0, 75.0), 90.0, 112, roll)
    cropped = noise.cropped(box)
    expected = box.crop_from_image(vertices_image(tiny_model, noise))
    np.testing.assert_allclose(vertices_image(tiny_model, cropped), expected, atol=1e-3)
    assert cropped.image.shape == (112, 112, 3)


@pytest.mark.parametrize("roll", [0.0, 0.5, -1.2])
def test_the_picture_follows_the_crop_like_its_labels(tiny_model, noise, roll):
    point = vertices_image(tiny_model, noise)[20]
    x, y = np.meshgrid(np.arange(160) + 0.5, np.arange(160) + 0.5)
    dot = np.hypot(x - point[0], y - point[1]) < 3
    dotted = replace(noise, image=np.where(dot[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))
    cropped = dotted.cropped(CropBox((80.0, 75.0), 110.0, 112, roll))
    rows, columns = np.nonzero(cropped.image[..., 0] > 127)
    found = [columns.mean() + 0.5, rows.mean() + 0.5]
    np.testing.assert_allclose(found, vertices_image(tiny_model, cropped)[20, :2], atol=0.5)


def test_a_sample_of_points_alone_has_no_view_and_says_so():
    sample = annotated_sample()
    assert not sample.labels.has_coefficients
    for name in ("view", "camera", "identity", "expression"):
        with pytest.raises(DataError, match=r"'A_0\.jpg' has no coefficients"):
            getattr(sample, name)


def test_points_follow_picture_and_mirror_like_a_dot_in_the_picture(lfm):
    sample = annotated_sample()
    points = sample.labels.points.points_image
    row, column = np.mgrid[0:128, 0:128] + 0.5
    dot = np.hypot(column - points[36, 0], row - points[36, 1]) < 3
    dotted = replace(sample, image=np.where(dot[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2))
    for changed in (dotted.cropped(CropBox((66.0, 60.0), 80.0, 112, 0.4)), dotted.mirrored(lfm)):
        rows, columns = np.nonzero(changed.image[..., 0] > 127)
        found = [columns.mean() + 0.5, rows.mean() + 0.5]
        number = 45 if changed.image.shape[0] == 128 else 36  # the right eye's outer corner is now the left's
        np.testing.assert_allclose(found, changed.labels.points.points_image[number], atol=0.5)
