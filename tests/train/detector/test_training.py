import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.detect import OnnxDetector
from lineament.errors import DataError
from lineament.train.detector.mosaics import CanvasSource, Shards, in_order, mirror, turn
from lineament.train.detector.training import LOOP, DetectorTrainConfig, train


def write_canvases(folder):
    """Four noisy canvases of 64 px with a bright square that is called a face."""
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 60, (4, 64, 64, 3), dtype=np.uint8)
    pictures[:, 20:44, 16:40] = 250
    labels = np.zeros((4, 24, 8), np.float32)
    labels[:, 0] = [16, 20, 40, 44, 0.0, -1.0, 1.0, 1.0]
    np.save(folder / "shard_0.npy", pictures)
    np.save(folder / "shard_0.labels.npy", labels)
    return folder


@pytest.fixture
def canvases(tmp_path):
    return write_canvases(tmp_path / "canvases")


@pytest.mark.parametrize("change", [mirror, turn])
def test_labels_follow_the_canvas(canvases, change):
    pictures, labels = Shards(canvases).batch(np.array([[0, 0]]))
    picture, moved = change(pictures[0], labels[0])
    left, top, right, bottom = moved[0, :4].astype(int)
    assert picture[top:bottom, left:right].min() == 250
    assert (picture == 250).sum() == (pictures[0] == 250).sum()


def test_four_quarter_turns_and_two_mirrors_change_nothing(canvases):
    pictures, labels = Shards(canvases).batch(np.array([[0, 1]]))
    picture, moved = pictures[0], labels[0]
    for change in (turn, turn, turn, turn, mirror, mirror):
        picture, moved = change(picture, moved)
    np.testing.assert_array_equal(picture, pictures[0])
    np.testing.assert_allclose(moved, labels[0])


def test_a_turned_head_points_to_the_left(canvases):
    _, labels = Shards(canvases).batch(np.array([[0, 0]]))
    _, moved = turn(np.zeros((64, 64, 3), np.uint8), labels[0])
    np.testing.assert_allclose(moved[0, 4:6], [-1, 0])


def test_canvases_are_read_as_they_were_written(canvases):
    shards = Shards(canvases)
    pictures, _ = shards.batch(shards.rows)
    np.testing.assert_array_equal(pictures, np.load(canvases / "shard_0.npy"))


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="make_detector_canvases"):
        Shards(tmp_path)


def test_canvases_in_order_stop_at_a_limit(canvases):
    assert [len(labels) for _, labels in in_order(Shards(canvases), size=3)] == [3, 1]
    assert [len(labels) for _, labels in in_order(Shards(canvases), size=2, limit=3)] == [2, 1]


def test_a_row_is_a_function_of_its_generator(canvases):
    source = CanvasSource(str(canvases), turned=0.5).open()
    both, second = (source.rows([np.random.default_rng(n) for n in rows]) for rows in ((1, 2), (2,)))
    np.testing.assert_array_equal(both["canvas"][1:], second["canvas"])
    np.testing.assert_array_equal(both["labels"][1:], second["labels"])


def test_training_writes_a_detector_and_goes_on_where_it_stopped(canvases, tmp_path):
    loop = replace(LOOP, steps=2, batch=2, log_every=1)
    config = DetectorTrainConfig(str(canvases), str(canvases), loop=loop, workers=0)
    out = tmp_path / "run"
    assert train(config, out, seconds=0) == out  # time is up after a step, and nothing is exported
    assert not (out / "face_detector.onnx").exists()
    path = train(config, out)
    OnnxDetector(path, threads=1).detect(np.zeros((64, 64, 3), np.uint8))
    assert json.loads((out / "config.json").read_text())["loop"]["batch"] == 2
    assert len(json.loads((out / "calibration.json").read_text())) == 3
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 2
    assert np.isfinite(json.loads((out / "figures.json").read_text())["validation_total"])
