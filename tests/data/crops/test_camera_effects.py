import numpy as np
import pytest

from lineament.data.crops import camera_effects as effects
from lineament.data.crops.camera_effects import EffectConfig, Tone, random_effects, toned


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_neutral_tone_changes_nothing(picture):
    assert np.abs(toned(picture, Tone()).astype(int) - picture).max() <= 1


def test_gains_colour_what_is_grey_and_lift_adds_levels():
    plain = np.full((4, 4, 3), 100, np.uint8)
    np.testing.assert_array_equal(toned(plain, Tone(gains=(1.5, 1.0, 0.5), lift=10.0))[0, 0], [160, 110, 60])


def test_gamma_and_contrast_keep_their_fixed_points():
    plain = np.stack([np.zeros((2, 2)), np.full((2, 2), 255), np.full((2, 2), 128)], axis=-1).astype(np.uint8)
    np.testing.assert_array_equal(toned(plain, Tone(gamma=2.0))[0, 0, :2], [0, 255])
    np.testing.assert_array_equal(toned(plain, Tone(contrast=0.5))[0, 0], [64, 192, 128])


def test_light_from_the_right_and_dark_corners_fall_where_they_should():
    plain = np.full((41, 41, 3), 100, np.uint8)
    lit = toned(plain, Tone(light_xy=(0.5, 0.0))).astype(int)
    assert lit[20, 0, 0] < 60 < 95 < lit[20, 20, 0] < 105 < 140 < lit[20, 40, 0]
    assert (np.ptp(lit[:, 20], axis=0) <= 1).all()
    dark = toned(plain, Tone(vignette=0.5)).astype(int)
    assert dark[20, 20, 0] == 100
    assert dark[0, 0, 0] == pytest.approx(50, abs=3)


def test_grey_has_equal_channels(picture):
    assert np.ptp(effects.grey(picture), axis=-1).max() == 0


@pytest.mark.parametrize(
    "blur",
    [
        lambda p: effects.blurred(p, 2.0),
        lambda p: effects.defocused(p, 2.5),
        lambda p: effects.moved(p, 9, 0.0),
        lambda p: effects.shrunk(p, 0.3),
    ],
)
def test_blur_makes_neighbours_alike_and_keeps_brightness(picture, blur):
    before, after = (np.abs(np.diff(p.astype(int), axis=1)).mean() for p in (picture, blur(picture)))
    assert after < before / 3
    assert blur(picture).mean() == pytest.approx(picture.mean(), abs=2)


def test_a_moving_camera_blurs_along_its_way_only():
    line = np.zeros((21, 21, 3), np.uint8)
    line[:, 10] = 255
    np.testing.assert_array_equal(effects.moved(line, 7, np.pi / 2), line)
    assert (effects.moved(line, 7, 0.0)[10, 7:14, 0] > 30).all()


def test_an_unsharp_point_becomes_a_disc():
    point = np.zeros((21, 21, 3), np.uint8)
    point[10, 10] = 255
    row, column = np.nonzero(effects.defocused(point, 3.0)[..., 0])
    assert np.hypot(row - 10, column - 10).max() == 3
    assert len(row) == 29


def test_noise_has_the_deviation_asked_for():
    plain = np.full((100, 100, 3), 128, np.uint8)
    grain = 10 * np.random.default_rng(0).standard_normal((100, 100, 1))
    noisy = effects.noisy(plain, grain)
    assert noisy.std() == pytest.approx(10, rel=0.05)
    assert np.ptp(noisy, axis=-1).max() == 0


@pytest.mark.parametrize(
    ("side", "edge"), list(enumerate([np.s_[:5], np.s_[:, -5:], np.s_[-5:], np.s_[:, :5]]))
)
def test_borders_are_cut_off_on_the_side_named(side, edge):
    cut = effects.cut_off(np.full((20, 20, 3), 9, np.uint8), side, 5)
    assert (cut[edge] == 0).all()
    assert (cut == 0).mean() == 0.25


@pytest.mark.parametrize("seed", range(20))
def test_effects_are_functions_of_the_seed_keep_shape_and_type_and_leave_the_picture_alone(picture, seed):
    before = picture.copy()
    one, two = (
        random_effects(np.random.default_rng(seed), picture, EffectConfig(border=0.3)) for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    assert one.shape == picture.shape
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(picture, before)
