import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError, DataError
from lineament.train.batches.samples import CropSource, Folders, crops_as_input
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.networks.residual_encoder import EncoderConfig, Readout
from lineament.train.networks.synergynet import MafaConfig, SynergyConfig
from lineament.train.regressor.warm_start import ExportedNetwork, start_from, take_layers
from lineament.train.runs.crop_method import begin_with_run
from lineament.train.synergynet.method import SYNERGYNET
from lineament.train.synergynet.training import SynergyTrainConfig, standardise, synergy_net, take_heads
from tests.train.synergynet.setups import SMALL, config


def test_a_run_begins_with_the_averaged_weights_and_the_standardisation_of_another(samples, tmp_path, lfm):
    first = SYNERGYNET.train(
        config(samples, network=replace(SMALL, mafa=MafaConfig(enabled=False))), tmp_path / "first"
    )
    before = SYNERGYNET.trained(first).state_dict()
    network = synergy_net(SMALL, lfm)
    begin_with_run(network, first, config(samples))
    for name, tensor in network.state_dict().items():
        assert name.startswith("mafa") or torch.equal(tensor, before[name]), name
    # Without a step's change: a rate of nothing leaves the weights, and standardisation is not measured
    # again.
    still = replace(config(samples).loop, optimiser=OptimiserConfig(kind="sgd", learning_rate=0.0))
    second = SYNERGYNET.train(config(samples, loop=still, start=str(first)), tmp_path / "second")
    after = SYNERGYNET.trained(second).state_dict()
    for name in ("mean", "std", "backbone.features.0.0.weight", "heads.1.1.weight"):
        assert torch.equal(after[name], before[name]), name
    # To go on, the first run is not needed any more.
    SYNERGYNET.train(config(samples, loop=replace(still, steps=3), start="nowhere"), second)
    assert torch.load(second / "checkpoint.pt", weights_only=True)["step"] == 3


SIZES_OF_OPEN = {"residual": EncoderConfig(), "readout": Readout(squeeze=96, hidden=384)}


@pytest.mark.parametrize(("name", "sizes"), [("lfm-regressor", {}), ("lfm-regressor-open", SIZES_OF_OPEN)])
def test_the_residual_backbone_begins_with_pose_and_coefficients_of_the_compact_regressor(
    name, sizes, samples, lfm
):
    torch.manual_seed(3)
    config = SynergyConfig(backbone="residual", pose="rotation", crop_size=112, **sizes)
    network = synergy_net(config, lfm).eval()
    source = CropSource(Folders((samples,)), AugmentConfig(crop_size=112))
    standardise(network, source, 16)
    exported = ExportedNetwork.read(name)
    crops = source.open().rows([np.random.default_rng(row) for row in range(4)])["crop"]
    pictures = crops_as_input(torch.as_tensor(crops))
    take_layers(network.backbone, exported, [pictures])
    take_heads(network, exported)
    encoder, readout = config.residual, config.readout
    of_whole_face = RegressorConfig(
        stem=encoder.stem, stages=encoder.stages, squeeze=readout.squeeze, hidden=readout.hidden
    )
    regressor = Regressor(of_whole_face).eval()
    start_from(regressor, exported, [pictures])
    with torch.inference_mode():
        found, expected = network.face_of(network(pictures).parameters), regressor(pictures)
    for field in ("rotation", "scale", "translation", "identity", "expression"):
        torch.testing.assert_close(getattr(found, field), getattr(expected, field), atol=2e-3, rtol=2e-3)


def test_a_frozen_backbone_stays_as_it_began(samples, tmp_path):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    again = config(samples, network=replace(SMALL, frozen=True), start=str(first))
    before, after = (
        SYNERGYNET.trained(run).state_dict() for run in (first, SYNERGYNET.train(again, tmp_path / "again"))
    )
    same = {name for name in after if torch.equal(after[name], before[name])}
    assert {name for name in after if name.startswith("backbone.")} <= same
    assert not {"heads.0.1.weight", "mafa.rest.0.weight"} & same
    with pytest.raises(ConfigError, match="give a start"):
        SYNERGYNET.train(replace(again, start=""), tmp_path / "without")


@pytest.mark.parametrize(
    "network", [SMALL, SynergyConfig(backbone="residual", crop_size=32, feature_layers=(8,))]
)
def test_other_networks_cannot_begin_with_the_compact_regressor(samples, tmp_path, network):
    with pytest.raises(ConfigError, match="only a network with"):
        SYNERGYNET.train(config(samples, network=network, start="lfm-regressor"), tmp_path / "run")


def test_a_run_cannot_begin_with_a_network_that_does_not_fit(samples, tmp_path, lfm):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    for other, message in [
        (replace(SMALL, width=0.5), "do not fit"),
        (replace(SMALL, mafa=MafaConfig(enabled=False)), r"do not fit \(mafa"),
    ]:
        new = SynergyTrainConfig(network=other, augment=AugmentConfig(crop_size=other.crop_size))
        with pytest.raises(ConfigError, match=message):
            begin_with_run(synergy_net(other, lfm), first, new)
    with pytest.raises(DataError, match="no run folder"):
        begin_with_run(synergy_net(SMALL, lfm), tmp_path / "nothing", config(samples))


@pytest.mark.parametrize("changes", [{}, {"points": "pixels"}, {"mafa": MafaConfig(last="code", step=0.05)}])
def test_a_state_for_larger_crops_finds_the_same_face_in_more_px(lfm, changes):
    torch.manual_seed(0)
    small = synergy_net(replace(SMALL, **changes), lfm)
    small.mean[9:11], small.mean[:9] = 16.0, 0.1 * torch.eye(3).flatten()
    small.std[:12] = torch.rand(12) * 0.05
    for tensor in (small.mafa.last[0].weight, *([small.mafa.last[1].weight] if "mafa" in changes else [])):
        torch.nn.init.uniform_(tensor, 0.1, 1.0)
    large = synergy_net(replace(SMALL, crop_size=48, **changes), lfm)
    state = small.state_dict()
    large.at_other_size(state, 48 / 32)
    large.load_state_dict(state)
    features, parameters = torch.randn(3, small.backbone.channels), torch.randn(3, sum(small.sizes))
    for network in (small, large):
        network.eval()
        network.config = replace(network.config, landmarks="geometry")  # both ways of the cycle
    with torch.inference_mode():
        before, after = (network._with_landmarks(parameters, features) for network in (small, large))
        assert (before.refined - before.coarse).abs().max() > 0.01
        for name in ("coarse", "refined"):
            torch.testing.assert_close(
                getattr(after, name), 1.5 * getattr(before, name), atol=1e-3, rtol=1e-5
            )
        torch.testing.assert_close(after.landmarks_to_3dmm, before.landmarks_to_3dmm, atol=1e-4, rtol=1e-4)
        faces = [network.face_of(parameters) for network in (small, large)]
    torch.testing.assert_close(faces[1].scale, 1.5 * faces[0].scale)
    torch.testing.assert_close(faces[1].translation, 1.5 * faces[0].translation)
    torch.testing.assert_close(faces[1].rotation, faces[0].rotation)
    assert torch.equal(faces[1].identity, faces[0].identity)


def test_a_run_begins_with_one_on_smaller_crops_and_the_standardisation_is_that_of_larger_ones(
    samples, tmp_path, lfm
):
    first = SYNERGYNET.train(config(samples, face_swap=0.0), tmp_path / "first")
    larger = replace(SMALL, crop_size=64)
    new = config(samples, face_swap=0.0, network=larger, augment=AugmentConfig(crop_size=64))
    network = synergy_net(larger, lfm)
    begin_with_run(network, first, new)
    measured = synergy_net(larger, lfm)
    source = CropSource(new.data, new.augment)
    standardise(measured, source, new.standardisation_crops, seed=new.loop.seed)
    # The same crops, drawn at 64 px.
    torch.testing.assert_close(network.mean, measured.mean, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(network.std, measured.std, atol=1e-3, rtol=1e-4)
    assert network.point_origin.tolist() == [32, 32, 0]
    assert network.point_scale[0] == pytest.approx(1 / 32)
    run = SYNERGYNET.train(replace(new, start=str(first)), tmp_path / "second")
    assert SYNERGYNET.trained(run).config.crop_size == 64


def stale(state):
    """A state dict as checkpoints of before December 2026 have it, of another face model."""
    former = {"std": "spread"} | {
        name: name.replace("landmarks_to_3dmm.", "reverser.").replace("mafa.", "refiner.")
        for name in state
        if name.startswith(("landmarks_to_3dmm.", "mafa."))
    }
    return {former.get(name, name): tensor for name, tensor in state.items()} | {
        "rest": torch.full((68, 3), 7.0),
        "identity_basis": torch.zeros(100, 204),
        "expression_basis": torch.zeros(53, 204),
        "axes": torch.ones(3),
    }


def test_what_the_face_model_says_is_no_part_of_a_checkpoint_and_an_old_one_does_not_bring_it_back(lfm):
    network, before = synergy_net(SMALL, lfm), synergy_net(SMALL, lfm)
    assert not {"rest", "identity_basis", "expression_basis"} & network.state_dict().keys()
    network.load_state_dict(stale(before.state_dict()))
    torch.testing.assert_close(network.rest, before.rest)
    torch.testing.assert_close(network.identity_basis, before.identity_basis)
    assert network.axes.tolist() == [1, -1, -1]


def test_a_run_that_goes_on_or_begins_with_an_old_one_has_the_landmarks_of_today(samples, tmp_path, lfm):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    state = torch.load(first / "checkpoint.pt", weights_only=True)
    state |= {name: stale(state[name]) for name in ("network", "average")}
    torch.save(state, first / "checkpoint.pt")
    (first / "run.json").unlink()  # old runs have none
    settings = json.loads((first / "config.json").read_text())
    settings["network"]["reverse"] = settings["network"].pop("landmarks_to_3dmm")
    settings["loop"]["average"] = settings["loop"].pop("ema_decay")
    (first / "config.json").write_text(json.dumps(settings))
    today = synergy_net(SMALL, lfm).rest
    fresh = synergy_net(SMALL, lfm)
    begin_with_run(fresh, first, config(samples))
    torch.testing.assert_close(fresh.rest, today)
    longer = replace(config(samples).loop, steps=3)
    torch.testing.assert_close(
        SYNERGYNET.trained(SYNERGYNET.train(config(samples, loop=longer), first)).rest, today
    )


def test_a_run_of_another_face_model_is_not_gone_on_with(samples, tmp_path):
    run = SYNERGYNET.train(config(samples), tmp_path)
    about = json.loads((run / "run.json").read_text())
    assert about["method"] == "synergynet"
    about["face_model"]["sha256"] = 64 * "0"
    (run / "run.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=r"trained on the face model 'lfm' \(checksum 000000000000\)"):
        SYNERGYNET.train(config(samples), run)
    with pytest.raises(ConfigError, match="Its coefficients would mean other faces"):
        SYNERGYNET.trained(run)
