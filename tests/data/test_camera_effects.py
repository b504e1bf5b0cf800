import numpy as np
import pytest

from lineament.data import camera_effects
from lineament.data.camera_effects import EffectConfig, random_effects


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_neutral_tone_changes_nothing(picture):
    same = camera_effects.tone(picture, gains=np.ones(3), gamma=1.0, lift=0.0)
    assert np.abs(same.astype(int) - picture).max() <= 1


def test_grey_has_equal_channels(picture):
    grey = camera_effects.grey(picture)
    assert np.ptp(grey, axis=-1).max() == 0


def test_blur_makes_neighbours_alike(picture):
    before, after = (
        np.abs(np.diff(p.astype(int), axis=1)).mean() for p in (picture, camera_effects.blur(picture, 2))
    )
    assert after < before / 3


def test_noise_has_the_spread_asked_for():
    plain = np.full((100, 100, 3), 128, np.uint8)
    noisy = camera_effects.noise(np.random.default_rng(0), plain, 10.0)
    assert noisy.std() == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_effects_keep_shape_and_type_and_leave_the_picture_alone(picture, seed):
    before = picture.copy()
    spoiled = random_effects(np.random.default_rng(seed), picture, EffectConfig())
    assert spoiled.shape == picture.shape
    assert spoiled.dtype == np.uint8
    np.testing.assert_array_equal(picture, before)
