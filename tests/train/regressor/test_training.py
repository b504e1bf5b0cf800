import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.store import SampleStore
from lineament.errors import ConfigError
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import LABELS, Folders
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.regressor import RegressorConfig
from lineament.train.regressor.losses import FaceLossConfig
from lineament.train.regressor.method import REGRESSOR
from lineament.train.regressor.training import TrainConfig
from samples import annotated_sample

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    loop=LoopConfig(
        steps=4,
        batch=3,
        save_every=2,
        log_every=1,
        optimiser=OptimiserConfig(learning_rate=1e-3),
        schedule=ScheduleConfig(warm_up=1),
    ),
    network=RegressorConfig(
        crop_size=32, stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1), squeeze=8, hidden=16
    ),
    augment=AugmentConfig(crop_size=32),
    loss=FaceLossConfig(vertex_count=20),
    workers=0,
)


class Knows(nn.Module):
    """Answers with the labels, moved by some px, in the order in which crops come."""

    def __init__(self, batch, shift):
        super().__init__()
        self._answer = LabelBatch.of({name: torch.as_tensor(getattr(batch, name)) for name in LABELS}).face
        self._shift = shift

    def forward(self, crops):
        return replace(self._answer, translation=self._answer.translation + torch.tensor(self._shift))


def test_the_validation_figure_is_the_error_in_percent_of_the_landmarks_box(samples, lfm):
    sampler = CropSampler(SampleStore(Path(samples), validation=True), lfm, CONFIG.augment)
    batch = sampler.plain_batch(np.arange(4))
    right, wrong = (
        REGRESSOR.figures(Knows(batch, shift), sampler, 4, CPU) for shift in ([0.0, 0], [0.3, 0.4])
    )
    assert right["nme_percent"] == pytest.approx(0, abs=1e-4)
    # Half a pixel; the longer side of the box is the crop's over the root of two.
    assert 100 * 0.5 / (32 / np.sqrt(2)) < wrong["nme_percent"] < 3.5
    assert wrong["rotation_error_deg"] == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("crops_by", ["workers", "device"])
def test_training_writes_its_run_and_goes_on_where_it_stopped(samples, tmp_path, crops_by):
    config = replace(CONFIG, data=Folders((samples,)), crops_by=crops_by)
    REGRESSOR.train(replace(config, loop=replace(config.loop, steps=2)), tmp_path)
    REGRESSOR.train(config, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "loss" in record] == [1, 2, 3, 4]
    assert [record["step"] for record in records if "nme_percent" in record] == [2, 4]
    assert all(np.isfinite(value) for record in records for value in record.values())
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["loop"]["steps"] == 4
    assert config["network"]["crop_size"] == 32
    assert (tmp_path / "checkpoint.pt").exists()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["step"] == 4
    assert {"nme_percent_0", "yaw_error_deg", "rotation_error_deg", "train_nme_percent"} <= set(figures)
    assert [session["step"] for session in json.loads((tmp_path / "sessions.json").read_text())] == [0, 2]
    (folder,) = json.loads((tmp_path / "data.json").read_text())["folders"]
    assert (folder["samples"], list(folder["sha256"])) == (12, ["noise_00000"])


@pytest.mark.parametrize("crops_by", ["workers", "device"])
def test_annotated_faces_are_trained_on_beside_fitted_ones(samples, tmp_path, crops_by):
    into = ShardFolder(tmp_path / "points", Recipe("points", "none", 0, "test", "lfm"))
    made = [annotated_sample(seed=n, number=n, scheme=("300w-lp", "cfp-30")[n % 2]) for n in range(4)]
    into.add(write_shard(into.folder, "points", made, into.recipe.storage))
    config = replace(CONFIG, data=Folders((samples, str(into.folder))), crops_by=crops_by)
    REGRESSOR.train(config, tmp_path / "run")
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all(np.isfinite(value) for record in records for value in record.values())
    assert max(record.get("points", 0.0) for record in records) > 0


def test_a_trained_network_is_exported_in_its_own_size(samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)), loop=replace(CONFIG.loop, steps=1))
    run = REGRESSOR.train(config, tmp_path)
    assert REGRESSOR.trained(run).config == CONFIG.network


def test_crops_of_another_size_than_the_networks_are_refused():
    with pytest.raises(ConfigError, match=r"augment.crop_size is 32 and network.crop_size 64"):
        replace(CONFIG, network=replace(CONFIG.network, crop_size=64))


def test_a_run_that_goes_on_does_not_need_what_it_began_with(samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)))
    REGRESSOR.train(replace(config, loop=replace(config.loop, steps=2)), tmp_path)
    REGRESSOR.train(replace(config, start="gone.onnx"), tmp_path)
    assert json.loads((tmp_path / "figures.json").read_text())["step"] == 4


def test_weights_say_how_their_run_cut_its_crops(samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)), augment=replace(CONFIG.augment, crop_margin=1.6))
    run = REGRESSOR.train(replace(config, loop=replace(config.loop, steps=1)), tmp_path)
    about = REGRESSOR.about(run)
    assert (about.crop.size, about.crop.margin, about.face_model.name) == (32, 1.6, "lfm")
    assert "12 samples of noise" in about.data


def test_a_run_begins_with_another_one_and_lies_between_both(samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)))
    first = REGRESSOR.train(config, tmp_path / "first")
    still = replace(config.loop, optimiser=OptimiserConfig(learning_rate=0.0), steps=1)
    second = REGRESSOR.train(replace(config, start=str(first), loop=still), tmp_path / "second")
    before, after = (REGRESSOR.trained(run).state_dict() for run in (first, second))
    torch.testing.assert_close(after["heads.weight"], before["heads.weight"])
    torch.testing.assert_close(after["identity_std"], before["identity_std"])
    between = REGRESSOR.interpolated(second, 0.5).state_dict()
    torch.testing.assert_close(between["heads.weight"], before["heads.weight"])


def test_a_run_from_random_weights_has_nothing_to_be_interpolated_with(samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)), loop=replace(CONFIG.loop, steps=1))
    with pytest.raises(ConfigError, match="began with random weights"):
        REGRESSOR.interpolated(REGRESSOR.train(config, tmp_path), 0.5)
