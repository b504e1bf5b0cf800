from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import crop_around_points
from lineament.data.crops import augment
from lineament.data.crops.augment import PARTS, AugmentConfig, disturb, framed, only_part, random_crop_box
from lineament.data.occlusion.drawing import Layer
from lineament.data.samples.view import View
from lineament.errors import ConfigError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

CAMERA = WeakPerspective(matrix_from_angles(0.4, -0.2, 0.1), 0.5, np.array([70.0, 85.0, 0.0]))
STILL = AugmentConfig(tight_probability=1.0, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0)
NOTHING = AugmentConfig(
    occluder_probability=0,
    grey_probability=0,
    blur_probability=0,
    noise_probability=0,
    jpeg_probability=0,
    border_probability=0,
)


@pytest.fixture
def view():
    """A picture of noise with the tiny model's face in it."""
    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    return View(image, CAMERA, np.float32([1, -1, 0.5, 0.25]), np.float32([0.5, 0, 1]))


def vertices_image(model, view):
    return view.camera.image_from_model(model.vertices_model(view.identity, view.expression))


def test_an_undisturbed_crop_is_the_crop_box_around_the_landmarks(tiny_model, view):
    points = vertices_image(tiny_model, view)[:68]
    box = random_crop_box(points, STILL, np.random.default_rng(0))
    expected = crop_around_points(points, size=112, margin=STILL.crop_margin)
    np.testing.assert_allclose(box.center_xy, expected.center_xy)
    np.testing.assert_allclose([box.side, box.size, box.roll], [expected.side, 112, 0])


def test_loose_crops_stray_no_further_than_their_limits(tiny_model, view):
    points = vertices_image(tiny_model, view)[:68]
    config = AugmentConfig(tight_probability=0.0, loose_roll=0.0, max_roll=0.0)
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
    visible = set()
    for seed in range(20):
        one, two = (
            disturb(crop, lambda: other, AugmentConfig(), np.random.default_rng(seed)).image for _ in range(2)
        )
        np.testing.assert_array_equal(one, two)
        assert one.shape == crop.shape
        assert one.dtype == np.uint8
        visible.add(one.tobytes())
    assert len(visible) == 20
    np.testing.assert_array_equal(crop, before)


def test_without_disturbances_only_light_and_colour_change(view):
    image = np.full((112, 112, 3), 120, np.uint8)
    disturbed = disturb(image, lambda: view.image, NOTHING, np.random.default_rng(3)).image.astype(float)
    # A gradient of light over a plain picture: no edges anywhere.
    assert np.abs(np.diff(disturbed, axis=0)).max() < 4
    assert np.abs(np.diff(disturbed, axis=1)).max() < 4


@pytest.mark.parametrize(
    "probability",
    [
        "occluder_probability",
        "grey_probability",
        "blur_probability",
        "noise_probability",
        "jpeg_probability",
        "border_probability",
    ],
)
def test_each_disturbance_can_be_made_certain(view, probability):
    crop = view.image[:112, :112]
    certain = replace(NOTHING, **{probability: 1.0})
    for seed in range(4):
        disturbed = disturb(crop, lambda: view.image, certain, np.random.default_rng(seed)).image
        assert disturbed.shape == crop.shape
        if probability == "grey_probability":
            np.testing.assert_array_equal(disturbed[..., 0], disturbed[..., 1])
        if probability == "border_probability":
            edges = disturbed[0], disturbed[-1], disturbed[:, 0], disturbed[:, -1]
            assert any((edge == 0).all() for edge in edges)
        if probability == "occluder_probability":
            plain = disturb(crop, lambda: view.image, NOTHING, np.random.default_rng(seed)).image
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
    config = replace(NOTHING, part_probability=0.5, black_frame=5)
    shown = []
    for seed in range(40):
        visible = disturb(crop, lambda: view.image, config, np.random.default_rng(seed)).image[..., 0] > 0
        assert not visible[:5].any()
        assert not visible[-5:].any()
        assert not visible[:, :5].any()
        assert not visible[:, -5:].any()
        shown.append(visible.mean())
    whole = (102 / 112) ** 2
    assert sum(part == pytest.approx(whole) for part in shown) in range(12, 29)
    assert min(shown) < 0.3


def test_both_are_off_unless_asked_for_and_change_nothing_else_then(view):
    crop = view.image[:112, :112]
    assert (AugmentConfig().part_probability, AugmentConfig().black_frame) == (0.0, 0)
    for seed in range(5):
        one, two = (
            disturb(crop, lambda: view.image, replace(AugmentConfig(), black_frame=width), rng).image
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
        disturb(crop, other, replace(NOTHING, occluder_probability=1.0), np.random.default_rng(seed))
    assert 20 < len(asked) < 110


def test_an_occluders_texture_may_be_smaller_than_the_crop(view):
    config = replace(NOTHING, occluder_probability=1.0)
    small = np.full((20, 30, 3), 7, np.uint8)
    for seed in range(30):
        picture = disturb(view.image, lambda: small, config, np.random.default_rng(seed)).image
        assert picture.shape == view.image.shape


def test_what_things_hide_is_told_to_the_pixel(view, monkeypatch):
    crop = view.image[:112, :112]
    alpha = np.zeros((3, 112, 112), np.float32)
    alpha[0, 10:30, 20:60] = 1.0
    alpha[1, 50:70, 50:70] = 0.4  # more than half of what is behind is seen
    alpha[2, 20:40, 50:90] = 0.6
    layers = [Layer(np.zeros((112, 112, 3), np.float32), one) for one in alpha]
    drawn = []

    def thing(*_):
        drawn.append(layers[len(drawn)])
        return drawn[-1]

    monkeypatch.setattr(augment, "_thing", thing)
    expected = np.zeros((112, 112), bool)
    expected[10:30, 20:60] = expected[20:40, 50:90] = True
    for seed in range(60):
        drawn.clear()
        found = disturb(
            crop, lambda: crop, replace(NOTHING, occluder_probability=1.0), np.random.default_rng(seed)
        )
        if len(drawn) == 3:
            np.testing.assert_array_equal(found.covered, expected)
            return
    raise AssertionError("three things are never drawn")


def test_real_things_hide_what_changes_with_them_and_not_with_what_is_behind(monkeypatch):
    monkeypatch.setattr(augment, "toned", lambda image, _tone: image)
    # A hand has the skin of what is behind it.
    own = augment.hand
    monkeypatch.setattr(
        augment,
        "hand",
        lambda rng, size, placing, _skin, light, *, reach: own(
            rng, size, placing, np.full(3, 90.0), light, reach=reach
        ),
    )
    black, white = (np.full((112, 112, 3), value, np.uint8) for value in (0, 255))
    config, covered = replace(NOTHING, occluder_probability=1.0), 0
    for seed in range(60):
        one, other = (
            disturb(crop, lambda: black, config, np.random.default_rng(seed)) for crop in (black, white)
        )
        shown = (other.image.astype(int) - one.image)[..., 0] / 255
        mask = np.zeros((112, 112), bool) if one.covered is None else one.covered
        assert (shown[mask] <= 0.51).all()
        assert (shown[~mask] >= 0.49 * 0.49 * 0.49).all()
        covered += mask.sum()
    assert covered > 10_000


def test_what_is_blacked_out_is_hidden(view):
    crop = np.full((112, 112, 3), 120, np.uint8)
    config = replace(NOTHING, border_probability=0.7, part_probability=0.3, black_frame=4)
    for seed in range(30):
        found = disturb(crop, lambda: view.image, config, np.random.default_rng(seed))
        np.testing.assert_array_equal(found.covered, (found.image == 0).all(axis=2))
    assert disturb(crop, lambda: view.image, NOTHING, np.random.default_rng(0)).covered is None
