import numpy as np
import pytest
import torch

from lineament.errors import DataError, ExportError
from lineament.network import OnnxNetwork
from lineament.train.detector.export import export_detector
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.onnx import quantise as module
from lineament.train.onnx.quantise import (
    detection_agreement,
    landmark_shift,
    quantise_detector,
    quantise_regressor,
    read_canvases,
)
from lineament.train.regressor.export import export_regressor

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
def float_regressor(tmp_path_factory):
    torch.manual_seed(0)
    network = Regressor(SMALL)
    torch.nn.init.normal_(network.heads.weight, std=0.1)
    return export_regressor(network, tmp_path_factory.mktemp("float") / "regressor.onnx")


@pytest.fixture(scope="module")
def float_detector(tmp_path_factory):
    torch.manual_seed(0)
    network = FaceDetectorNetwork(DetectorConfig(stem=(8, 8), stages=(8, 8, 8), blocks=(1, 1, 1), head=8))
    for head in network.heads:
        head[1].bias.data[0] = 1.0  # cells are certain of a face nearly everywhere
    return export_detector(network, tmp_path_factory.mktemp("float") / "detector.onnx")


def crops(count, seed=0, size=32):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_a_regressor_becomes_smaller_and_tells_nearly_the_same(float_regressor, tmp_path):
    path = quantise_regressor(
        float_regressor, tmp_path / "small.onnx", calibration=crops(32), check=crops(8, seed=1)
    )
    assert path.stat().st_size < float_regressor.stat().st_size * 1.5  # tiny: names weigh as much as weights
    expected, found = (OnnxNetwork(p, threads=1) for p in (float_regressor, path))
    assert found.metadata == {**expected.metadata, "precision": "int8, outermost layers float32"}
    seen = crops(4, seed=2)
    for name, value in expected(crop=seen).items():
        np.testing.assert_allclose(found(crop=seen)[name], value, atol=0.1 * max(1.0, np.abs(value).max()))


def test_a_regressor_that_loses_too_much_is_not_written(float_regressor, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_LANDMARK_SHIFT", 0.0)
    with pytest.raises(ExportError, match="Calibrate on more crops"):
        quantise_regressor(
            float_regressor, tmp_path / "small.onnx", calibration=crops(8), check=crops(4, seed=1)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_detector_finds_nearly_the_same(float_detector, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_AGREEMENT", 0.8)  # nobody trained it
    path = quantise_detector(
        float_detector, tmp_path / "d.onnx", calibration=crops(16, size=64), check=crops(4, seed=1, size=64)
    )
    assert OnnxNetwork(path).metadata["precision"] == "int8, outermost layers float32"
    assert detection_agreement(float_detector, float_detector, crops(2, size=64)) == pytest.approx(1)


def test_a_detector_that_loses_too_much_is_not_written(float_detector, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_AGREEMENT", 1.1)
    with pytest.raises(ExportError, match="overlap"):
        quantise_detector(
            float_detector, tmp_path / "d.onnx", calibration=crops(8, size=64), check=crops(2, size=64)
        )
    assert list(tmp_path.iterdir()) == []


def test_landmarks_that_move_by_a_hundredth_of_the_face_shift_by_one_percent():
    square = np.array([[[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]]])
    np.testing.assert_allclose(landmark_shift(square, square + np.array([1.0, 0.0])), [1.0])
    np.testing.assert_allclose(landmark_shift(square / 7, square / 7), [0.0])


def test_canvases_for_the_check_are_not_those_of_the_calibration(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"shard_{number}.npy", np.full((4, 8, 8, 3), number, np.uint8))
        np.save(tmp_path / f"shard_{number}.labels.npy", np.zeros((4, 2, 8), np.float32))
    calibration, check = read_canvases(tmp_path, 3)
    assert (calibration.shape, check.shape) == ((3, 8, 8, 3), (3, 8, 8, 3))
    assert (calibration.max(), check.min()) == (0, 2)
    with pytest.raises(DataError, match="fewer than 20 canvases"):
        read_canvases(tmp_path, 10)
