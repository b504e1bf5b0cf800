import json

import numpy as np
import pytest
import torch

from lineament.detect import OnnxDetector
from lineament.errors import DataError
from lineament.train.detector import DetectorTrainConfig, Shards, mirror, train, turn

CONFIG = DetectorTrainConfig(minutes=0.01, batch=2, save_every=2)


@pytest.fixture
def canvases(tmp_path):
    """Four noisy canvases of 64 px with a bright square that is called a face."""
    folder = tmp_path / "canvases"
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 60, (4, 64, 64, 3), dtype=np.uint8)
    pictures[:, 20:44, 16:40] = 250
    labels = np.zeros((4, 24, 8), np.float32)
    labels[:, 0] = [16, 20, 40, 44, 0.0, -1.0, 1.0, 1.0]
    np.save(folder / "shard_0.npy", pictures)
    np.save(folder / "shard_0.labels.npy", labels)
    return folder


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def test_training_writes_a_detector_and_goes_on_where_it_stopped(canvases, tmp_path, one_thread):
    out = tmp_path / "run"
    path = train(CONFIG, canvases=canvases, validation=canvases, out=out)
    OnnxDetector(path, threads=1).detect(np.zeros((64, 64, 3), np.uint8))
    assert json.loads((out / "config.json").read_text())["batch"] == 2
    spent = torch.load(out / "checkpoint.pt", weights_only=True)["spent"]
    train(CONFIG, canvases=canvases, validation=canvases, out=out)
    assert torch.load(out / "checkpoint.pt", weights_only=True)["spent"] >= spent
