"""Checkpoints whose tensors have the names of before December 2026."""

import json

import pytest
import torch

from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.networks.synergynet import SynergyConfig
from lineament.train.synergynet.training import synergy_net

TINY = RegressorConfig(
    crop_size=48,
    stem=8,
    stages=(8, 8, 8, 8),
    blocks=(1, 1, 1, 1),
    squeeze=8,
    hidden=8,
    identity=4,
    expression=3,
)
SMALL = SynergyConfig(width=0.25, crop_size=32)


def former(state):
    """A state dict by its former names."""
    names = {"identity_std": "identity_spread", "expression_std": "expression_spread", "std": "spread"}
    modules = {"mafa": "refiner", "landmarks_to_3dmm": "reverser"}
    renamed = {}
    for name, tensor in state.items():
        first, dot, rest = name.partition(".")
        renamed[names.get(name, modules.get(first, first) + dot + rest)] = tensor
    return renamed


@pytest.fixture(params=["regressor", "synergynet"])
def new_network(request, lfm):
    return (lambda: Regressor(TINY)) if request.param == "regressor" else (lambda: synergy_net(SMALL, lfm))


def test_a_checkpoint_by_its_former_names_is_loaded_whole(new_network):
    torch.manual_seed(0)
    before, after = new_network(), new_network()
    for name, buffer in before.named_buffers():
        if name.endswith("std"):
            buffer.uniform_(1, 2)
    state = former(before.state_dict())
    assert json.dumps(sorted(state)) != json.dumps(sorted(before.state_dict()))
    after.load_state_dict(state)
    for name, tensor in after.state_dict().items():
        assert torch.equal(tensor, before.state_dict()[name]), name


def test_what_neither_name_knows_is_still_refused(new_network):
    network = new_network()
    with pytest.raises(RuntimeError, match="nonsense"):
        network.load_state_dict(network.state_dict() | {"nonsense": torch.zeros(1)})
