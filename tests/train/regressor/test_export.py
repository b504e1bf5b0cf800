import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import ExportError
from lineament.methods.regressor import OUTPUTS
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.regressor.export import EXPORTER, HALF_TOLERANCE
from tests.train.exports import exported as export

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
    path = tmp_path_factory.mktemp("export") / "tiny.lineament"
    assert export(EXPORTER, trained, path) == path
    return trained.eval(), path


@pytest.mark.parametrize("count", [1, 5])
def test_the_file_says_what_torch_says_of_any_number_of_crops(exported, count):
    trained, path = exported
    crops = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), np.uint8)
    found = Bundle.open(path).network(threads=1)(crop=crops)
    with torch.inference_mode():
        expected = trained(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    assert set(found) == set(OUTPUTS)
    for name in OUTPUTS:
        wanted = getattr(expected, name).numpy()
        assert found[name].shape == wanted.shape
        np.testing.assert_allclose(found[name], wanted, atol=HALF_TOLERANCE[name])


def test_the_file_tells_how_to_feed_it_and_where_it_is_from(exported):
    manifest = Bundle.open(exported[1]).manifest
    assert (manifest.crop.size, manifest.face_model.name) == (32, "lfm")
    assert manifest.method == "morphable-regressor"
    assert (manifest.licence, manifest.data) == ("mine", "three photographs")


def test_nothing_but_the_file_is_left_behind(exported):
    assert [path.name for path in exported[1].parent.iterdir()] == ["tiny.lineament"]


def test_weights_that_half_precision_cannot_hold_are_refused_and_nothing_is_written(tmp_path):
    trained = network()
    with torch.no_grad():
        trained.hidden[1].weight[0, 0] = 1e5
    with pytest.raises(ExportError, match="differs from torch"), np.errstate(over="ignore"):
        export(EXPORTER, trained, tmp_path / "wrong.lineament")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_not_finite_is_refused(tmp_path):
    trained = network()
    with torch.no_grad():
        trained.heads.bias[0] = float("nan")
    with pytest.raises(ExportError, match="rotation of the exported graph differs"):
        export(EXPORTER, trained, tmp_path / "wrong.lineament")
    assert list(tmp_path.iterdir()) == []


def test_a_network_in_training_is_exported_as_it_evaluates(tmp_path, exported):
    trained = network().train()
    export(EXPORTER, trained, tmp_path / "tiny.lineament")
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    one, other = (
        Bundle.open(path).network(threads=1)(crop=crops)
        for path in (tmp_path / "tiny.lineament", exported[1])
    )
    for name in OUTPUTS:
        np.testing.assert_array_equal(one[name], other[name])
