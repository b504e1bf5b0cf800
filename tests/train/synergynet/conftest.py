import numpy as np
import pytest
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches.samples import CropSource, Folders
from lineament.train.synergynet.training import standardise, synergy_net
from tests.train.synergynet.setups import SMALL


@pytest.fixture(scope="module")
def batch(samples):
    source = CropSource(Folders((samples,)), AugmentConfig(crop_size=32))
    arrays = source.open().rows([np.random.default_rng(row) for row in range(6)])
    return {name: torch.as_tensor(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def network(samples, lfm, batch, settled):
    """Random weights, standardisation of the views, and refinements of some pixels."""
    torch.manual_seed(0)
    network = synergy_net(SMALL, lfm)
    standardise(network, CropSource(Folders((samples,)), AugmentConfig(crop_size=32)), 32)
    torch.nn.init.normal_(network.mafa.last[0].weight, std=0.1)
    for head in network.heads:
        torch.nn.init.normal_(head[1].weight, std=0.02)
    return settled(network, batch["crop"])
