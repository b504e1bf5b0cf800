import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.data.mosaics.composites import MAX_FACES, CompositeConfig
from lineament.data.photographs.face_packs import write_face_pack
from lineament.data.photographs.face_sets import FaceSet
from lineament.detect import OnnxDetector
from lineament.errors import ConfigError
from lineament.train.detector.live_mosaics import LiveMosaicConfig, LiveMosaics, held_out_batches
from lineament.train.detector.method import DETECTOR
from lineament.train.detector.training import LOOP, DetectorTrainConfig
from lineament.train.engine.processes import Processes
from lineament.train.methods import export_run

SMALL = CompositeConfig(size=160)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A pack of 60 people, half of them in colour, and one of a head from behind."""
    folder, rng = tmp_path_factory.mktemp("packs"), np.random.default_rng(0)
    pictures = rng.integers(0, 256, (60, 80, 80, 1), dtype=np.uint8).repeat(3, axis=3)
    pictures[::2] = rng.integers(0, 256, (30, 10, 10, 3), dtype=np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    landmarks = rng.uniform(20, 60, (60, 68, 2)).astype(np.float32)
    names = tuple(f"person{number}_0" for number in range(60))
    faces = FaceSet(names, pictures, landmarks, np.tile(np.float32([0, -1]), (60, 1)))
    for name, about in (("faces", "portraits"), ("behind", "heads")):
        write_face_pack(
            faces, folder / f"{name}.npz", about=about, licence=f"{name} for anyone", budget=2**30
        )
    packs = {name: (str(folder / f"{name}.npz"),) for name in ("faces", "behind")}
    return LiveMosaicConfig(**packs, scenes=2, fresh=0.2, composites=SMALL, held_out=5)


def rngs(count):
    return [np.random.default_rng(number) for number in range(count)]


def test_rows_are_a_function_of_their_generators(config):
    one, other = (LiveMosaics(config, 0.5).rows(rngs(6)) for _ in range(2))
    assert one["mosaic"].shape == (6, 160, 160, 3)
    assert one["labels"].shape == (6, MAX_FACES, 8)
    np.testing.assert_array_equal(one["mosaic"], other["mosaic"])
    np.testing.assert_array_equal(one["labels"], other["labels"])


def test_takes_of_one_composition_show_the_same_faces(config):
    labels = LiveMosaics(config, 0.0).rows(rngs(12))["labels"]
    extent = labels[..., 2:4] - labels[..., :2]  # mirrored or not
    np.testing.assert_allclose(extent[::2], extent[1::2], atol=1e-3)
    assert not np.allclose(extent[0], extent[2])


def test_photographs_in_colour_are_drawn_as_often_as_asked(config):
    source = LiveMosaics(replace(config, colored=0.75), 0.0)
    (grey, grey_weight), (colored, colored_weight) = source._faces
    assert set(grey.names).isdisjoint(colored.names)
    assert colored_weight == pytest.approx(3 * grey_weight)


def test_people_kept_from_training_are_other_people(config):
    training, held_out = (LiveMosaics(config, 0.0, held_out=side) for side in (False, True))
    names = [{name for faces, _ in source._faces for name in faces.names} for source in (training, held_out)]
    assert names[0]
    assert names[1]
    assert names[0].isdisjoint(names[1])


def test_mosaics_for_validation_are_always_the_same(config):
    one, other = (held_out_batches(config, workers=0) for _ in range(2))
    assert sum(len(mosaics) for mosaics, _ in one) == 5
    np.testing.assert_array_equal(one[0][0], other[0][0])


def test_packs_and_weights_must_match(config):
    with pytest.raises(ConfigError, match="as many weights"):
        LiveMosaics(replace(config, weights=(1.0, 2.0)), 0.0)


def test_a_detector_trained_in_a_given_time_says_what_it_was_trained_on(config, tmp_path, monkeypatch):
    readings = itertools.count(0.0, 0.5)  # a clock that goes on when it is read, alike on any machine
    clock = SimpleNamespace(monotonic=lambda: next(readings))
    monkeypatch.setattr("lineament.train.detector.training.time", clock)
    loop = replace(LOOP, steps=3, batch=2, log_every=1)  # far fewer than there is time for
    whole = DetectorTrainConfig(live=config, loop=loop, workers=0, pace_steps=1, reserve=0.0)
    path = export_run(DETECTOR.train(whole, tmp_path / "run", seconds=3.0), tmp_path / "d.lineament")
    OnnxDetector(path, threads=1).detect(np.zeros((64, 64, 3), np.uint8))
    manifest = Bundle.open(path).manifest
    assert manifest.data.startswith("composites of portraits, heads, backgrounds and clutter")
    assert "faces for anyone; behind for anyone" in manifest.licence
    data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert set(data["sha256"]) == {*config.faces, *config.behind}
    checkpoint = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    figures = json.loads((tmp_path / "run" / "figures.json").read_text())
    assert checkpoint["step"] == figures["step"] > 3


def test_the_time_is_planned_for_one_process_only(config, tmp_path):
    whole = DetectorTrainConfig(live=config, loop=replace(LOOP, batch=2), workers=0, pace_steps=1)
    with pytest.raises(ConfigError, match="one process"):
        DETECTOR.train(whole, tmp_path, processes=Processes(0, 2, torch.device("cpu")), seconds=3.0)
