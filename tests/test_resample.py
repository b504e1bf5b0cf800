import numpy as np
import pytest
from PIL import Image

from lineament import resample
from lineament.crop import CropBox
from lineament.resample import letterbox, resample_crop


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (7, 5, 3), dtype=np.uint8)


ROLLS = (0.0, 0.3, -1.2, np.pi / 2, 3.0)


@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("side", [50.0, 112.0, 331.7])
@pytest.mark.parametrize("offset", [0.0, 0.37])
def test_a_bright_dot_lands_where_the_crop_box_says(roll, side, offset):
    y, x = np.mgrid[0:400, 0:400] + 0.5
    box = CropBox(center_xy=(200.0 + offset, 210.0 - offset), side=side, size=112, roll=roll)
    dot_image = np.array([200.0 + side / 6, 210.0 - side / 4])
    std = max(2.5, 2 * side / 112)
    light = 250 * np.exp(-((x - dot_image[0]) ** 2 + (y - dot_image[1]) ** 2) / (2 * std**2))
    crop = resample_crop(np.repeat(np.round(light)[..., None], 3, axis=2).astype(np.uint8), box)[..., 0]
    row, column = np.mgrid[0:112, 0:112] + 0.5
    weights = crop.astype(float)
    found = np.array([(weights * column).sum(), (weights * row).sum()]) / weights.sum()
    np.testing.assert_allclose(found, box.crop_from_image(dot_image), atol=0.1)


@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("side", [40.0, 150.3, 260.0])
def test_a_ramp_stays_a_ramp(roll, side):
    y, x = np.mgrid[0:400, 0:400] + 0.5
    ramp = np.stack([x / 2, y / 2, (x + y) / 4], axis=-1)
    box = CropBox(center_xy=(201.3, 198.6), side=side, size=64, roll=roll)
    row, column = np.mgrid[0:64, 0:64] + 0.5
    points = box.image_from_crop(np.stack([column, row], axis=-1))
    expected = np.stack([points[..., 0] / 2, points[..., 1] / 2, points.sum(axis=-1) / 4], axis=-1)
    crop = resample_crop(np.round(ramp).astype(np.uint8), box)
    assert np.abs(crop - expected).max() < 2.1  # rounded to bytes three times, once always down


def test_a_photo_as_large_as_the_crop_passes_unchanged(photo):
    square = photo[:5]
    crop = resample_crop(square, CropBox(center_xy=(2.5, 2.5), side=5.0, size=5))
    np.testing.assert_array_equal(crop, square)


def test_a_roll_of_a_quarter_turn_is_a_quarter_turn(photo):
    square = photo[:5]
    crop = resample_crop(square, CropBox(center_xy=(2.5, 2.5), side=5.0, size=5, roll=np.pi / 2))
    np.testing.assert_allclose(crop, np.rot90(square, -1), atol=1)  # a face lying to the left, shown upright


def test_shrinking_is_antialiased():
    stripes = np.zeros((224, 224, 3), np.uint8)
    stripes[:, ::2] = 255
    for roll in (0.0, 0.4):
        crop = resample_crop(stripes, CropBox(center_xy=(112.0, 112.0), side=112.0, size=14, roll=roll))
        assert np.abs(crop.astype(int) - 127).max() < 12


@pytest.mark.parametrize("side", [250.0, 280.0, 331.7])
def test_a_slight_turn_changes_a_crop_slightly(side):
    y, x = np.mgrid[0:400, 0:400] + 0.5
    waves = np.stack([np.sin(x / 9), np.cos(y / 11), np.sin((x + y) / 13)], axis=-1) * 100 + 128
    straight, rotated = (
        resample_crop(waves.astype(np.uint8), CropBox((200.4, 199.7), side, 112, roll=roll)).astype(int)
        for roll in (0.0, 1e-3)
    )
    assert np.abs(straight - rotated).max() < 6


@pytest.mark.parametrize("roll", [0.0, 0.5])
def test_outside_of_the_photo_is_black(roll):
    white = np.full((20, 30, 3), 255, np.uint8)
    far = resample_crop(white, CropBox(center_xy=(-500.0, 900.0), side=50.0, size=16, roll=roll))
    assert far.max() == 0
    around = resample_crop(white, CropBox(center_xy=(15.0, 10.0), side=120.0, size=60, roll=roll))
    assert around[30, 30].min() == 255
    assert around[:5].max() == around[:, :5].max() == 0
    np.testing.assert_allclose(around[..., 0].sum() / 255 * 4, 600, rtol=0.03)


@pytest.mark.parametrize("roll", [0.0, 0.5])
@pytest.mark.parametrize("side", [1e-3, 1.0, 1e5, 1e9])
def test_absurd_crop_boxes_cost_neither_memory_nor_an_exception(side, roll):
    crop = resample_crop(
        np.full((48, 64, 3), 200, np.uint8), CropBox(center_xy=(31.5, 20.5), side=side, size=16, roll=roll)
    )
    assert crop.shape == (16, 16, 3)
    if side <= 1:
        assert crop.min() == 200


def test_the_letterbox_keeps_the_picture_at_the_upper_left_and_is_black_elsewhere():
    canvas, scale_xy = letterbox(np.full((100, 300, 3), 255, np.uint8), 384)
    assert canvas.shape == (128, 384, 3)
    assert canvas[:128].min(axis=(1, 2)).tolist() == [255] * 128
    np.testing.assert_allclose(scale_xy, [1.28, 1.28])
    canvas, scale_xy = letterbox(np.full((110, 300, 3), 255, np.uint8), 384)
    assert canvas.shape == (160, 384, 3)
    assert canvas[141:].max() == 0


def test_small_photos_are_enlarged_by_two_at_most():
    canvas, scale_xy = letterbox(np.zeros((40, 60, 3), np.uint8), 384)
    assert canvas.shape == (96, 128, 3)
    np.testing.assert_allclose(scale_xy, 2)


def test_a_quick_letterbox_averages_whole_blocks_where_that_comes_near_enough():
    photo = np.zeros((480, 640, 3), np.uint8)
    photo[100:102, 200:202] = 200
    canvas, scale_xy = letterbox(photo, 384, min_side=307)
    assert canvas.shape == (256, 320, 3)
    assert scale_xy.tolist() == [0.5, 0.5]
    assert canvas[50, 100].tolist() == [200, 200, 200]
    assert letterbox(photo, 384, min_side=330)[0].shape == (288, 384, 3)


@pytest.mark.parametrize("roll", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("side", [9.5, 40.0, 77.7, 130.0, 900.0])
@pytest.mark.parametrize("center_xy", [(80.0, 60.0), (3.2, 110.7), (-30.0, 50.0), (1e12, -1e12)])
def test_a_crop_box_of_a_picture_is_that_of_its_array(roll, side, center_xy):
    photo = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    box = CropBox(center_xy=center_xy, side=side, size=32, roll=roll)
    np.testing.assert_array_equal(resample_crop(Image.fromarray(photo), box), resample_crop(photo, box))


@pytest.mark.parametrize("side", [64, 100, 224])
@pytest.mark.parametrize("min_side", [None, 50])
def test_a_letterbox_of_a_picture_is_that_of_its_array(side, min_side):
    photo = np.random.default_rng(3).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    ours, scale = letterbox(photo, side, min_side=min_side)
    same, same_scale = letterbox(Image.fromarray(photo), side, min_side=min_side)
    np.testing.assert_array_equal(ours, same)
    np.testing.assert_array_equal(scale, same_scale)


def test_the_sides_of_a_letterbox_are_whole_cells():
    assert letterbox(np.zeros((100, 300, 3), np.uint8), 300, cell=50)[0].shape == (100, 300, 3)
    assert letterbox(np.zeros((101, 300, 3), np.uint8), 300, cell=50)[0].shape == (150, 300, 3)


@pytest.mark.parametrize("roll", [0.0, 0.4])
def test_crop_boxes_far_from_the_corner_of_a_picture_are_its_arrays_to_the_bit(roll):
    numbers = np.random.default_rng(4)
    photo = numbers.integers(0, 256, (700, 900, 3), dtype=np.uint8)
    picture = Image.fromarray(photo)
    for _ in range(40):
        x, y, side = numbers.uniform((300, 300, 60), (700, 500, 300))
        box = CropBox(center_xy=(x, y), side=side, size=112, roll=roll)
        np.testing.assert_array_equal(resample_crop(picture, box), resample_crop(photo, box))


@pytest.mark.parametrize("roll", [0.0, 0.7])
def test_what_a_crop_box_of_many_megapixels_shows_is_averaged_before_it_is_cut(roll, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (18, 22, 3), dtype=np.uint8))
    photo = noise.resize((2200, 1800), Image.Resampling.BICUBIC)
    crop_box = CropBox((1000.3, 950.7), 1500.2, 112, roll)
    exact = resample_crop(photo, crop_box).astype(int)
    windows = []
    monkeypatch.setattr(resample, "LARGE_SIDE", 1000)
    window = resample._window
    monkeypatch.setattr(
        resample, "_window", lambda image, x, y, span: windows.append(span) or window(image, x, y, span)
    )
    monkeypatch.setattr(
        resample, "_holding", lambda image, x, y, span: (resample._window(image, x, y, span), 0, 0)
    )
    early = resample_crop(photo, crop_box).astype(int)
    assert max(windows) < 500  # and not the 1500 px of the photo
    assert np.abs(early - exact).mean() < 2
    assert np.corrcoef(early.ravel(), exact.ravel())[0, 1] > 0.999
