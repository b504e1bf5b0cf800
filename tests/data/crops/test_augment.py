from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import crop_around_points
from lineament.data.crops.augment import PARTS, AugmentConfig, disturb, framed, only_part, random_crop_box
from lineament.data.samples.view import View
from lineament.errors import ConfigError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

CAMERA = WeakPerspective(matrix_from_angles(0.4, -0.2, 0.1), 0.5, np.array([70.0, 85.0, 0.0]))
STILL = AugmentConfig(tight_share=1.0, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0)
NOTHING = AugmentConfig(
    occluder_share=0, grey_share=0, blur_share=0, noise_share=0, jpeg_share=0, border_share=0
)


@pytest.fixture
def view():
    """A picture of noise with the tiny model's face in it."""
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    return View(image, CAMERA, np.float32([1, -1, 0.5, 0.25]), np.float32([0.5, 0, 1]))


def vertices_image(model, view):
    return view.camera.image_from_model(model.vertices_model(view.identity, view.expression))


def test_an_undisturbed_crop_is_the_square_around_the_landmarks(tiny_model, view):
    points = vertices_image(tiny_model, view)[:68]
    box = random_crop_box(points, STILL, np.random.default_rng(0))
    expected = crop_around_points(points, size=112, margin=STILL.crop_margin)
    np.testing.assert_allclose(box.center_xy, expected.center_xy)
    np.testing.assert_allclose([box.side, box.size, box.roll], [expected.side, 112, 0])


def test_loose_crops_stray_no_further_than_their_limits(tiny_model, view):
    points = vertices_image(tiny_model, view)[:68]
    config = AugmentConfig(tight_share=0.0, loose_roll=0.0, most_roll=0.0)
    rng = np.random.default_rng(0)
    plain = random_crop_box(points, STILL, rng)
    boxes = [random_crop_box(points, config, rng) for _ in range(200)]
    shift = np.abs([np.subtract(box.center_xy, plain.center_xy) for box in boxes]) / plain.side
    scale = np.abs([np.log(box.side / plain.side) for box in boxes])
    assert 0.8 * config.loose_shift < shift.max() <= config.loose_shift + 1e-9
    assert 0.8 * config.loose_scale < scale.max() <= config.loose_scale + 1e-9


def test_disturbances_are_a_function_of_the_seed_and_leave_the_crop_itself_alone(view):
    crop, other = view.image[:112, :112], view.image[::-1]
    before = crop.copy()
    seen = set()
    for seed in range(20):
        one, two = (
            disturb(crop, lambda: other, AugmentConfig(), np.random.default_rng(seed)) for _ in range(2)
        )
        np.testing.assert_array_equal(one, two)
        assert one.shape == crop.shape
        assert one.dtype == np.uint8
        seen.add(one.tobytes())
    assert len(seen) == 20
    np.testing.assert_array_equal(crop, before)


def test_without_disturbances_only_light_and_colour_change(view):
    image = np.full((112, 112, 3), 120, np.uint8)
    disturbed = disturb(image, lambda: view.image, NOTHING, np.random.default_rng(3)).astype(float)
    # A gradient of light over a plain picture: no edges anywhere.
    assert np.abs(np.diff(disturbed, axis=0)).max() < 4
    assert np.abs(np.diff(disturbed, axis=1)).max() < 4


@pytest.mark.parametrize(
    "share", ["occluder_share", "grey_share", "blur_share", "noise_share", "jpeg_share", "border_share"]
)
def test_each_disturbance_can_be_made_certain(view, share):
    crop = view.image[:112, :112]
    certain = replace(NOTHING, **{share: 1.0})
    for seed in range(4):
        disturbed = disturb(crop, lambda: view.image, certain, np.random.default_rng(seed))
        assert disturbed.shape == crop.shape
        if share == "grey_share":
            np.testing.assert_array_equal(disturbed[..., 0], disturbed[..., 1])
        if share == "border_share":
            edges = disturbed[0], disturbed[-1], disturbed[:, 0], disturbed[:, -1]
            assert any((edge == 0).all() for edge in edges)
        if share == "occluder_share":
            plain = disturb(crop, lambda: view.image, NOTHING, np.random.default_rng(seed))
            assert (disturbed != plain).any()


def test_parts_are_four_halves_four_quarters_and_the_middle():
    white = np.full((40, 40, 3), 255, np.uint8)
    left = [only_part(white, part)[..., 0] > 0 for part in PARTS]
    assert sorted(part.mean() for part in left) == [0.25] * 5 + [0.5] * 4
    assert len({part.tobytes() for part in left}) == 9
    assert left[-1][10:30, 10:30].all()
    assert np.sum(left[:-1], axis=0).min() == np.sum(left[:-1], axis=0).max() == 3  # no place is preferred


def test_a_part_of_the_crop_is_left_of_some_and_a_frame_is_black_in_all(view):
    crop = np.full((112, 112, 3), 120, np.uint8)
    config = replace(NOTHING, part_share=0.5, black_frame=5)
    shown = []
    for seed in range(40):
        seen = disturb(crop, lambda: view.image, config, np.random.default_rng(seed))[..., 0] > 0
        assert not seen[:5].any()
        assert not seen[-5:].any()
        assert not seen[:, :5].any()
        assert not seen[:, -5:].any()
        shown.append(seen.mean())
    whole = (102 / 112) ** 2
    assert sum(share == pytest.approx(whole) for share in shown) in range(12, 29)
    assert min(shown) < 0.3


def test_both_are_off_unless_asked_for_and_change_nothing_else_then(view):
    crop = view.image[:112, :112]
    assert (AugmentConfig().part_share, AugmentConfig().black_frame) == (0.0, 0)
    for seed in range(5):
        one, two = (
            disturb(crop, lambda: view.image, replace(AugmentConfig(), black_frame=width), rng)
            for width, rng in [(0, np.random.default_rng(seed)), (8, np.random.default_rng(seed))]
        )
        np.testing.assert_array_equal(framed(one, 8), two)


@pytest.mark.parametrize("width", [-1, 56, 100])
def test_a_frame_that_leaves_no_picture_is_refused(width):
    with pytest.raises(ConfigError, match="black_frame must be between 0 and half of crop_size"):
        AugmentConfig(black_frame=width)


def test_another_picture_is_only_asked_for_where_an_occluder_needs_its_texture(view):
    crop, asked = view.image[:112, :112], []

    def other():
        asked.append(1)
        return view.image

    for seed in range(60):
        disturb(crop, other, NOTHING, np.random.default_rng(seed))
    assert asked == []
    for seed in range(60):
        disturb(crop, other, replace(NOTHING, occluder_share=1.0), np.random.default_rng(seed))
    assert 20 < len(asked) < 110


def test_an_occluders_texture_may_be_smaller_than_the_crop(view):
    config = replace(NOTHING, occluder_share=1.0)
    small = np.full((20, 30, 3), 7, np.uint8)
    for seed in range(30):
        picture = disturb(view.image, lambda: small, config, np.random.default_rng(seed))
        assert picture.shape == view.image.shape
