import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lineament.data.augment import AugmentConfig
from lineament.data.view_store import CropSampler, ViewStore
from lineament.geometry.rotation import matrix_from_angles
from lineament.train.loop import LoopConfig
from lineament.train.losses import FaceLoss, FaceLossConfig
from lineament.train.networks.regressor import RegressorConfig
from lineament.train.regressor import (
    Folders,
    StepBatches,
    TrainConfig,
    crops_as_input,
    train,
    truth_of,
    validation_figures,
)

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    loop=LoopConfig(steps=4, batch=3, save_every=2, log_every=1, warm_up=1),
    network=RegressorConfig(
        crop_size=32, stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1), squeeze=8, hidden=16
    ),
    augment=AugmentConfig(crop_size=32),
    loss=FaceLossConfig(vertex_count=20),
)


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """A shard of twelve views of noise, every third for validation."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(0)
    np.save(folder / "ytf_00000_images.npy", rng.integers(0, 256, (12, 160, 160, 3), np.uint8))
    np.savez(
        folder / "ytf_00000_labels.npz",
        rotation=matrix_from_angles(*rng.uniform(-0.5, 0.5, (3, 12))).astype(np.float32),
        scale=rng.uniform(0.5, 0.7, 12).astype(np.float32),
        translation=rng.uniform(75, 85, (12, 2)).astype(np.float32),
        identity=rng.normal(0, 0.5, (12, 100)).astype(np.float32),
        expression=rng.uniform(0, 0.3, (12, 53)).astype(np.float32),
        photo=np.arange(12),
        validation=np.arange(12) % 3 == 0,
    )
    return folder


def test_a_batch_is_a_function_of_the_step_however_the_run_came_to_it(views):
    through, resumed = (
        StepBatches(Folders(views=(str(views),)), CONFIG, first=0),
        StepBatches(Folders(views=(str(views),)), CONFIG, first=3),
    )
    assert (len(through), len(resumed)) == (4, 1)
    one, other = through[3], resumed[0]
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    assert (through[2]["crop"] != one["crop"]).any()


def test_another_seed_gives_other_batches(views):
    other = replace(CONFIG, loop=replace(CONFIG.loop, seed=2))
    assert (
        StepBatches(Folders(views=(str(views),)), CONFIG, 0)[0]["crop"]
        != StepBatches(Folders(views=(str(views),)), other, 0)[0]["crop"]
    ).any()


def test_a_batch_is_bytes_and_labels_in_the_networks_terms(views):
    arrays = StepBatches(Folders(views=(str(views),)), CONFIG, 0)[0]
    batch = {name: torch.as_tensor(array) for name, array in arrays.items()}
    truth = truth_of(batch, CPU)
    assert truth.rotation.shape == (3, 3, 3)
    assert truth.identity.shape == (3, 100)
    crops = crops_as_input(batch["crop"], CPU)
    assert crops.shape == (3, 3, 32, 32)
    assert crops.dtype == torch.float32
    assert crops.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(crops[1, 2].numpy(), arrays["crop"][1, :, :, 2])


class Knows(nn.Module):
    """Answers with the labels, moved by some px, in the order in which crops come."""

    def __init__(self, batch, shift):
        super().__init__()
        self._answer = truth_of({name: torch.as_tensor(getattr(batch, name)) for name in LABELS}, CPU)
        self._shift = shift

    def forward(self, crops):
        return replace(self._answer, translation=self._answer.translation + torch.tensor(self._shift))


LABELS = ("rotation", "scale", "translation", "identity", "expression")


def test_the_validation_figure_is_the_error_in_percent_of_the_landmarks_box(views, lfm):
    sampler = CropSampler(ViewStore(views, validation=True), lfm, CONFIG.augment)
    loss = FaceLoss(lfm, 32, np.ones(100, np.float32), np.ones(53, np.float32), CONFIG.loss)
    batch = sampler.plain_batch(np.arange(4))
    right, wrong = (
        validation_figures(Knows(batch, shift), sampler, loss, CPU, count=4)
        for shift in ([0.0, 0], [0.3, 0.4])
    )
    assert right == {"validation_nme_percent": pytest.approx(0, abs=1e-4)}
    # Half a pixel; the longer side of the box is the crop's over the root of two.
    assert 100 * 0.5 / (32 / np.sqrt(2)) < wrong["validation_nme_percent"] < 3.5


def test_training_writes_its_run_and_goes_on_where_it_stopped(views, tmp_path):
    train(
        replace(CONFIG, loop=replace(CONFIG.loop, steps=2)),
        Folders(views=(str(views),)),
        tmp_path,
        workers=0,
        device=CPU,
    )
    train(CONFIG, Folders(views=(str(views),)), tmp_path, workers=0, device=CPU)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "loss" in record] == [1, 2, 3, 4]
    assert [record["step"] for record in records if "validation_nme_percent" in record] == [2, 4]
    assert all(np.isfinite(value) for record in records for value in record.values())
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["loop"]["steps"] == 4
    assert config["network"]["crop_size"] == 32
    assert (tmp_path / "checkpoint.pt").exists()
