"""The histogram of refinements, on a network of random weights."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import refinements as benchmark
from lineament.data.crops.augment import AugmentConfig
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.train.batches.samples import Folders
from lineament.train.engine.loop import CHECKPOINT, LoopConfig
from lineament.train.networks.synergynet import MafaConfig, SynergyConfig
from lineament.train.synergynet.method import SYNERGYNET
from lineament.train.synergynet.training import SynergyTrainConfig
from samples import noise_sample

SMALL = SynergyConfig(width=0.25, crop_size=32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose refinement moves every landmark by 0.06 px to the right and 0.08 down, of 32."""
    folder, rng = tmp_path_factory.mktemp("samples"), np.random.default_rng(0)
    shards = ShardFolder(folder, Recipe("noise", "none", 0, "test", "lfm"))
    noise = [noise_sample(rng, number) for number in range(6)]
    shards.add(write_shard(folder, "noise_00000", noise, shards.recipe.storage))
    config = SynergyTrainConfig(
        loop=LoopConfig(steps=1, batch=4, save_every=1),
        network=SMALL,
        augment=AugmentConfig(crop_size=32),
        data=Folders((str(folder),)),
        face_swap=0.0,
        workers=0,
        standardisation_crops=8,
        validation_crops=2,
    )
    run = SYNERGYNET.train(config, tmp_path_factory.mktemp("run"))
    state = torch.load(run / CHECKPOINT, weights_only=True)
    state["average"]["mafa.last.0.weight"].zero_()
    state["average"]["mafa.last.0.bias"].copy_(torch.tensor([0.06, 0.08, 5.0]))
    torch.save(state, run / CHECKPOINT)
    return run


def test_distances_are_in_the_plane_and_in_px_of_a_120_px_crop(run):
    found = benchmark.refinements(run, 10)
    assert found.moved_px.shape[1] == 68
    np.testing.assert_allclose(found.moved_px, 0.1 * 120 / 32, rtol=1e-3)
    assert (found.refined_nme != found.coarse_nme).any()


def test_the_command_prints_bars_and_the_peak(run, capsys):
    benchmark.main([str(run)])
    text = capsys.readouterr().out
    assert "0.35-0.40 px 100.0 % ####" in text
    assert re.search(r"peak at 0\.3[78] px of 120 \(published 0\.22\), median 0\.3[78]; NME", text)


def test_bars_count_everything_and_the_peak_is_the_highest():
    distances = np.array([[0.01, 0.21, 0.22, 0.24, 0.6, 7.0]])
    shares = [float(line.split("px")[1].split("%")[0]) for line in benchmark.bars(distances)]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert shares[4] == 50.0
    assert shares[-1] == pytest.approx(16.7)
    assert benchmark.peak_px(distances) == pytest.approx(0.225)


def test_what_refines_nothing_is_refused(run, monkeypatch):
    plain = replace(SMALL, mafa=MafaConfig(enabled=False))
    network = type(SYNERGYNET.trained(run))(
        plain,
        SYNERGYNET.source(SYNERGYNET.config_of(run))
        .sampler(validation=True)
        .model.landmark_points("300w-lp"),
    )
    monkeypatch.setattr(type(SYNERGYNET), "trained", lambda self, run: network)
    with pytest.raises(SystemExit, match="has no refinement"):
        benchmark.main([str(run)])
