import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.config_file import read_config
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.errors import ConfigError, DataError
from lineament.methods.cprfa_points import retrieve
from lineament.methods.cprfa_pose import unit_from_crop
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import Folders, arrays_of, crops_as_input
from lineament.train.cprfa.corruption import NOTHING
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.loss import MapLoss, UpdateLoss
from lineament.train.cprfa.method import CPRFA, OBSERVATIONS
from lineament.train.cprfa.observations import (
    ObservationRows,
    ObservationSource,
    ObserveConfig,
    observations_of,
    retrieval_of,
    true_pose,
    write_observations,
)
from lineament.train.cprfa.training import STAGES, CprfaTrainConfig, new_network, path_count, prepare
from lineament.train.engine.loop import CHECKPOINT
from lineament.train.networks.cprfa.config import COMPACT, PRESETS, tiny
from lineament.train.networks.cprfa.network import Updated
from lineament.train.networks.cprfa.rounds import projected
from lineament.train.regressor.warm_start import POSE_NUMBERS, ExportedNetwork
from samples import annotated_sample
from shared import ROOT
from tests.train.cprfa.setups import SIZE, StraightCrops, tiny_config
from tests.train.exports import exported

CONFIGS = ROOT / "docs" / "runs" / "configs"
ONE_ROUND = replace(tiny(), updates=replace(tiny().updates, rounds=1))
TWENTY = ObserveConfig(crops=20, landmarks="")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def observed(network, config, tmp_path_factory):
    """Files of what perfect maps show of twenty crops."""
    path = tmp_path_factory.mktemp("observed") / OBSERVATIONS
    source = StraightCrops(CPRFA.source(config))
    assert write_observations(path, network, source, TWENTY, seed=1, detector=None, device=CPU)
    return path


def source_of(path, network, **changes):
    values = {
        "path": str(path),
        "chosen": tuple(network.chosen.tolist()),
        "count": len(network.codes),
        "path_count": path_count(network),
        "corruption": NOTHING,
        "noisy_landmarks": True,
        "depth": False,
    }
    return ObservationSource(**values | changes)


def rows_of(path, network, numbers):
    rows = ObservationRows(source_of(path, network)).rows([np.random.default_rng(n) for n in numbers])
    return {name: torch.as_tensor(values) for name, values in rows.items()}


def test_what_is_kept_of_a_crop_lies_where_its_labels_have_it(observed, network):
    assert len(ObservationRows(source_of(observed, network))) == 20
    batch = rows_of(observed, network, [0, 0, 5])
    expected = projected(network.table()(batch["alpha"]).chosen, batch["pose"])[..., :2]
    away = SIZE * (batch["points"] - expected).norm(dim=2)[batch["valid"] > 0]
    assert float(away.median()) < 0.7  # px
    there = batch["path_valid"] > 0
    expected = projected(network.skin(batch["alpha"], batch["path_vertex"][0]), batch["pose"])[0, :, :2]
    assert float((SIZE * (batch["path_points"][0] - expected).norm(dim=1))[there[0]].median()) < 0.7


def test_true_maps_of_mirrored_and_turned_crops_have_vertices_where_the_true_pose_has_them(config, network):
    arrays = arrays_of(
        CPRFA.source(config).sampler(validation=False).rows([np.random.default_rng(k) for k in range(4)])
    )
    for row in range(4):
        maps = arrays["code"][row], arrays["face_mask"][row]
        seen = retrieve(*maps, network.codes, retrieval_of(network.config))
        pose, alpha = (torch.as_tensor(v)[None].float() for v in true_pose(network, arrays, row))
        expected = projected(network.skin(alpha, torch.arange(len(network.codes))), pose)[0, :, :2].numpy()
        away = SIZE * np.linalg.norm(unit_from_crop(seen.points_crop, SIZE) - expected, axis=1)
        assert seen.detected.mean() > 0.1
        assert np.nanmedian(away) < 0.5, row


def test_observations_that_were_broken_off_go_on_and_stay_the_same(
    network, config, observed, tmp_path, monkeypatch
):
    monkeypatch.setattr("lineament.train.cprfa.observations.PART_BATCHES", 1)
    source, again = StraightCrops(CPRFA.source(config)), tmp_path / "again"
    done = [
        write_observations(again, network, source, TWENTY, seed=1, detector=None, device=CPU, until=0.0)
        for _ in range(2)
    ]
    assert done == [False, True]
    assert len(list(again.iterdir())) == 2
    whole, parts = (ObservationRows(source_of(path, network)) for path in (observed, again))
    for number in range(20):
        np.testing.assert_array_equal(whole.face(number).points, parts.face(number).points)
        np.testing.assert_array_equal(whole.face(number).pose, parts.face(number).pose)


def test_observations_that_are_missing_or_damaged_are_named(network, tmp_path):
    with pytest.raises(DataError, match="holds no observations"):
        ObservationRows(source_of(tmp_path, network))
    (tmp_path / "0000.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"0000\.npz cannot be read"):
        ObservationRows(source_of(tmp_path, network))


def test_samples_without_coefficients_teach_no_updates(network, config, tmp_path):
    shards = ShardFolder(tmp_path / "points", Recipe("points", "none", 0, "test", "lfm"))
    made = [annotated_sample(size=96)]
    shards.add(write_shard(tmp_path / "points", "points_00000", made, shards.recipe.storage))
    source = replace(CPRFA.source(config), folders=Folders((str(tmp_path / "points"),)), targets=None)
    few = ObserveConfig(crops=2, landmarks="")
    with pytest.raises(DataError, match="nothing can be learned of updates"):
        write_observations(tmp_path / "o", network, source, few, seed=1, detector=None, device=CPU)


def descent(network, steps, rate, terms_of):
    """The terms of so many steps."""
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=rate)
    history = []
    for _ in range(steps):
        terms = terms_of()
        optimiser.zero_grad()
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimiser.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
    return history


def test_every_term_of_the_maps_goes_down_on_sixteen_faces(config, crops, lfm):
    torch.manual_seed(0)
    learner, loss = new_network(config, lfm).train(), MapLoss(config.loss)
    batch = {name: torch.as_tensor(values) for name, values in crops.items()}
    pictures, truth = crops_as_input(batch["crop"]), LabelBatch.of(batch)
    assert len(pictures) == 16
    history = descent(learner, 15, 5e-3, lambda: loss(learner(pictures), truth))
    for name, first in history[0].items():
        assert history[-1][name] < 0.8 * first, (name, first, history[-1][name])


@pytest.mark.parametrize("part", [1, 2])
def test_every_term_of_a_round_goes_down_on_sixteen_faces(observed, network, config, lfm, part):
    torch.manual_seed(2)
    learner = new_network(config, lfm)
    learner.chosen.copy_(network.chosen)
    learner.only(part)
    batch = rows_of(observed, network, range(16))
    loss = UpdateLoss(replace(config.update_loss, sampled=256), learner)
    history = descent(learner.train(), 12, 2e-3, lambda: loss(learner(observations_of(batch)), batch))
    names = ("loss", "pose", "vertices", "alpha") if part == 1 else ("loss", "pose", "vertices")
    for name in names:
        assert history[-1][name] < 0.95 * history[0][name], (name, history[0][name], history[-1][name])


def test_the_loss_of_all_stages_is_that_of_each_by_itself_of_which_an_earlier_one_counts_half(
    observed, network, config
):
    batch = rows_of(observed, network, range(4))
    loss, rng = UpdateLoss(replace(config.update_loss, sampled=64), network), torch.Generator().manual_seed(0)
    poses = [batch["pose"] + 0.1 * torch.randn(4, 6, generator=rng) for _ in range(2)]
    alphas = [batch["alpha"] + torch.randn(batch["alpha"].shape, generator=rng) for _ in range(2)]

    def terms(stages):
        torch.manual_seed(5)  # of the vertices that are compared
        return loss(Updated([[poses[k] for k in stages]], [[alphas[k] for k in stages]]), batch)

    first, second, both = terms([0]), terms([1]), terms([0, 1])
    for name, value in both.items():
        torch.testing.assert_close(value, 0.5 * first[name] + second[name])


def test_three_stages_of_a_run_follow_each_other(runs):
    assert sorted(path.name for path in runs.iterdir()) == sorted(STAGES)
    for stage in STAGES:
        figures = json.loads((runs / stage / "figures.json").read_text())
        wanted = {"nme_percent", "least_squares_nme_percent", "detected_adr_visible_chosen"}
        assert wanted <= set(figures)
        assert ("cpr_nme_percent" in figures) == (stage != "maps")
        assert np.isfinite(list(figures.values())).all()
    maps, first, second = (CPRFA.trained(runs / stage) for stage in STAGES)
    assert [int(each.trained_rounds) for each in (maps, first, second)] == [0, 1, 2]
    for name, value in second.maps.state_dict().items():
        np.testing.assert_array_equal(value, maps.maps.state_dict()[name])
    for name, value in second.rounds[0].state_dict().items():
        np.testing.assert_array_equal(value, first.rounds[0].state_dict()[name])
    np.testing.assert_array_equal(second.chosen, first.chosen)
    assert len(set(first.chosen.tolist())) == first.config.cpr.vertices
    data = json.loads((runs / "round_2" / "data.json").read_text())
    assert data["start"]["weights"] == str(runs / "round_1")


def state_of(run):
    return torch.load(run / CHECKPOINT, weights_only=True)


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_broken_off_goes_on_exactly(folder, runs, tmp_path, stage):
    before = {"maps": "", "round_1": str(runs / "maps"), "round_2": str(runs / "round_1")}[stage]
    config = replace(tiny_config(folder, stage=stage, steps=2, start=before), validation_crops=2)
    CPRFA.train(config, tmp_path / "straight")
    for step in (1, 2):
        CPRFA.train(config, tmp_path / "broken", seconds=0.0)
        assert state_of(tmp_path / "broken")["step"] == step
    straight, broken = (state_of(tmp_path / name) for name in ("straight", "broken"))
    for part in ("network", "average"):
        for name, value in straight[part].items():
            np.testing.assert_array_equal(value, broken[part][name], err_msg=name)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("straight", "broken")]
    losses = [[json.loads(line).get("loss") for line in lines] for lines in logs]
    assert [x for x in losses[0] if x is not None] == [x for x in losses[1] if x is not None]


def test_all_stages_stop_when_the_time_is_up_and_go_on(folder, runs, tmp_path):
    config = replace(tiny_config(folder, steps=1), stage="all", validation_crops=2)
    for stage in STAGES:
        CPRFA.train(config, tmp_path / "all", seconds=0.0)
        assert (tmp_path / "all" / stage / "figures.json").exists()
    straight, broken = (state_of(path / "round_2")["average"] for path in (runs, tmp_path / "all"))
    for name, value in straight.items():
        np.testing.assert_array_equal(value, broken[name], err_msg=name)


def test_a_round_begins_with_the_stage_before(folder, runs, tmp_path):
    config = tiny_config(folder, stage="round_2", start=str(runs / "maps"))
    with pytest.raises(ConfigError, match="train the stage before"):
        CPRFA.train(config, tmp_path / "wrong")
    with pytest.raises(DataError, match="no run folder"):
        CPRFA.train(replace(config, start=str(tmp_path)), tmp_path / "wrong")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "round_1"}, "set start"),
        ({"stage": "finish"}, "stage is"),
        (
            {
                "stage": "round_2",
                "start": "x",
                "network": ONE_ROUND,
            },
            "rounds is 1",
        ),
        ({"network": replace(tiny(), crop_margin=1.7)}, "crop_margin"),
    ],
)
def test_stages_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(tiny_config("x"), **changes)


def test_a_model_with_too_few_modes_is_refused(tiny_model):
    with pytest.raises(ConfigError, match=r"set network\.identity"):
        new_network(tiny_config("x"), tiny_model)


def test_maps_begin_with_the_regressors_weights_and_refuse_what_cannot(folder, lfm):
    config = tiny_config(folder, start="fast")
    with pytest.raises(ConfigError, match=r'only maps with network\.unet\.encoder = "residual"'):
        prepare(new_network(config, lfm), config, CPRFA.source(config))
    config = replace(
        config,
        network=COMPACT,
        augment=replace(config.augment, crop_size=112, crop_margin=COMPACT.crop_margin),
    )
    network = new_network(config, lfm)
    prepare(network, config, CPRFA.source(config))
    crop = arrays_of(CPRFA.source(config).sampler(validation=False).plain_batch(np.arange(2)))["crop"]
    with torch.no_grad():
        vector = network.eval().maps.encoder.levels(crops_as_input(torch.as_tensor(crop)))[-1].numpy()
    fast = ExportedNetwork.read("fast")
    weight, bias = fast.layers["heads"]
    first, count = POSE_NUMBERS, len(fast.statistics["identity_mean"])
    numbers = (vector @ weight.T + bias)[:, first : first + count]
    found = fast.statistics["identity_mean"] + fast.statistics["identity_std"] * numbers
    expected = Bundle.open("fast").network("network", threads=1)(crop=crop)["identity"]
    # What lies between the layers is in int8 in the graph.
    assert np.abs(found - expected).mean() < 0.2 * np.abs(expected).mean()


def test_maps_and_rounds_begin_with_the_maps_of_weights_of_cprfa(folder, lfm, tmp_path):
    config = replace(
        tiny_config(folder),
        network=COMPACT,
        augment=replace(tiny_config(folder).augment, crop_size=112, crop_margin=COMPACT.crop_margin),
        reference_crops=4,
    )
    taught = new_network(config, lfm).eval()
    for module in taught.maps.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    weights = exported(EXPORTER, taught, tmp_path / "taught.lineament", half=False)
    source = CPRFA.source(config)
    plain = source.sampler(validation=False).plain_batch(np.arange(3))
    crop = crops_as_input(torch.as_tensor(arrays_of(plain)["crop"]))
    for stage in ("maps", "round_1"):
        own = replace(config, start=str(weights), stage=stage)
        network = new_network(own, lfm)
        prepare(network, own, source)
        with torch.no_grad():
            found, expected = (one.eval().maps(crop)[-1].code for one in (network, taught))
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    smaller = replace(own, network=replace(COMPACT, crop_size=96), augment=replace(own.augment, crop_size=96))
    network = new_network(smaller, lfm)
    with pytest.raises(ConfigError, match=r"set network\.crop_size"):
        prepare(network, smaller, source)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*cprfa_*.toml")), ids=lambda path: path.stem)
def test_configurations_that_ship_are_of_the_presets(path):
    config = read_config(path, CprfaTrainConfig)
    # Which of the layers that a run begins with stay as they are is not the preset's to say.
    thawed = replace(config.network, unet=replace(config.network.unet, frozen=0))
    preset = PRESETS["paper" if "paper" in path.stem else "compact"]
    # The rounds that were trained at home are of half as many vertices.
    side = 64 if path.stem == "cprfa_rounds" else preset.cpr.side
    assert thawed == replace(preset, cpr=replace(preset.cpr, side=side))
    stages = {"maps": "maps", "1": "round_1", "2": "round_2", "rounds": "round_1"}
    assert config.stage == stages.get(path.stem.rpartition("_")[2], "all")
    assert config.round_loop.max_grad_norm == 1
