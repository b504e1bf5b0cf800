import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import ConfigError, WeightsError
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import Folders, StepBatches, crops_as_input
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.occlusion import OcclusionConfig
from lineament.train.occlusion.loss import OcclusionLossConfig, SkinPlaces, read_at
from lineament.train.occlusion.method import EXPORTER, OCCLUSION
from lineament.train.occlusion.training import OcclusionTrainConfig, loss_of, new_network, prepare
from tests.train.exports import exported

CONFIG = OcclusionTrainConfig(
    network=OcclusionConfig(channels=(8, 8, 16, 16)),
    loop=LoopConfig(steps=6, batch=8),
    workers=0,
    validation_crops=4,
)


def truth_of(config):
    arrays = StepBatches(OCCLUSION.source(config), config.loop, 0)[0]
    batch = {name: torch.as_tensor(values) for name, values in arrays.items()}
    return batch["crop"], LabelBatch.of(batch)


def test_a_network_learns_what_hides_eight_faces_and_is_exported_as_it_is(lfm, samples, tmp_path):
    config = replace(CONFIG, data=Folders((samples,)))
    torch.manual_seed(0)
    network = new_network(config, lfm)
    crop, truth = truth_of(config)
    loss = loss_of(config, network, lfm)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    terms = []
    for _ in range(60):
        found = loss(network(crops_as_input(crop)), truth)["loss"]
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        terms.append(float(found.detach()))
    assert terms[-1] < 0.5 * terms[0]
    path = exported(EXPORTER, network, tmp_path / "occlusion.lineament", half=False)
    said = Bundle.open(path).network(threads=1)(crop=crop.numpy())
    with torch.inference_mode():
        wanted = network.eval()(crops_as_input(crop)).sigmoid()
    np.testing.assert_allclose(said["shown"], wanted, atol=1e-4)
    assert said["shown"].shape == (8, 32, 32)


@pytest.mark.parametrize("start", ["default", "open"])
def test_a_run_goes_on_from_the_network_of_the_package(lfm, samples, start):
    config = replace(CONFIG, network=OcclusionConfig(), data=Folders((samples,)), start=start)
    network = new_network(config, lfm)
    source = OCCLUSION.source(config)
    prepare(network, config, source)
    crops = StepBatches(source, config.loop, 0)[0]["crop"]
    said = Bundle.open(start).network("occlusion", threads=1)(crop=crops)["shown"]
    with torch.inference_mode():
        found = network.eval()(crops_as_input(torch.as_tensor(crops))).sigmoid().numpy()
    assert np.abs(found - said).mean() < 0.01


def test_weights_without_such_a_network_are_no_start(lfm, samples):
    config = replace(CONFIG, data=Folders((samples,)), start="dense-detector")
    with pytest.raises(WeightsError, match="dense-detector"):
        prepare(new_network(config, lfm), config, OCCLUSION.source(config))
    with pytest.raises(ConfigError, match="differs from the weights"):
        prepare(new_network(config, lfm), replace(config, start="fast"), OCCLUSION.source(config))


def test_places_are_asked_where_the_mask_of_the_labels_is(lfm, samples):
    """A network that says just what the labels' mask says is right at every place, up to a pixel."""
    config = replace(CONFIG, data=Folders((samples,)))
    _, truth = truth_of(config)
    places = SkinPlaces(lfm, 64)(truth)
    assert 0 < float(places.counted.float().mean()) < 1
    exact = 1 - truth.occlusion.float()
    said = read_at(exact, places)[places.counted]
    known = places.shown[places.counted]
    assert 0 < float(known.mean()) < 1
    assert float(((said > 0.5) == (known > 0.5)).float().mean()) > 0.97
    shifted = read_at(exact.roll(20, dims=2), places)[places.counted]
    assert float(((shifted > 0.5) == (known > 0.5)).float().mean()) < 0.9


def test_faces_without_coefficients_and_places_turned_away_do_not_count(lfm, samples):
    _, truth = truth_of(replace(CONFIG, data=Folders((samples,))))
    unknown = replace(truth, has_coefficients=torch.zeros_like(truth.has_coefficients))
    assert not SkinPlaces(lfm, 64)(unknown).counted.any()
    behind = replace(truth, rotation=truth.rotation * torch.tensor([-1.0, 1.0, -1.0])[:, None])
    seen = SkinPlaces(lfm, 64)
    assert not (seen(truth).counted & seen(behind).counted).any()


def test_a_batch_without_masks_is_refused(lfm, samples):
    _, truth = truth_of(replace(CONFIG, data=Folders((samples,))))
    with pytest.raises(ValueError, match="without masks"):
        SkinPlaces(lfm, 64)(replace(truth, occlusion=None))


@pytest.mark.parametrize("crops_by", ["workers", "device"])
def test_a_run_has_figures_of_its_own(samples, tmp_path, crops_by):
    config = replace(CONFIG, data=Folders((samples,)), crops_by=crops_by)
    run = OCCLUSION.train(config, tmp_path / "run")
    line = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert 0 <= line["shown_iou"] <= 1
    assert 0 <= line["hidden_iou"] <= 1


def test_places_of_photographs_that_nobody_marked_are_doubted(lfm, samples):
    """A mask that calls all hidden is pulled back by rendered faces, and hardly by photographs."""
    config = replace(CONFIG, data=Folders((samples,)))
    doubting = replace(config, loss=OcclusionLossConfig(doubt=0.8))
    _, truth = truth_of(config)
    nothing = replace(truth, occlusion=torch.zeros_like(truth.occlusion))

    def pull(config, *, rendered):
        mask = torch.full((8, 32, 32), -4.0, requires_grad=True)
        labels = replace(nothing, is_rendered=torch.full((8,), rendered))
        loss_of(config, new_network(config, lfm), lfm)(mask, labels)["loss"].backward()
        return float(mask.grad.sum())

    assert pull(doubting, rendered=True) == pull(config, rendered=True)
    # The gradient of the generalised cross entropy is that of the cross entropy times p to the power q.
    said = torch.sigmoid(torch.tensor(-4.0))
    wanted = pull(config, rendered=False) * float(said**0.8)
    assert pull(doubting, rendered=False) == pytest.approx(wanted, rel=1e-4)


def test_a_doubt_beyond_its_range_is_refused():
    with pytest.raises(ConfigError, match=r"0 to 1, found 1\.5"):
        OcclusionLossConfig(doubt=1.5)
