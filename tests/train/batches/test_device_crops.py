from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from lineament.crop import crop_around_points
from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.framing import framing_landmarks
from lineament.data.labels.dense_targets import DenseTargets
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.view import mirrored_camera
from lineament.errors import ConfigError
from lineament.geometry.camera import WeakPerspective
from lineament.train.batches import device_crops
from lineament.train.batches.device_batches import device_batches
from lineament.train.batches.device_crops import DeviceCrops
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_views import read_views
from lineament.train.batches.samples import LABELS, CropSource, Folders
from lineament.train.engine.loop import ALONE, LoopConfig, Processes
from samples import annotated_sample, make_sample, noise_sample

CPU = torch.device("cpu")
CONFIG = AugmentConfig(crop_size=48)
STEADY = replace(CONFIG, tight_probability=1.0, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0)
LOOP = LoopConfig(steps=3, batch=6)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Samples of two sizes whose pictures tell where they are: red is the row, green the column."""
    folder = tmp_path_factory.mktemp("mixed")
    shards = ShardFolder(folder, Recipe("gradients", "none", 0, "test", "lfm"))
    made = [
        make_sample(yaw=0.3 * n - 0.7, roll=0.2 * n, size=size, seed=n, occluded=False, number=n)
        for n, size in enumerate((128, 128, 96, 128, 96))
    ]
    shards.add(write_shard(folder, "gradients", made, replace(shards.recipe.storage, picture="png")))
    return Folders((str(folder),))


def crops_of(folders, lfm, config=CONFIG):
    store = folders.opened(validation=False)
    return DeviceCrops(read_views(folders, CPU, lfm), store.probabilities, store.counts, lfm, config)


def test_undisturbed_crops_are_those_that_worker_processes_cut(mixed, lfm):
    numbers = np.array([4, 0, 2])
    expected = CropSource(mixed, CONFIG).sampler(validation=False).plain_batch(numbers)
    crops, not_mirrored = crops_of(mixed, lfm, STEADY), torch.zeros(3, dtype=torch.bool)
    picture, labels = crops.cut(torch.tensor(numbers), not_mirrored, Draws(CPU, [0]))
    assert np.abs(picture.permute(0, 2, 3, 1).numpy() - expected.crop).max() <= 1
    for name in LABELS:
        np.testing.assert_allclose(labels[name], getattr(expected, name), rtol=1e-5, atol=2e-4)


def test_labels_stay_on_the_picture_however_it_is_cut_and_mirrored(mixed, lfm):
    crops, draws = crops_of(mixed, lfm), Draws(CPU, [0])
    numbers = torch.arange(5).repeat(8)
    mirrored = torch.arange(40) % 2 == 1
    picture, labels = crops.cut(numbers, mirrored, draws)
    assert labels["rotation"].det().numpy() == pytest.approx(1.0, abs=1e-5)
    checked = 0
    for row, number in enumerate(numbers.tolist()):
        x, y = (labels["translation"][row] - 0.5).floor().long().tolist()
        if not (0 <= x < 47 and 0 <= y < 47):
            continue
        size = float(crops.views.size_hw[number, 0])
        # The model's origin: where the picture says that it is, it is, within a pixel of either.
        along_x, along_y = crops.views.translation[number].tolist()
        scale = float(labels["scale"][row] / crops.views.scale[number])
        tolerance = 255 / size * (1 + 1.5 / scale)
        assert float(picture[row, 0, y, x]) == pytest.approx(255 * along_y / size, abs=tolerance)
        assert float(picture[row, 1, y, x]) == pytest.approx(255 * along_x / size, abs=tolerance)
        checked += 1
    assert checked > 30


def test_a_mirrored_crop_is_the_crop_of_the_mirrored_face(mixed, lfm):
    crops, numbers = crops_of(mixed, lfm, STEADY), torch.arange(5)
    (one, plain), (other, rotated) = (
        crops.cut(numbers, torch.full((5,), mirrored), Draws(CPU, [0])) for mirrored in (False, True)
    )
    assert (one.flip(-1) - other).abs().mean() < 2
    for row in range(5):
        camera = WeakPerspective(
            *(labels_of(plain, row, name) for name in ("rotation", "scale")), np.zeros(3)
        )
        camera = replace(camera, translation=np.append(labels_of(plain, row, "translation"), 0.0))
        expected = mirrored_camera(camera, width=48)
        np.testing.assert_allclose(labels_of(rotated, row, "rotation"), expected.rotation, atol=1e-5)
        np.testing.assert_allclose(labels_of(rotated, row, "scale"), expected.scale, rtol=1e-2)
        # The landmarks' scheme is not quite symmetric, so neither are the squares around them.
        np.testing.assert_allclose(labels_of(rotated, row, "translation"), expected.translation[:2], atol=0.6)
        own = lfm.mirrored(*(labels_of(plain, row, name) for name in ("identity", "expression")))
        for name, values in zip(("identity", "expression"), own):
            np.testing.assert_array_equal(labels_of(rotated, row, name), values)


def labels_of(batch, row, name):
    return batch[name][row].numpy()


def test_a_batch_is_a_function_of_seed_step_and_process(mixed):
    source = CropSource(mixed, CONFIG)

    def batches(first, processes=ALONE, loop=LOOP):
        return list(device_batches(source, loop, first, processes=processes, workers=0))

    through, resumed = batches(0), batches(2)
    assert (len(through), len(resumed)) == (3, 1)
    assert all(torch.equal(through[2][name], values) for name, values in resumed[0].items())
    others = [through[1], batches(2, loop=replace(LOOP, seed=2))[0]]
    assert all(not torch.equal(other["crop"], resumed[0]["crop"]) for other in others)
    half = batches(2, Processes(1, 2, CPU))[0]
    assert half["crop"].shape == (3, 48, 48, 3)
    assert half["crop"].dtype == torch.uint8


def test_parts_are_drawn_from_by_their_probabilities(mixed, samples, lfm):
    folders = Folders((*mixed.samples, samples), (3.0, 1.0))
    drawn = crops_of(folders, lfm)._drawn(4000, Draws(CPU, [1]))
    counts = torch.bincount(drawn, minlength=13).numpy()
    assert len(counts) == 13  # five, and eight of twelve that are not held out
    np.testing.assert_allclose(counts[:5], 600, atol=90)
    np.testing.assert_allclose(counts[5:], 125, atol=50)


def test_views_are_read_by_worker_processes_as_here(mixed, lfm, monkeypatch):
    monkeypatch.setattr("lineament.train.batches.device_views.CHUNK", 2)
    here, elsewhere = (read_views(mixed, CPU, lfm, workers=workers, occlusion=True) for workers in (0, 2))
    assert len(here) == 5
    assert here.picture.shape == (5, 128, 128, 3)
    for field in fields(here):
        assert torch.equal(getattr(here, field.name), getattr(elsewhere, field.name))


def test_raised_keys_are_drawn_more_often_by_worker_processes_only(mixed):
    source = CropSource(replace(mixed, raised=(3.0,)), CONFIG)
    with pytest.raises(ConfigError, match="raised"):
        next(device_batches(source, LOOP, 0, processes=ALONE, workers=0))


def test_faces_are_swapped_by_worker_processes_only(mixed):
    source = CropSource(mixed, CONFIG, swap_probability=0.2)
    with pytest.raises(ConfigError, match="crops_by = 'workers'"):
        next(device_batches(source, LOOP, 0, processes=ALONE, workers=0))


def test_noise_does_not_end_in_other_numbers_than_pictures_have(tmp_path, lfm):
    rng = np.random.default_rng(0)
    shards = ShardFolder(tmp_path, Recipe("noise", "none", 0, "test", "lfm"))
    noise = [noise_sample(rng, number) for number in range(1, 3)]
    shards.add(write_shard(tmp_path, "noise", noise, shards.recipe.storage))
    all_at_once = AugmentConfig(
        crop_size=40,  # no multiple of the blocks of compression
        occluder_probability=1.0,
        blur_probability=1.0,
        noise_probability=1.0,
        jpeg_probability=1.0,
        border_probability=1.0,
        part_probability=0.5,
        black_frame=3,
    )
    batch = crops_of(Folders((str(tmp_path),)), lfm, all_at_once).batch(32, Draws(CPU, [3]))
    assert batch["crop"].shape == (32, 40, 40, 3)
    assert not batch["crop"][:, :3].any()
    assert not batch["crop"][:, :, -3:].any()
    assert batch["crop"].float().std() > 20
    assert all(torch.isfinite(batch[name]).all() for name in LABELS)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """Samples of two sizes, white where something hides the face and black elsewhere; two of points alone."""
    folder = tmp_path_factory.mktemp("hidden")
    shards = ShardFolder(folder, Recipe("masks", "none", 0, "test", "lfm"))
    made = []
    for n, size in enumerate((128, 96, 128, 96)):
        sample = make_sample(yaw=0.4 * n - 0.6, roll=0.2 * n, size=size, seed=n, number=n)
        mask = sample.occlusion.copy()
        mask[: size // 16] = mask[-size // 5 :, : size // 3] = n < 3  # reaches the border
        image = np.where(mask[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
        made.append(replace(sample, image=image, labels=replace(sample.labels, occlusion=mask)))
    made.append(annotated_sample(seed=5, number=4))
    made.append(annotated_sample(seed=6, number=5, scheme="cfp-30"))
    storage = replace(shards.recipe.storage, picture="png", coefficients="float32")
    shards.add(write_shard(folder, "masks", made, storage))
    return Folders((str(folder),))


def crops_with_masks(folders, lfm, config):
    store = folders.opened(validation=False)
    views = read_views(folders, CPU, lfm, occlusion=True)
    return DeviceCrops(views, store.probabilities, store.counts, lfm, config)


def test_masks_and_points_are_those_that_worker_processes_make(hidden, lfm):
    numbers = np.arange(6)
    source = CropSource(hidden, CONFIG, occlusion=True)
    expected = source.sampler(validation=False).plain_batch(numbers)
    crops = crops_with_masks(hidden, lfm, STEADY)
    _, labels = crops.cut(torch.tensor(numbers), torch.zeros(6, dtype=torch.bool), Draws(CPU, [0]))
    np.testing.assert_array_equal(labels["occlusion"], expected.occlusion)
    assert expected.occlusion[:4].mean() > 0.1
    for name in ("points", "point_weights", "has_coefficients", "point_source"):
        np.testing.assert_allclose(labels[name], getattr(expected, name), atol=1e-3)
    assert labels["has_coefficients"].tolist() == [True] * 4 + [False] * 2
    assert labels["point_weights"].sum(1).tolist() == [0, 0, 0, 0, 68, 30]


def test_masks_are_the_pictures_own_however_they_are_cut_and_mirrored(hidden, lfm):
    crops, numbers = crops_with_masks(hidden, lfm, CONFIG), torch.arange(4).repeat(10)
    picture, labels = crops.cut(numbers, torch.arange(40) % 2 == 1, Draws(CPU, [1]))
    np.testing.assert_array_equal(labels["occlusion"], picture[:, 0] >= 127.5)


def test_mirrored_points_are_the_mirrored_samples(hidden, lfm):
    store = hidden.opened(validation=False)
    crops = crops_with_masks(hidden, lfm, STEADY)
    _, labels = crops.cut(torch.tensor([4, 5]), torch.ones(2, dtype=torch.bool), Draws(CPU, [0]))
    for row, number in enumerate((4, 5)):
        twin = store.sample(number).mirrored(lfm)
        points, weights = twin.labels.points.as_landmarks()
        box = crop_around_points(
            framing_landmarks(points, weights, lfm.landmark_points("300w-lp").neutral_model),
            size=48,
            margin=STEADY.crop_margin,
        )
        np.testing.assert_array_equal(labels["point_weights"][row], weights)
        known = weights > 0
        expected = box.crop_from_image(points[:, :2])[known]
        np.testing.assert_allclose(labels["points"][row, known, :2], expected, atol=0.3)


def test_what_is_put_in_front_or_blacked_out_joins_the_mask(hidden, lfm, monkeypatch):
    def things(picture, fraction, textures, draws, *, hidden):
        hidden[:, 10:20, 10:20] = True
        return picture

    monkeypatch.setattr(device_crops, "occluded", things)
    config = replace(CONFIG, black_frame=3, border_probability=0.5, part_probability=0.3)
    batch = crops_with_masks(hidden, lfm, config).batch(24, Draws(CPU, [2]))
    assert batch["occlusion"].shape == (24, 48, 48)
    assert batch["occlusion"].dtype == torch.bool
    assert batch["occlusion"][:, 10:20, 10:20].all()
    assert batch["occlusion"][:, :3].all()


def test_masks_change_nothing_else_of_a_batch_and_are_there_only_when_asked_for(hidden):
    one, other = (
        next(device_batches(CropSource(hidden, CONFIG, occlusion=asked), LOOP, 0, processes=ALONE, workers=0))
        for asked in (False, True)
    )
    assert set(other) - set(one) == {"occlusion"}
    assert all(torch.equal(other[name], tensor) for name, tensor in one.items())


def test_targets_are_made_by_worker_processes_only(hidden):
    source = CropSource(hidden, CONFIG, targets=DenseTargets(("position_map",)))
    with pytest.raises(ConfigError, match="crops_by = 'workers'"):
        next(device_batches(source, LOOP, 0, processes=ALONE, workers=0))
