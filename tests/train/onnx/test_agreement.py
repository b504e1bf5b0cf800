"""What eight bits may lose, as exports ask it."""

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import DataError, ExportError
from lineament.train.detector.export import EXPORTER as DETECTOR
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.onnx import agreement as module
from lineament.train.onnx.agreement import detection_agreement, landmark_shift
from lineament.train.onnx.exporter import INT8
from lineament.train.regressor.export import EXPORTER as REGRESSOR
from tests.train.exports import Given, exported

SMALL = RegressorConfig(
    crop_size=32,
    stem=8,
    stages=(8, 16, 16, 16),
    blocks=(1, 1, 1, 1),
    squeeze=8,
    hidden=16,
    identity=4,
    expression=3,
)


@pytest.fixture(scope="module")
def regressor():
    torch.manual_seed(0)
    network = Regressor(SMALL)
    torch.nn.init.normal_(network.heads.weight, std=0.1)
    return network


@pytest.fixture(scope="module")
def detector():
    torch.manual_seed(0)
    network = FaceDetectorNetwork(DetectorConfig(stem=(8, 8), stages=(8, 8, 8), blocks=(1, 1, 1), head=8))
    for head in network.heads:
        head[1].bias.data[0] = 1.0  # cells are certain of a face nearly everywhere
    return network


def crops(count, seed=0, size=32):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_a_regressor_becomes_smaller_and_tells_nearly_the_same(regressor, tmp_path):
    whole = exported(REGRESSOR, regressor, tmp_path / "whole.lineament")
    given = Given(crops(32), crops(8, seed=1))
    small = exported(REGRESSOR, regressor, tmp_path / "small.lineament", pictures=given, int8=True)
    assert small.stat().st_size < whole.stat().st_size * 1.5  # tiny: names weigh as much as weights
    expected, found = (Bundle.open(path) for path in (whole, small))
    assert found.manifest.trained == {**expected.manifest.trained, "precision": INT8}
    seen = crops(4, seed=2)
    answers = found.network(threads=1)(crop=seen)
    for name, value in expected.network(threads=1)(crop=seen).items():
        np.testing.assert_allclose(answers[name], value, atol=0.1 * max(1.0, np.abs(value).max()))


def test_a_regressor_that_loses_too_much_leaves_the_older_file(regressor, tmp_path, monkeypatch):
    older = tmp_path / "small.lineament"
    older.write_bytes(b"an older good file")
    monkeypatch.setattr(module, "MAX_LANDMARK_SHIFT", 0.0)
    with pytest.raises(ExportError, match="Calibrate on more crops"):
        exported(REGRESSOR, regressor, older, pictures=Given(crops(8), crops(4, seed=1)), int8=True)
    assert [path.name for path in tmp_path.iterdir()] == ["small.lineament"]
    assert older.read_bytes() == b"an older good file"


def test_eight_bits_need_pictures(regressor, tmp_path):
    with pytest.raises(DataError, match="--samples"):
        exported(REGRESSOR, regressor, tmp_path / "small.lineament", int8=True)


def test_a_detector_finds_nearly_the_same(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIN_AGREEMENT", 0.6)  # nobody trained it
    given = Given(crops(16, size=64), crops(4, seed=1, size=64))
    path = exported(DETECTOR, detector, tmp_path / "d.lineament", pictures=given, int8=True)
    bundle = Bundle.open(path)
    assert bundle.manifest.trained["precision"] == INT8
    assert detection_agreement(bundle, bundle, crops(2, size=64)) == pytest.approx(1)


def test_a_detector_that_loses_too_much_is_not_written(detector, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MIN_AGREEMENT", 1.1)
    given = Given(crops(8, size=64), crops(2, seed=1, size=64))
    with pytest.raises(ExportError, match="overlap"):
        exported(DETECTOR, detector, tmp_path / "d.lineament", pictures=given, int8=True)
    assert list(tmp_path.iterdir()) == []


def test_landmarks_that_move_by_a_hundredth_of_the_face_shift_by_one_percent():
    square = np.array([[[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]]])
    np.testing.assert_allclose(landmark_shift(square, square + np.array([1.0, 0.0])), [1.0])
    np.testing.assert_allclose(landmark_shift(square / 7, square / 7), [0.0])
