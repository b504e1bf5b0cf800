import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.data.fitting.fitted import FittedPhoto
from lineament.data.samples.sample import Kind, Provenance
from lineament.data.views.rotated import (
    RotatedViewConfig,
    RotatedViewGenerator,
    cut_upright,
    target_rotations,
)
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

CONFIG = RotatedViewConfig(views=9)
REST = np.zeros(100, np.float32), np.zeros(53, np.float32)


def yaw_of(rotation):
    """Of rotations without roll; also beyond a right angle."""
    rotation = np.asarray(rotation)
    return np.arctan2(rotation[..., 0, 2], rotation[..., 0, 0])


def pitch_of(rotation):
    rotation = np.asarray(rotation)
    return np.arctan2(rotation[..., 2, 1], rotation[..., 1, 1])


def rotations_from(yaw, *, times, pitch=0.1, config=CONFIG):
    rng = np.random.default_rng(0)
    start = matrix_from_angles(yaw, pitch, 0)
    return np.array([r for _ in range(times) for r in target_rotations(start, config, rng)])


@pytest.mark.parametrize("yaw", np.radians([-70, -40, -12, 12, 30, 60, 85]))
def test_a_face_turns_on_to_the_side_it_shows_and_hardly_back(yaw):
    rotated = yaw_of(rotations_from(yaw, times=5))
    assert (np.sign(rotated) == np.sign(yaw)).all()
    assert np.abs(rotated).min() >= abs(yaw) - CONFIG.turn_back - 1e-9
    assert np.abs(rotated).max() <= CONFIG.max_yaw + 1e-9


def test_a_frontal_face_turns_to_either_side_by_every_amount():
    rotated = yaw_of(rotations_from(0.05, times=20))
    assert 0.3 < (rotated > 0).mean() < 0.7
    counts, _ = np.histogram(np.abs(rotated), bins=8, range=(0, CONFIG.max_yaw))
    assert counts.min() >= 15  # 20 when evenly spread


def test_pitch_is_mostly_moderate_and_sometimes_anything_to_sixty_degrees():
    pitch = np.degrees(pitch_of(rotations_from(0.4, times=60, pitch=0.0)))
    assert np.abs(pitch).max() <= 60 + 1e-6
    assert np.median(np.abs(pitch)) < 12
    assert 0.05 < (np.abs(pitch) > 35).mean() < 0.2


def test_rotated_faces_have_roll_only_when_asked():
    assert np.abs(rotations_from(0.4, times=5)[:, 0, 1]).max() < 1e-12
    rolled = RotatedViewConfig(views=9, roll_std=0.3)
    assert np.std(rotations_from(0.4, times=20, config=rolled)[:, 0, 1]) > 0.1


def ramp(width, height):
    """Red tells x, green tells y, as a fraction of the side."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.round(255 * np.stack([x, y, 0 * x], axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("side", [40.0, 100.0, 160.0])
@pytest.mark.parametrize("roll", [0.0, 0.6])
def test_a_crop_shows_what_lies_where_its_box_says(side, roll):
    box = CropBox((160.0, 120.0), side, 60, roll)
    crop, shown = cut_upright(ramp(320, 240), box)
    points_crop = np.stack(np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5), axis=-1)
    points_image = box.image_from_crop(points_crop)
    np.testing.assert_allclose(crop[..., 0] / 255 * 320, points_image[..., 0], atol=2)
    np.testing.assert_allclose(crop[..., 1] / 255 * 240, points_image[..., 1], atol=2)
    assert (shown == 1).all()


def test_beyond_the_photo_its_mirror_image_or_another_picture_follows():
    box = CropBox((0.0, 50.0), 80.0, 80)
    crop, shown = cut_upright(ramp(100, 100), box)
    np.testing.assert_array_equal(crop[:, :40], crop[:, :39:-1])
    blue = np.full((80, 80, 3), [0, 0, 200], np.uint8)
    other, _ = cut_upright(ramp(100, 100), box, blue)
    np.testing.assert_array_equal(other[:, :25], blue[:, :25])
    np.testing.assert_array_equal(other[:, 41:], crop[:, 41:])
    assert shown[:, :25].max() == 0


def photo_of(image, scale=0.8, yaw=0.3):
    camera = WeakPerspective(matrix_from_angles(yaw, 0.1, 0.5), scale, np.array([170.0, 130.0, 0.0]))
    provenance = Provenance("some", "a.jpg", "some/a", Kind.PHOTOGRAPHED)
    return FittedPhoto(image, camera, *REST, provenance)


@pytest.fixture(scope="module")
def generator(lfm):
    background = np.full((200, 220, 3), [0, 0, 9], np.uint8)
    return RotatedViewGenerator(
        lfm, [background], RotatedViewConfig(views=4, framed_probability=0.0, straight_probability=0.0)
    )


def test_views_are_upright_centred_and_of_the_kinds_they_are(generator, lfm):
    views = generator(photo_of(ramp(320, 240)), np.random.default_rng(0))
    assert [made.kind for made in views] == [Kind.PHOTOGRAPHED, Kind.ROTATED, Kind.ROTATED, Kind.ROTATED]
    for made in views:
        labels = made.view.identity, made.view.expression
        landmarks = lfm.landmarks_model(*labels, scheme="lfm-68").astype(float)
        assert made.view.image.shape == (160, 160, 3)
        assert made.view.image.dtype == np.uint8
        points = made.view.camera.image_from_model(landmarks)[:, :2]
        np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [80, 80], atol=0.1)
    landmarks = lfm.landmarks_model(*REST, scheme="lfm-68").astype(float)
    first = views[0].view.camera.image_from_model(landmarks)[:, :2]
    assert np.ptp(first, axis=0).max() == pytest.approx(generator.config.face, rel=1e-4)


def test_the_first_view_is_the_photograph_itself(generator):
    photo = photo_of(ramp(320, 240))
    view = generator(photo, np.random.default_rng(0))[0].view
    nose = np.array([0.0, 0, 90])
    x, y = view.camera.image_from_model(nose)[:2]
    red, green, _ = view.image[int(y), int(x)].astype(float) / 255
    np.testing.assert_allclose([red * 320, green * 240], photo.camera.image_from_model(nose)[:2], atol=3)


def test_views_are_a_function_of_the_random_numbers(generator):
    one, two, other = (generator(photo_of(ramp(320, 240)), np.random.default_rng(n)) for n in (1, 1, 2))
    np.testing.assert_array_equal(one[1].view.image, two[1].view.image)
    assert (one[1].view.image != other[1].view.image).any()


def test_a_fraction_of_the_views_has_another_expression(lfm):
    background = np.full((200, 220, 3), [0, 0, 9], np.uint8)
    config = RotatedViewConfig(views=5, edited_probability=1.0, straight_probability=1.0)
    views = RotatedViewGenerator(lfm, [background], config)(
        photo_of(ramp(320, 240)), np.random.default_rng(0)
    )
    assert len(views) == 5
    assert not views[0].view.expression.any()
    assert all(made.view.expression.any() and made.kind == Kind.ROTATED for made in views[1:])
    np.testing.assert_array_equal(views[1].view.camera.rotation, views[0].view.camera.rotation)


def test_a_face_that_is_too_small_gives_no_views(generator):
    assert generator(photo_of(ramp(320, 240), scale=0.1), np.random.default_rng(0)) == []
