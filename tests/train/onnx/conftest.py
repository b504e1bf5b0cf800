import numpy as np
import pytest
import torch

from lineament.train.networks.regressor import Regressor, RegressorConfig

SIZE = 32


@pytest.fixture(scope="session")
def crops():
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="session")
def tiny_regressor(settled, crops):
    """A network whose answers differ from crop to crop and from a crop to its mirror image."""
    torch.manual_seed(0)
    sizes = {"stem": 8, "stages": (8, 8, 8, 8), "blocks": (1, 1, 1, 1), "squeeze": 8, "hidden": 16}
    network = Regressor(RegressorConfig(crop_size=SIZE, identity=4, **sizes))
    torch.nn.init.normal_(network.heads.weight, std=0.2)
    return settled(network, crops)
