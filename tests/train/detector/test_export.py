import numpy as np
import onnx
import pytest
import torch

from lineament.detect import OUTPUTS
from lineament.errors import ExportError
from lineament.network import OnnxNetwork
from lineament.train.detector.export import export_detector
from lineament.train.networks.detector import FaceDetectorNetwork


@pytest.fixture(scope="module")
def network():
    """A network whose batch normalisation has statistics of its own."""
    torch.manual_seed(0)
    network = FaceDetectorNetwork()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.7, 1.4)
    return network.eval()


def test_the_file_answers_as_torch_does_on_any_size(network, tmp_path):
    graph = OnnxNetwork(export_detector(network, tmp_path / "d.onnx"), threads=1)
    image = np.random.default_rng(1).integers(0, 256, (1, 64, 128, 3), dtype=np.uint8)
    found = graph(image=image)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255)
    for name, maps in zip(OUTPUTS, expected):
        np.testing.assert_allclose(found[name], maps.numpy(), atol=0.03)


def test_weights_are_stored_in_half_precision_with_their_licence(network, tmp_path):
    path = export_detector(network, tmp_path / "d.onnx")
    kinds = {w.data_type for w in onnx.load(path).graph.initializer if np.prod(w.dims) >= 64}
    assert kinds == {onnx.TensorProto.FLOAT16}
    assert path.stat().st_size < 2_000_000
    assert {"licence", "trained_on", "input", "box"} <= set(OnnxNetwork(path).metadata)


def test_a_file_that_answers_differently_is_refused(network, tmp_path):
    with pytest.raises(ExportError, match="differs from torch"):
        export_detector(network, tmp_path / "d.onnx", tolerance=1e-9)
