"""One rule for all exporters: what does not agree with torch leaves no file, and an older one as it was."""

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from lineament.bundle import Bundle
from lineament.errors import ExportError, WeightsError
from lineament.train.methods import METHODS
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.networks.synergynet import SynergyConfig
from lineament.train.onnx import graph as module
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import crop_graph
from lineament.train.synergynet.training import synergy_net
from tests.train.exports import Given, exported

OLDER = b"an older good file"


def network_of(name, lfm):
    torch.manual_seed(0)
    if name == "detector":
        return FaceDetectorNetwork(DetectorConfig(stem=(8, 8), stages=(8, 8, 8), blocks=(1, 1, 1), head=8))
    if name == "regressor":
        return Regressor(
            RegressorConfig(crop_size=32, stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1), hidden=16)
        )
    return synergy_net(SynergyConfig(width=0.25, crop_size=32), lfm)


@pytest.fixture
def tampered(monkeypatch):
    """Every traced graph has wrong biases."""
    trace = module.trace

    def wrong(*arguments, **options):
        traced = trace(*arguments, **options)
        for tensor in traced.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.ndim == 1 and values.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array(values + 1, tensor.name))
        return traced

    monkeypatch.setattr(module, "trace", wrong)


@pytest.mark.parametrize("name", ["detector", "regressor", "synergynet"])
@pytest.mark.parametrize("precision", [{"half": True}, {"half": False}, {"int8": True}])
def test_a_tampered_graph_leaves_no_file_and_an_older_one_as_it_was(name, precision, lfm, tmp_path, tampered):
    path, network = tmp_path / "weights.lineament", network_of(name, lfm)
    noise = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    for before in ([], [path]):
        for older in before:
            older.write_bytes(OLDER)
        with pytest.raises(ExportError, match="differs from torch"):
            exported(METHODS[name].exporter, network, path, pictures=Given(noise, noise), **precision)
        assert list(tmp_path.iterdir()) == before
    assert path.read_bytes() == OLDER


class KnowsBright(nn.Module):
    """Says something else of bright pictures, which a trace of dark ones does not have in it."""

    def forward(self, crop):
        return crop.mean((1, 2, 3)) + (100 if crop.mean() > 200 else 0)


BRIGHT = Exporter(
    method="none",
    graphs=lambda network: {
        "network": crop_graph(
            network,
            8,
            lambda network, crop: (network(crop),),
            outputs=("light",),
            tolerance={"light": 1e-3},
            half_tolerance={"light": 1e-3},
        )
    },
)


@pytest.mark.filterwarnings("ignore")
def test_what_agrees_on_noise_and_not_on_real_pictures_is_refused(tmp_path):
    white = np.full((2, 8, 8, 3), 255, np.uint8)
    path = exported(BRIGHT, KnowsBright(), tmp_path / "noise.lineament")
    assert Bundle.open(path).network()(crop=white)["light"] == pytest.approx(255)
    with pytest.raises(ExportError, match="on real pictures"):
        exported(BRIGHT, KnowsBright(), tmp_path / "real.lineament", pictures=Given(white, white))
    assert [path.name for path in tmp_path.iterdir()] == ["noise.lineament"]


def test_a_file_that_is_no_bundle_by_its_name_is_refused_with_the_name_to_take(tmp_path):
    with pytest.raises(ExportError, match=r"name it mine\.lineament"):
        exported(BRIGHT, KnowsBright(), tmp_path / "mine.onnx")


def test_close_ups_of_another_face_model_are_refused(tmp_path):
    with pytest.raises(ExportError, match="close-ups of another face model"):
        exported(BRIGHT, KnowsBright(), tmp_path / "mine.lineament", close_ups="default")
    with pytest.raises(WeightsError, match="no close-ups to lend"):
        exported(BRIGHT, KnowsBright(), tmp_path / "mine.lineament", close_ups="fast")


def test_a_method_without_a_mirror_has_no_flip_ensemble(tmp_path):
    with pytest.raises(ExportError, match="no flip ensemble"):
        exported(BRIGHT, KnowsBright(), tmp_path / "mine.lineament", flip=True)
