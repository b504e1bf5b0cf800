import numpy as np
import pytest
import torch

from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
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


@pytest.fixture(scope="session")
def settled():
    """settled(network, crops) -> the network in evaluation mode, its normalisation measured on the crops.

    One that nobody trained would otherwise shrink what it sees layer by layer, and say the same of all crops.
    """

    def settle(network, crops):
        norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        with torch.no_grad():
            network.train()(torch.as_tensor(crops).permute(0, 3, 1, 2).float())
        for norm in norms:
            norm.momentum = 0.1
        return network.eval()

    return settle
