"""Painted faces, a network that reads their paint, and its weights: made once for all tests of CPRFA."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.methods.cprfa import Cprfa
from lineament.train.batches.alignment_figures import CropLandmarks
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.method import CPRFA
from lineament.train.cprfa.training import choose
from tests.train.cprfa.setups import COUNT, painted_network, tiny_config
from tests.train.dsfnet.painted import painted_folder
from tests.train.exports import exported


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return painted_folder(tmp_path_factory.mktemp("painted"), COUNT)


@pytest.fixture(scope="session")
def config(folder):
    return tiny_config(folder)


@pytest.fixture(scope="session")
def network(config, lfm):
    """Perfect maps, chosen vertices, and updates that somebody has moved off zero."""
    made = painted_network(config, lfm)
    choose(made, CPRFA.source(config).sampler(validation=True), 2)
    torch.manual_seed(1)
    for name, value in made.named_parameters():
        if ".out." in name:
            torch.nn.init.normal_(value, std=0.02)
    made.trained_rounds.fill_(2)
    return made.eval()


@pytest.fixture(scope="session")
def crops(config):
    """All crops for training, undisturbed, with labels and targets."""
    return arrays_of(CPRFA.source(config).sampler(validation=False).plain_batch(np.arange(COUNT)))


@pytest.fixture(scope="session")
def true_landmarks(crops, lfm):
    truth = LabelBatch.of({name: torch.as_tensor(value) for name, value in crops.items()})
    return CropLandmarks(lfm)(truth.face)[..., :2]


@pytest.fixture(scope="session")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "cprfa.lineament"
    return exported(EXPORTER, network, path, margin=1.5)


@pytest.fixture(scope="session")
def method(weights):
    return Cprfa.from_bundle(Bundle.open(weights), threads=1)


@pytest.fixture(scope="session")
def runs(folder, tmp_path_factory):
    """The folder of a run of all stages, a step each."""
    out = tmp_path_factory.mktemp("runs") / "all"
    return CPRFA.train(replace(tiny_config(folder, steps=1), stage="all"), out)
