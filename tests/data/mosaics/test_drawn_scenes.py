import numpy as np
import pytest

from lineament.data.mosaics.drawn_fields import coat, fractal, palette
from lineament.data.mosaics.drawn_scenes import SCENES, THINGS, drawn_scene


@pytest.mark.parametrize("make", [make for make, _ in SCENES], ids=lambda make: make.__name__)
def test_every_kind_of_scene_is_a_picture_of_the_size_asked_for(make):
    picture = make(np.random.default_rng(1), 96)
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 1


@pytest.mark.parametrize("put", dict.fromkeys(THINGS), ids=lambda put: put.__name__)
def test_things_come_before_a_scene_and_leave_it_as_it_was(put):
    scene = np.full((128, 128, 3), 77, np.uint8)
    changed = [not np.array_equal(put(np.random.default_rng(n), scene), scene) for n in range(6)]
    assert any(changed)
    assert np.all(scene == 77)


def test_a_scene_is_a_function_of_its_generator():
    one, again, other = (drawn_scene(np.random.default_rng(seed), 64) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_fields_lie_between_nothing_and_one():
    for field in (fractal(np.random.default_rng(0), 50), coat(np.random.default_rng(0), 50)):
        assert field.shape == (50, 50)
        assert 0 <= field.min() < field.max() <= 1


def test_rough_noise_differs_more_from_pixel_to_pixel():
    smooth, rough = (fractal(np.random.default_rng(0), 128, roughness=r) for r in (0.3, 0.95))
    assert np.abs(np.diff(rough)).mean() > 3 * np.abs(np.diff(smooth)).mean()


def test_a_palette_has_a_colour_a_level():
    colors = palette(np.random.default_rng(0))
    assert colors.shape == (256, 3)
    assert colors.min() >= 0
    assert colors.max() <= 255
