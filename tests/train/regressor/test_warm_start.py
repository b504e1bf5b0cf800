from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import ConfigError
from lineament.methods.regressor import OUTPUTS
from lineament.train.batches.crop_run import about_start
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.onnx.int8 import int8_graph
from lineament.train.regressor.export import EXPORTER
from lineament.train.regressor.warm_start import ExportedNetwork, start_from
from tests.train import exports

TINY = RegressorConfig(
    crop_size=32,
    stem=8,
    stages=(8, 8, 16, 8),
    blocks=(1, 2, 1, 1),
    squeeze=8,
    hidden=16,
    identity=4,
    expression=3,
)


def network(config=TINY, seed=0):
    """Random weights, statistics and normalisations."""
    torch.manual_seed(seed)
    made = Regressor(config)
    with torch.no_grad():
        for name, values in made.named_buffers():
            if name.endswith(("std", "running_var")):
                values.uniform_(0.5, 2)
            elif name.endswith("running_mean"):
                values.normal_(0, 0.3)
        made.identity_mean.normal_()
        made.heads.weight.normal_(0, 0.2)
    return made.eval()


def crops(count=6, size=32, seed=0):
    """Smooth noise: (count, 3, size, size) float."""
    rng = np.random.default_rng(seed)
    coarse = torch.tensor(rng.uniform(0, 255, (count, 3, 8, 8)), dtype=torch.float32)
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 255)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    return exports.exported(EXPORTER, network(), folder / "tiny.lineament")


def started(path, config=TINY):
    fresh = network(config, seed=1)
    start_from(fresh, ExportedNetwork.read(str(path)), [crops(seed=2, size=config.crop_size)])
    return fresh.eval()


def test_the_network_computes_what_the_graph_computes(exported):
    with torch.inference_mode():
        expected, found = network()(crops()), started(exported)(crops())
    for name in OUTPUTS:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=0.01, rtol=0.01)


def test_normalisation_has_the_statistics_of_the_crops(exported):
    fresh = started(exported)
    with torch.inference_mode():
        still = fresh(crops(seed=2))
        moving = fresh.train()(crops(seed=2))
    for name in OUTPUTS:
        torch.testing.assert_close(getattr(moving, name), getattr(still, name), atol=0.02, rtol=0.02)


def test_weights_in_int8_serve_as_well(exported, tmp_path):
    pictures = crops(64, seed=3).permute(0, 2, 3, 1).to(torch.uint8).numpy()
    bundle, quantised = Bundle.open(exported), tmp_path / "eight.lineament"
    graph = int8_graph(onnx.load_from_string(bundle.graph()), pictures)
    Bundle.write(quantised, bundle.manifest, graphs={"network": graph.SerializeToString()})
    with torch.inference_mode():
        expected, found = network()(crops()), started(quantised)(crops())
    assert (found.rotation - expected.rotation).abs().max() < 0.05
    assert (found.translation - expected.translation).abs().max() < 0.5


def test_a_larger_crop_gives_a_larger_face(exported):
    config = replace(TINY, crop_size=30)  # its last map has as many places
    with torch.inference_mode():
        same = started(exported)(crops())
        smaller = started(exported, config)(crops(size=30))
    ratio = smaller.scale / same.scale
    assert torch.all((ratio > 0.85) & (ratio < 1.03))


def test_other_sizes_are_named(exported):
    with pytest.raises(ConfigError, match=r"features\.3\.first"):
        started(exported, replace(TINY, stages=(16, 8, 16, 8)))


def test_a_run_remembers_what_its_start_was_trained_on():
    start = about_start("lfm-regressor")
    assert start is not None
    assert start["trained_on"] == Bundle.open("lfm-regressor").manifest.data_of("network")
    assert about_start("") is None


def test_a_detector_is_no_start():
    with pytest.raises(ConfigError, match="not the graph of a regressor"):
        ExportedNetwork.read("face-detector")
