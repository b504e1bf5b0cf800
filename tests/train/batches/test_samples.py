from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.data.labels.dense_targets import DenseTargets
from lineament.data.labels.targets import Segment
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.errors import ConfigError, DataError
from lineament.models import load_model
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import (
    LABELS,
    CropSource,
    Folders,
    StepBatches,
    batches_of,
    crops_as_input,
    plain_batches,
)
from lineament.train.engine.loop import ALONE, LoopConfig, Processes
from samples import annotated_sample, noise_sample

CPU = torch.device("cpu")
LOOP = LoopConfig(steps=4, batch=4)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Eight samples of which nobody is kept from training."""
    folder, rng = tmp_path_factory.mktemp("rendered"), np.random.default_rng(1)
    into = ShardFolder(folder, Recipe("noise", "none", 0, "test", "lfm"))
    noise = [noise_sample(rng, number) for number in range(12) if number % 3]
    into.add(write_shard(folder, "noise_00000", noise, into.recipe.storage))
    return str(folder)


def source(folders):
    return CropSource(folders, AugmentConfig(crop_size=32))


def test_a_batch_is_a_function_of_the_step_however_the_run_came_to_it(samples):
    crops = source(Folders((samples,)))
    through, resumed = StepBatches(crops, LOOP, 0), StepBatches(crops, LOOP, 3)
    assert (len(through), len(resumed), len(StepBatches(crops, LOOP, 9))) == (4, 1, 0)
    one, other = through[3], resumed[0]
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    assert (through[2]["crop"] != one["crop"]).any()


def test_another_seed_gives_other_batches(samples):
    crops = source(Folders((samples,)))
    one, other = (StepBatches(crops, loop, 0)[0] for loop in (LOOP, replace(LOOP, seed=2)))
    assert (one["crop"] != other["crop"]).any()


def test_processes_share_a_batch_out_among_them(samples):
    crops = source(Folders((samples,)))
    whole = StepBatches(crops, LOOP, 1)[0]["crop"]
    rank_rows = [Processes(rank, 2, CPU).rows_of(4) for rank in range(2)]
    parts = [StepBatches(crops, LOOP, 1, rows=rows)[0]["crop"] for rows in rank_rows]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(ConfigError, match="evenly"):
        Processes(0, 2, CPU).rows_of(3)


def test_crops_become_the_networks_input_without_losing_a_byte(samples):
    (batch,) = list(batches_of(source(Folders((samples,))), LOOP, 3, processes=ALONE, workers=0))
    crops = crops_as_input(batch["crop"])
    assert crops.shape == (4, 3, 32, 32)
    assert crops.dtype == torch.float32
    assert crops.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(crops[1, 2].numpy(), batch["crop"][1, :, :, 2].numpy())


def test_folders_are_mixed_by_weight(samples, rendered):
    folders = Folders((samples, rendered, samples), (1.0, 2.0, 1.0))
    train = folders.opened(validation=False)
    assert len(train) == 3 * 8
    np.testing.assert_allclose(train.probabilities, [0.25, 0.5, 0.25])
    # Nobody is held out among the rendered faces.
    np.testing.assert_allclose(folders.opened(validation=True).probabilities, [0.5, 0.5])


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0)])
def test_a_weight_for_each_folder_or_none(samples, rendered, weights):
    with pytest.raises(DataError, match="2 folders need as many weights"):
        Folders((samples, rendered), weights).opened(validation=True)


def test_the_manifest_has_the_checksums_of_the_shards(samples):
    (entry,) = Folders((samples,)).manifest()
    assert (entry["samples"], entry["validation"]) == (12, 4)
    assert {len(checksum) for checksum in entry["sha256"].values()} == {64}


def test_a_set_that_keeps_nobody_from_training_says_so(rendered):
    with pytest.raises(DataError, match="Nobody is kept from training"):
        Folders((rendered,)).opened(validation=True)


@pytest.fixture(scope="module")
def partial(tmp_path_factory):
    """Four faces with annotated points alone."""
    folder = tmp_path_factory.mktemp("partial")
    into = ShardFolder(folder, Recipe("points", "none", 0, "test", "lfm"))
    made = [annotated_sample(seed=n, number=n, scheme=("300w-lp", "cfp-30")[n % 2]) for n in range(4)]
    into.add(write_shard(folder, "points_00000", made, into.recipe.storage))
    return str(folder)


def test_old_and_partial_samples_mix_in_a_batch_by_weight(samples, partial):
    crops = source(Folders((samples, partial)))
    batch = LabelBatch.of(
        {
            name: torch.as_tensor(array)
            for name, array in StepBatches(crops, replace(LOOP, batch=40), 0)[0].items()
        }
    )
    assert 0.15 < float(batch.has_coefficients.float().mean()) < 0.95
    assert torch.equal(batch.point_weights.any(1), ~batch.has_coefficients)
    assert torch.equal(batch.point_weights_alone, batch.point_weights)
    assert batch.fitted_weights.sum() == batch.has_coefficients.sum()
    assert batch.occlusion is None
    assert all(torch.isfinite(getattr(batch, name)).all() for name in LABELS)


def test_plain_crops_are_of_fitted_faces(samples, partial):
    sampler = source(Folders((samples, partial))).sampler(validation=False)
    batches = list(plain_batches(sampler, 12, CPU))
    assert sum(len(batch["scale"]) for batch in batches) == 8
    assert all(batch["has_coefficients"].all() for batch in batches)


def test_masks_and_targets_lie_in_the_batches_of_worker_processes(samples):
    targets = DenseTargets(("position_map", "segmentation"), map_size=32)
    crops = replace(source(Folders((samples,))), occlusion=True, targets=targets)
    (batch,) = list(batches_of(crops, LOOP, 3, processes=ALONE, workers=1))
    shapes = {name: tuple(batch[name].shape) for name in ("occlusion", "position_map", "segmentation")}
    assert shapes == {
        "occlusion": (4, 32, 32),
        "position_map": (4, 32, 32, 3),
        "segmentation": (4, 32, 32),
    }
    assert torch.equal(batch["segmentation"] == Segment.OCCLUDER, batch["occlusion"])
    plain = StepBatches(source(Folders((samples,))), LOOP, 3)[0]
    assert all(np.array_equal(batch[name], array) for name, array in plain.items())


def test_faces_whose_keys_are_raised_are_drawn_more_often(samples):
    even = Folders((samples,)).opened(validation=False)
    names = load_model("lfm").expression_names
    jaw = np.array([max(even.sample(n).expression[names.index("jawOpen")], 0) for n in range(len(even))])
    assert jaw.max() > 0
    raised = Folders((samples,), raised=(30.0,), raised_keys=("jawOpen",)).opened(validation=False)
    rng = np.random.default_rng(0)
    counts = np.bincount([raised.draw(rng) for _ in range(20000)], minlength=len(jaw))
    weights = 1 + 30 * jaw**2
    np.testing.assert_allclose(counts / 20000, weights / weights.sum(), atol=0.015)


@pytest.mark.parametrize("raised", [(1.0, 2.0), (-1.0,)])
def test_as_many_numbers_of_raised_as_folders(samples, raised):
    with pytest.raises(DataError, match="raised"):
        Folders((samples,), raised=raised).opened(validation=False)


def test_a_key_that_nobody_knows_is_an_error(samples):
    with pytest.raises(DataError, match="smirk"):
        Folders((samples,), raised=(1.0,), raised_keys=("smirk",)).opened(validation=False)
