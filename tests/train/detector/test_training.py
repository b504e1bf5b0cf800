import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.data.mosaics.record import ABOUT, NOT_RECORDED, about_mosaics, record_about
from lineament.detect import OnnxDetector
from lineament.errors import DataError
from lineament.train.detector.method import DETECTOR
from lineament.train.detector.mosaics import MosaicSource, Shards, in_order, mirror, turn
from lineament.train.detector.training import LOOP, DetectorTrainConfig
from lineament.train.engine.run_folder import about_training
from lineament.train.methods import export_run


def write_mosaics(folder):
    """Four noisy mosaics of 64 px with a bright square that is called a face."""
    folder.mkdir()
    pictures = np.random.default_rng(0).integers(0, 60, (4, 64, 64, 3), dtype=np.uint8)
    pictures[:, 20:44, 16:40] = 250
    labels = np.zeros((4, 24, 8), np.float32)
    labels[:, 0] = [16, 20, 40, 44, 0.0, -1.0, 1.0, 1.0]
    np.save(folder / "shard_0.npy", pictures)
    np.save(folder / "shard_0.labels.npy", labels)
    return folder


@pytest.fixture
def mosaics(tmp_path):
    return write_mosaics(tmp_path / "canvases")


@pytest.mark.parametrize("change", [mirror, turn])
def test_labels_follow_the_mosaic(mosaics, change):
    pictures, labels = Shards(mosaics).batch(np.array([[0, 0]]))
    picture, moved = change(pictures[0], labels[0])
    left, top, right, bottom = moved[0, :4].astype(int)
    assert picture[top:bottom, left:right].min() == 250
    assert (picture == 250).sum() == (pictures[0] == 250).sum()


def test_four_quarter_turns_and_two_mirrors_change_nothing(mosaics):
    pictures, labels = Shards(mosaics).batch(np.array([[0, 1]]))
    picture, moved = pictures[0], labels[0]
    for change in (turn, turn, turn, turn, mirror, mirror):
        picture, moved = change(picture, moved)
    np.testing.assert_array_equal(picture, pictures[0])
    np.testing.assert_allclose(moved, labels[0])


def test_a_turned_head_points_to_the_left(mosaics):
    _, labels = Shards(mosaics).batch(np.array([[0, 0]]))
    _, moved = turn(np.zeros((64, 64, 3), np.uint8), labels[0])
    np.testing.assert_allclose(moved[0, 4:6], [-1, 0])


def test_mosaics_are_read_as_they_were_written(mosaics):
    shards = Shards(mosaics)
    pictures, _ = shards.batch(shards.rows)
    np.testing.assert_array_equal(pictures, np.load(mosaics / "shard_0.npy"))


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="lineament data mosaics"):
        Shards(tmp_path)


def test_mosaics_in_order_stop_at_a_limit(mosaics):
    assert [len(labels) for _, labels in in_order(Shards(mosaics), size=3)] == [3, 1]
    assert [len(labels) for _, labels in in_order(Shards(mosaics), size=2, limit=3)] == [2, 1]


def test_a_row_is_a_function_of_its_generator(mosaics):
    source = MosaicSource(str(mosaics), turn_probability=0.5).open()
    both, second = (source.rows([np.random.default_rng(n) for n in rows]) for rows in ((1, 2), (2,)))
    np.testing.assert_array_equal(both["mosaic"][1:], second["mosaic"])
    np.testing.assert_array_equal(both["labels"][1:], second["labels"])


@pytest.mark.parametrize("record", [None, {"trained_on": "drawn squares", "licence": "anybody's"}])
def test_a_detector_says_of_its_data_what_its_mosaics_say_and_nothing_else(mosaics, tmp_path, record):
    if record is not None:
        (mosaics / ABOUT).write_text(json.dumps(record))
    loop = replace(LOOP, steps=1, batch=2, log_every=1)
    config = DetectorTrainConfig(str(mosaics), str(mosaics), loop=loop, workers=0)
    run = DETECTOR.train(config, tmp_path / "run")
    manifest = Bundle.open(export_run(run, tmp_path / "detector.lineament")).manifest
    expected = record or NOT_RECORDED
    assert (manifest.data, manifest.licence) == (expected["trained_on"], expected["licence"])
    assert about_training(tmp_path / "run") == expected
    assert not re.search("YouTube|LFW|BSDS", f"{manifest.data} {manifest.licence}")


def test_a_folder_of_mosaics_says_all_that_was_ever_put_into_it(mosaics):
    record_about(mosaics, {"trained_on": "discs", "licence": "mine"})
    record_about(mosaics, {"trained_on": "discs", "licence": "mine"})
    assert about_mosaics(mosaics) == {
        key: f"{NOT_RECORDED[key]}; {text}"
        for key, text in {"trained_on": "discs", "licence": "mine"}.items()
    }
    (mosaics / "new").mkdir()
    record_about(mosaics / "new", {"trained_on": "discs", "licence": "mine"})
    assert about_mosaics(mosaics / "new") == {"trained_on": "discs", "licence": "mine"}


@pytest.mark.parametrize("content", ["{", "[]", '{"licence": "mine"}', "[" * 100_000, "\xff"])
def test_a_record_of_mosaics_that_says_nothing_is_refused(mosaics, content):
    (mosaics / ABOUT).write_text(content)
    with pytest.raises(DataError, match="does not say what the mosaics were made of"):
        about_mosaics(mosaics)


def test_training_writes_a_detector_and_goes_on_where_it_stopped(mosaics, tmp_path):
    loop = replace(LOOP, steps=2, batch=2, log_every=1)
    config = DetectorTrainConfig(str(mosaics), str(mosaics), loop=loop, workers=0)
    out = tmp_path / "run"
    assert DETECTOR.train(config, out, seconds=0) == out  # time is up after a step
    with pytest.raises(DataError, match="not come to its end, where scores are calibrated"):
        export_run(out, tmp_path / "d.lineament")
    path = export_run(DETECTOR.train(config, out), tmp_path / "d.lineament")
    OnnxDetector(path, threads=1).detect(np.zeros((64, 64, 3), np.uint8))
    assert json.loads((out / "config.json").read_text())["loop"]["batch"] == 2
    assert len(json.loads((out / "calibration.json").read_text())) == 3
    assert torch.load(out / "checkpoint.pt", weights_only=True)["step"] == 2
    figures = json.loads((out / "figures.json").read_text())
    assert np.isfinite([figures["validation_total"], figures["train_total"]]).all()


@pytest.mark.parametrize(
    ("canvases", "labels"),
    [
        (np.zeros((3, 64, 64, 3), np.uint8), np.zeros((4, 24, 8))),
        (np.zeros((4, 64, 64), np.uint8), np.zeros((4, 24, 8))),
        (np.zeros((4, 64, 64, 3), np.float32), np.zeros((4, 24, 8))),
        (np.zeros((4, 64, 64, 3), np.uint8), np.zeros((4, 24, 7))),
        (np.zeros((4, 32, 32, 3), np.uint8), np.zeros((4, 24, 8))),
    ],
)
def test_mosaics_that_do_not_fit_together_are_refused_before_training(mosaics, canvases, labels):
    np.save(mosaics / "shard_1.npy", canvases)
    np.save(mosaics / "shard_1.labels.npy", labels)
    with pytest.raises(DataError, match=r"shard_1\.npy"):
        Shards(mosaics)
