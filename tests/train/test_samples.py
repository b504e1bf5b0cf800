from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.augment import AugmentConfig
from lineament.data.sample import Kind, Provenance, Sample
from lineament.data.shards import Recipe, ShardFolder, write_shard
from lineament.data.view_store import ViewStore
from lineament.errors import ConfigError, DataError
from lineament.train.loop import ALONE, LoopConfig, Processes
from lineament.train.samples import CropSource, Folders, StepBatches, batches_of, crops_as_input

CPU = torch.device("cpu")
LOOP = LoopConfig(steps=4, batch=4)


@pytest.fixture(scope="module")
def shards(views, tmp_path_factory):
    """The same views as samples in shards, and a folder of which nobody is kept from training."""
    whole, rendered = (tmp_path_factory.mktemp(name) for name in ("samples", "rendered"))
    for folder, sides in ((whole, (False, True)), (rendered, (False,))):
        into = ShardFolder(folder, Recipe("noise", "none", 0, "test", "lfm"))
        for side in sides:
            store = ViewStore(views, validation=side)
            samples = [
                Sample(store.view(n), None, Provenance("ytf", str(n), str(n), Kind.TURNED, side))
                for n in range(len(store))
            ]
            into.add(write_shard(folder, f"side_{int(side)}", samples, into.recipe.storage))
    return whole, rendered


def source(folders):
    return CropSource(folders, AugmentConfig(crop_size=32))


def test_a_batch_is_a_function_of_the_step_however_the_run_came_to_it(views):
    crops = source(Folders(views=(str(views),)))
    through, resumed = StepBatches(crops, LOOP, 0), StepBatches(crops, LOOP, 3)
    assert (len(through), len(resumed), len(StepBatches(crops, LOOP, 9))) == (4, 1, 0)
    one, other = through[3], resumed[0]
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    assert (through[2]["crop"] != one["crop"]).any()


def test_another_seed_gives_other_batches(views):
    crops = source(Folders(views=(str(views),)))
    one, other = (StepBatches(crops, loop, 0)[0] for loop in (LOOP, replace(LOOP, seed=2)))
    assert (one["crop"] != other["crop"]).any()


def test_processes_share_a_batch_out_among_them(views):
    crops = source(Folders(views=(str(views),)))
    whole = StepBatches(crops, LOOP, 1)[0]["crop"]
    shares = [Processes(rank, 2, CPU).share(4) for rank in range(2)]
    parts = [StepBatches(crops, LOOP, 1, rows=rows)[0]["crop"] for rows in shares]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(ConfigError, match="evenly"):
        Processes(0, 2, CPU).share(3)


def test_crops_become_the_networks_input_without_losing_a_byte(views):
    (batch,) = list(batches_of(source(Folders(views=(str(views),))), LOOP, 3, processes=ALONE, workers=0))
    crops = crops_as_input(batch["crop"])
    assert crops.shape == (4, 3, 32, 32)
    assert crops.dtype == torch.float32
    assert crops.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(crops[1, 2].numpy(), batch["crop"][1, :, :, 2].numpy())


def test_shards_and_older_folders_are_mixed_by_weight(views, shards):
    whole, rendered = map(str, shards)
    train = Folders((whole, rendered), (1.0, 2.0, 1.0), (str(views),)).opened(validation=False)
    assert len(train) == 3 * 8
    np.testing.assert_allclose(train.shares, [0.25, 0.5, 0.25])
    # Nobody is held out among the rendered faces.
    held_out = Folders((whole, rendered), (1.0, 2.0, 1.0), (str(views),)).opened(validation=True)
    np.testing.assert_allclose(held_out.shares, [0.5, 0.5])


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0)])
def test_a_weight_for_each_folder_or_none(shards, weights):
    with pytest.raises(DataError, match="2 folders need as many weights"):
        Folders(tuple(map(str, shards)), weights).opened(validation=True)


def test_the_manifest_has_the_checksums_of_the_shards(shards):
    (entry,) = Folders((str(shards[0]),)).manifest()
    assert (entry["samples"], entry["validation"]) == (12, 4)
    assert {len(checksum) for checksum in entry["sha256"].values()} == {64}
