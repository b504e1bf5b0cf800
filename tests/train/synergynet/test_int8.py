"""A SynergyNet's graph in int8, on crops of real photographs.

What int8 loses can only be told of a network that has learned something: untrained, MobileNet hands on
differences between pictures that are smaller than the steps of int8.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.view import View
from lineament.errors import ExportError
from lineament.image import read_image
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of, crops_as_input
from lineament.train.networks.synergynet import POSE, LandmarksTo3dmmConfig, SynergyConfig
from lineament.train.onnx import agreement as module
from lineament.train.onnx.agreement import landmark_shift
from lineament.train.synergynet.export import EXPORTER
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig
from lineament.train.synergynet.training import synergy_net
from tests.train.exports import Given, exported

PHOTOS = sorted((Path(__file__).parents[3] / "demo" / "photos").glob("*.jpg"))
SIZE = 48
AUGMENT = AugmentConfig(
    crop_size=SIZE,
    tight_probability=1.0,
    tight_shift=0.05,
    tight_scale=0.1,
    tight_roll=0.5,
    occluder_probability=0.0,
)
STEPS, BATCH = 200, 16  # after 100 the losses of int8 differ by half from processor to processor

ABOUT = Provenance("demo", "demo", "demo", Kind.PHOTOGRAPHED)


class Faces:
    """The faces of the demo's photographs, labelled by the built-in weights."""

    def __init__(self):
        aligner = FaceAligner.from_pretrained("fast", threads=1)
        self._samples = [
            Sample.of_view(View(photo, face.camera, face.identity, face.expression), None, ABOUT)
            for photo in map(read_image, PHOTOS)
            for face in aligner(photo)
        ]

    def __len__(self):
        return len(self._samples)

    def sample(self, number, *, with_mask=True):
        return self._samples[number]

    def has_coefficients(self):
        return np.ones(len(self), bool)


@pytest.fixture(scope="module")
def draw(lfm):
    """draw(count, seed) -> crops of the faces, each cut and disturbed differently, and their labels."""
    sampler = CropSampler(Faces(), lfm, AUGMENT)

    def batch(count, seed):
        arrays = arrays_of(sampler.batch(count, np.random.default_rng(seed)))
        return {name: torch.as_tensor(array) for name, array in arrays.items()}

    return batch


@pytest.fixture(scope="module")
def crops(draw):
    return lambda count, seed: draw(count, seed)["crop"].numpy()


@pytest.fixture(scope="module")
def network(draw, lfm, settled):
    """A small network after seconds of training on two faces."""
    torch.manual_seed(0)
    config = SynergyConfig(
        width=0.35,
        crop_size=SIZE,
        dropout=0.0,
        expression=53,
        landmarks_to_3dmm=LandmarksTo3dmmConfig(enabled=False),
    )
    network = synergy_net(config, lfm).train()
    known = network.parameters_of(LabelBatch.of(draw(64, 0)).face)
    network.mean.copy_(known.mean(0))
    network.std.copy_(known.std(0).clamp(min=0.02))
    network.std[POSE - 1] = 0.0
    loss = SynergyLoss(network, SynergyLossConfig())
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(STEPS):
        batch = draw(BATCH, step + 1)
        optimiser.zero_grad()
        loss(network(crops_as_input(batch["crop"])), LabelBatch.of(batch))["loss"].backward()
        optimiser.step()
    return settled(network, draw(64, 0)["crop"])


@pytest.fixture(scope="module")
def float_graph(network, tmp_path_factory):
    return exported(EXPORTER, network, tmp_path_factory.mktemp("float") / "synergynet.lineament")


@pytest.fixture(scope="module")
def quantised(network, crops, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "synergynet.lineament"
    given = Given(crops(64, 7777), crops(8, 8888))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_LANDMARK_SHIFT", 2.0)  # seconds of training leave it less steady
        return exported(EXPORTER, network, path, pictures=given, int8=True)


def test_landmarks_and_pose_follow_the_float_graphs_from_crop_to_crop(float_graph, quantised, crops):
    seen = crops(24, 9999)
    expected, found = (Bundle.open(path).network(threads=1)(crop=seen) for path in (float_graph, quantised))
    assert set(found) == {"rotation", "scale", "translation", "identity", "expression", "landmarks"}
    for name in ("landmarks", "rotation", "translation"):
        moved, lost = expected[name].std(axis=0).mean(), np.abs(found[name] - expected[name]).mean()
        assert lost < 0.35 * moved, name  # what had nothing to do with it would be as far off as it moves
    assert expected["landmarks"].std(axis=0).mean() > 0.4
    assert landmark_shift(expected["landmarks"][..., :2], found["landmarks"][..., :2]).mean() < 2.0


def test_networks_on_points_and_dense_layers_stay_float_and_pictures_do_not(quantised):
    graph = onnx.load_from_string(Bundle.open(quantised).graph()).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    in_float = [node for node in layers if node.input[1] in ranks]
    as_int8 = [node for node in layers if made_by.get(node.input[1]) == "DequantizeLinear"]
    points = [node for node in in_float if ranks[node.input[1]] == 3]
    assert len(points) == 9  # five for features, the mixing one, two after it, the last
    assert all(made_by.get(node.input[0]) != "DequantizeLinear" for node in points)
    assert all(node.op_type == "Conv" for node in as_int8)
    assert len(as_int8) == 51  # of MobileNet's 52 all but the first


def test_a_graph_that_loses_too_much_on_these_crops_is_not_written(network, crops, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LANDMARK_SHIFT", 1e-4)
    given = Given(crops(8, 1), crops(2, 2))
    with pytest.raises(ExportError, match="landmarks move by"):
        exported(EXPORTER, network, tmp_path / "s.lineament", pictures=given, int8=True)
    assert list(tmp_path.iterdir()) == []
