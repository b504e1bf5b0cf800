import numpy as np
import pytest
import torch

from lineament.crop import MARGIN
from lineament.errors import ExportError
from lineament.network import OnnxNetwork
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.regressor.export import LARGEST_DIFFERENCE, OUTPUTS, export_regressor

TINY = RegressorConfig(
    crop_size=32,
    stem=8,
    stages=(8, 8, 8, 8),
    blocks=(1, 1, 1, 1),
    squeeze=8,
    hidden=16,
    identity=4,
    expression=3,
)


def network() -> Regressor:
    torch.manual_seed(0)
    return Regressor(TINY)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network of random weights and its file."""
    trained = network()
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    about = {"licence": "mine", "trained_on": "three photographs"}
    assert export_regressor(trained, path, about=about) == path
    return trained.eval(), path


@pytest.mark.parametrize("count", [1, 5])
def test_the_file_says_what_torch_says_of_any_number_of_crops(exported, count):
    trained, path = exported
    crops = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), np.uint8)
    found = OnnxNetwork(path, threads=1)(crop=crops)
    with torch.inference_mode():
        expected = trained(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    assert set(found) == set(OUTPUTS)
    for name in OUTPUTS:
        wanted = getattr(expected, name).numpy()
        assert found[name].shape == wanted.shape
        np.testing.assert_allclose(found[name], wanted, atol=LARGEST_DIFFERENCE[name])


def test_the_file_tells_how_to_feed_it_and_where_it_is_from(exported):
    metadata = OnnxNetwork(exported[1], threads=1).metadata
    assert metadata["crop_size"] == "32"
    assert float(metadata["crop_margin"]) == MARGIN
    assert metadata["face_model"] == "lfm"
    assert metadata["method"] == "morphable-regressor"
    assert metadata["licence"] == "mine"
    assert metadata["trained_on"] == "three photographs"


def test_nothing_but_the_file_is_left_behind(exported):
    assert [path.name for path in exported[1].parent.iterdir()] == ["tiny.onnx"]


def test_weights_that_half_precision_cannot_hold_are_refused_and_nothing_is_written(tmp_path):
    trained = network()
    with torch.no_grad():
        trained.hidden[1].weight[0, 0] = 1e5
    with pytest.raises(ExportError, match="differs from torch"), np.errstate(over="ignore"):
        export_regressor(trained, tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_not_finite_is_refused(tmp_path):
    trained = network()
    with torch.no_grad():
        trained.heads.bias[0] = float("nan")
    with pytest.raises(ExportError, match="rotation of the exported graph differs"):
        export_regressor(trained, tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_in_training_is_exported_as_it_evaluates(tmp_path, exported):
    trained = network().train()
    export_regressor(trained, tmp_path / "tiny.onnx")
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    one, other = (OnnxNetwork(path, threads=1)(crop=crops) for path in (tmp_path / "tiny.onnx", exported[1]))
    for name in OUTPUTS:
        np.testing.assert_array_equal(one[name], other[name])
