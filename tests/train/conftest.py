import numpy as np
import pytest
import torch

from lineament.data.shards import Recipe, ShardFolder, write_shard
from samples import noise_sample


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Batches of three, as tests train on, corrupt torch 2.13's heap in bf16 on two threads.

    Torch alone does it (8 channels, 32 px, backward: "double free or corruption"); batches of four do not.
    """
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """The path of a folder of twelve samples of noise, every third for validation."""
    folder, rng = tmp_path_factory.mktemp("samples"), np.random.default_rng(0)
    shards = ShardFolder(folder, Recipe("noise", "none", 0, "test", "lfm"))
    noise = [noise_sample(rng, number) for number in range(12)]
    shards.add(write_shard(folder, "noise_00000", noise, shards.recipe.storage))
    return str(folder)
