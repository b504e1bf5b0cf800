import numpy as np
import pytest
import torch
from PIL import Image

from lineament.data.crops import camera_effects
from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches import device_effects, device_occluders
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_occluders import occluded

CPU = torch.device("cpu")
NOTHING = dict.fromkeys(
    ("blur_probability", "noise_probability", "jpeg_probability", "border_probability", "grey_probability"),
    0.0,
)


@pytest.fixture(scope="module")
def photo():
    """(64, 64, 3) uint8 with edges and soft parts."""
    row, column = np.mgrid[0:64, 0:64]
    soft = 127 + 100 * np.sin(row / 9) * np.cos(column / 13)
    image = np.stack([soft, 255 - soft, 2.0 * row + column], -1)
    image[20:40, 10:30] = [200, 40, 60]
    return np.clip(image, 0, 255).astype(np.uint8)


def batch_of(*pictures):
    return torch.tensor(np.stack(pictures)).permute(0, 3, 1, 2).float()


def picture_of(batch, row=0):
    return batch[row].permute(1, 2, 0).numpy()


def test_rows_of_things_that_exclude_each_other_are_different_ones_in_their_fractions():
    drawn = [Draws(CPU, [seed]).rows(10, 0.25, 0.5) for seed in range(400)]
    assert all(len(set(torch.cat(both).tolist())) == sum(map(len, both)) for both in drawn)
    assert np.mean([[len(rows) for rows in both] for both in drawn], axis=0) == pytest.approx(
        [2.5, 5], abs=0.1
    )
    assert len(Draws(CPU, [0]).rows(10, 1.0)[0]) == 10
    assert len(Draws(CPU, [0]).rows(10, 0.0)[0]) == 0


def test_tones_are_those_of_single_pictures(photo):
    tone = camera_effects.Tone((0.9, 1.1, 1.2), 1.4, 0.6, 0.8, 7.0, (0.2, -0.3), 0.4)
    numbers = torch.tensor
    tones = device_effects.Tones(
        numbers([tone.gains]),
        *(numbers([value]) for value in (tone.gamma, tone.saturation, tone.contrast, tone.lift)),
        numbers([tone.light_xy]),
        numbers([tone.vignette]),
    )
    found = picture_of(device_effects.toned(batch_of(photo), tones))
    assert np.abs(found - camera_effects.toned(photo, tone)).max() <= 1


def test_pictures_are_compressed_as_pillow_compresses_them(photo):
    qualities = [15, 40, 69]
    found = device_effects.jpeg(batch_of(*[photo] * 3), torch.tensor(qualities))
    for row, quality in enumerate(qualities):
        expected = camera_effects.jpeg(photo, quality).astype(float)
        lost = np.abs(expected - photo).mean()
        assert np.abs(picture_of(found, row) - expected).mean() < 0.35 * lost


def test_pictures_are_shrunk_as_pillow_shrinks_them(photo):
    maps = device_effects.shrinking_maps(64, CPU)
    torch.testing.assert_close(maps.sum(2), torch.ones_like(maps[..., 0]))
    smooth = maps[4 * 18 + 2]  # from 14 px up in fours: 32 px, smoothly down, smoothly up
    small = Image.fromarray(photo).resize((32, 32), Image.Resampling.BILINEAR)
    expected = np.asarray(small.resize((64, 64), Image.Resampling.BILINEAR))
    assert np.abs(picture_of(smooth @ batch_of(photo) @ smooth.T) - expected).max() < 2


def test_lenses_keep_the_light_and_soften_the_edges(photo):
    kernels = device_effects.random_kernels(64, Draws(CPU, [0]))
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(64))
    assert kernels.min() >= 0
    blurred = device_effects.convolved(batch_of(*[photo] * 64), kernels)
    assert blurred.mean((1, 2, 3)).numpy() == pytest.approx(photo.mean(), abs=2)
    edges = [np.abs(np.diff(picture_of(blurred, row), axis=1)).max() for row in range(64)]
    assert np.median(edges) < 0.7 * np.abs(np.diff(photo.astype(float), axis=1)).max()
    assert len(device_effects.convolved(batch_of(photo)[:0], kernels[:0])) == 0


@pytest.mark.parametrize(
    ("probability", "is_changed"),
    [
        ("noise_probability", lambda before, after: 0.5 < np.abs(before - after).mean() < 30),
        (
            "border_probability",
            lambda _before, after: not after[[0, -1]].any() or not after[:, [0, -1]].any(),
        ),
        ("grey_probability", lambda _before, after: np.ptp(after, axis=-1).max() < 1),
    ],
)
def test_an_effect_comes_to_its_fraction_of_the_rows(photo, probability, is_changed):
    config = AugmentConfig(crop_size=64, **NOTHING)
    one, other = (
        device_effects.random_effects(batch_of(*[photo] * 40), c, Draws(CPU, [5]))
        for c in (config, AugmentConfig(crop_size=64, **NOTHING | {probability: 0.5}))
    )
    changed = [is_changed(picture_of(one, row), picture_of(other, row)) for row in range(40)]
    if probability == "border_probability":  # one border alone is black
        changed = [np.any([not side.any() for side in _sides(picture_of(other, row))]) for row in range(40)]
    assert 0.25 <= np.mean(changed) <= 0.75


def _sides(picture):
    return picture[0], picture[-1], picture[:, 0], picture[:, -1]


def test_things_stand_before_their_fraction_of_the_pictures(photo):
    def textures(count):
        return torch.full((count, 3, 64, 64), 17.0)

    before = batch_of(*[photo] * 60)
    after = occluded(before.clone(), 0.5, textures, Draws(CPU, [2]))
    covered = ((before - after).abs().amax(1) > 8).float().mean((1, 2))
    assert (covered[covered > 0].numpy() < 0.9).all()
    assert 20 <= int((covered > 0.002).sum()) <= 30  # some lie outside
    assert torch.equal(occluded(before.clone(), 0.0, textures, Draws(CPU, [2])), before)


def test_things_say_what_they_hide(monkeypatch):
    monkeypatch.setattr(device_occluders, "HAND", 0.0)  # hands have the skin of what is behind them

    def textures(count):
        return torch.full((count, 3, 64, 64), 17.0)

    shown, masks = [], []
    for value in (0.0, 255.0):
        mask = torch.zeros((80, 64, 64), dtype=torch.bool)
        picture = torch.full((80, 3, 64, 64), value)
        shown.append(occluded(picture, 0.8, textures, Draws(CPU, [3]), hidden=mask)[:, 0])
        masks.append(mask)
    assert torch.equal(*masks)
    seen = (shown[1] - shown[0]) / 255
    assert (seen[masks[0]] <= 0.5 + 1e-4).all()
    # Two or three things may hide more than half together without any of them doing so.
    assert (seen[~masks[0]] >= 0.5**3).all()
    assert 0.02 < masks[0].float().mean() < 0.5


def test_what_is_blacked_out_is_said_to_be_hidden():
    grey = torch.full((60, 3, 64, 64), 120.0)
    config = AugmentConfig(
        crop_size=64, **NOTHING | {"border_probability": 0.5}, part_probability=0.3, black_frame=2
    )
    mask = torch.zeros((60, 64, 64), dtype=torch.bool)
    picture = device_effects.random_effects(grey, config, Draws(CPU, [4]), hidden=mask)
    assert torch.equal(mask, (picture == 0).all(1))
