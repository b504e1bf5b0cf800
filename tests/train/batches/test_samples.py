from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.errors import ConfigError, DataError
from lineament.train.batches.samples import CropSource, Folders, StepBatches, batches_of, crops_as_input
from lineament.train.engine.loop import ALONE, LoopConfig, Processes
from samples import noise_sample

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
    shares = [Processes(rank, 2, CPU).share(4) for rank in range(2)]
    parts = [StepBatches(crops, LOOP, 1, rows=rows)[0]["crop"] for rows in shares]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(ConfigError, match="evenly"):
        Processes(0, 2, CPU).share(3)


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
    np.testing.assert_allclose(train.shares, [0.25, 0.5, 0.25])
    # Nobody is held out among the rendered faces.
    np.testing.assert_allclose(folders.opened(validation=True).shares, [0.5, 0.5])


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
