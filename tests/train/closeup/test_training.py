import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament import FaceAligner
from lineament.bundle import Bundle
from lineament.config_file import read_config
from lineament.data.fitting.closeups import close_up_table
from lineament.errors import ConfigError, WeightsError
from lineament.image import read_image
from lineament.methods import CloseUpRegressor
from lineament.methods.pretrained import open_method
from lineament.train.batches.crop_run import about_start
from lineament.train.batches.device_close_ups import DeviceCloseUps
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_views import read_views
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import CropSource, Folders, StepBatches, crops_as_input
from lineament.train.closeup.loss import CloseUpLossConfig
from lineament.train.closeup.method import CLOSEUP, EXPORTER, INT8_TOLERANCE
from lineament.train.closeup.targets import KEYS, POINTS, SHOWN, CloseUpTargets
from lineament.train.closeup.training import (
    CLOSE_UP_AUGMENT,
    CloseUpTrainConfig,
    loss_of,
    new_network,
    prepare,
)
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.closeup import CloseUpConfig
from samples import make_sample
from shared import ROOT
from tests.train.exports import exported
from tools import close_up_weights

CONFIGS = ROOT / "docs" / "runs" / "configs"
SMALL = CloseUpConfig(stem=8, stages=(8, 8, 16), blocks=(1, 1, 1), squeeze=8, hidden=32)
PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"


def config_of(part, samples):
    return CloseUpTrainConfig(
        network=replace(SMALL, part=part),
        augment=replace(CLOSE_UP_AUGMENT, close_up=part),
        data=Folders((samples,)),
        loop=LoopConfig(steps=8, batch=8),
        workers=0,
        validation_crops=4,
    )


@pytest.mark.parametrize("part", ["eye", "mouth"])
def test_a_network_learns_eight_close_ups_and_is_exported_as_it_is(lfm, samples, part, tmp_path):
    config = config_of(part, samples)
    torch.manual_seed(0)
    network = new_network(config, lfm)
    source = CLOSEUP.source(config)
    prepare(network, config, source)
    assert 0.02 < float(network.point_std) < 0.5
    batch = {name: torch.as_tensor(values) for name, values in StepBatches(source, config.loop, 0)[0].items()}
    truth, loss = LabelBatch.of(batch), loss_of(config, network, lfm)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    terms = []
    for _ in range(60):
        found = loss(network(crops_as_input(batch["crop"])), truth)
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        terms.append(float(found["points"].detach()))
    assert terms[-1] < 0.5 * terms[0]
    path = exported(EXPORTER, network, tmp_path / f"{part}.lineament", half=False)
    said = Bundle.open(path).network(threads=1)(crop=batch["crop"].numpy())
    with torch.inference_mode():
        wanted = network.eval()(crops_as_input(batch["crop"]))
    np.testing.assert_allclose(said["points"], wanted.points, atol=1e-4)
    np.testing.assert_allclose(said["keys"], wanted.keys, atol=1e-3)


@pytest.mark.parametrize("part", ["eye", "mouth"])
@pytest.mark.parametrize("start", ["lfm-regressor", "lfm-regressor-open"])
def test_a_run_goes_on_from_the_close_ups_of_the_package(lfm, samples, part, start):
    config = replace(config_of(part, samples), network=CloseUpConfig(part=part), start=start)
    network = new_network(config, lfm)
    source = CLOSEUP.source(config)
    prepare(network, config, source)
    crops = StepBatches(source, config.loop, 0)[0]["crop"]
    bundle = Bundle.open(start)
    said = bundle.network(part, threads=1)(crop=crops)
    with torch.inference_mode():
        found = network.eval()(crops_as_input(torch.as_tensor(crops)))
    if "precision" in bundle.manifest.trained[part]:
        # Its activations have eight bits; those of the network that goes on have not.
        apart = {name: np.abs(getattr(found, name).numpy() - said[name]) for name in ("points", "keys")}
        assert apart["points"].mean() < INT8_TOLERANCE["points"]
        assert apart["keys"].mean() < INT8_TOLERANCE["keys"]
        return
    np.testing.assert_allclose(found.points, said["points"], atol=2e-3)
    np.testing.assert_allclose(found.keys, said["keys"], atol=2e-2)


def test_a_run_says_which_part_of_the_weights_it_began_with():
    config = CloseUpTrainConfig(start="lfm-regressor")
    manifest = Bundle.open("lfm-regressor").manifest
    start = about_start(config.start, config.start_graphs)
    assert start["sha256"] == manifest.graphs["eye"].sha256
    assert start["trained_on"] == manifest.data_of("eye")


def test_a_close_up_of_another_size_is_no_start(lfm, samples):
    config = replace(config_of("eye", samples), start="lfm-regressor")
    with pytest.raises(ConfigError, match=r"features\.0"):
        prepare(new_network(config, lfm), config, CLOSEUP.source(config))


def test_targets_are_where_the_labels_have_the_part(lfm):
    sample = make_sample(yaw=0.3)
    for part in ("eye", "mouth"):
        made = CloseUpTargets(part, 64).open(lfm).make(sample.labels, 128)
        assert made[POINTS].shape[1:] == (2,)
        assert np.abs(made[POINTS]).max() < 0.5  # the face is in the picture
        assert made[SHOWN] == 1
        nothing = (
            CloseUpTargets(part, 64)
            .open(lfm)
            .make(replace(sample.labels, identity=None, expression=None), 128)
        )
        assert {name: values.shape for name, values in nothing.items()} == {
            name: values.shape for name, values in made.items()
        }
        assert not nothing[SHOWN]
    away = make_sample(yaw=1.5)
    shown = [
        float(CloseUpTargets("eye", 64).open(lfm).make(labels, 128)[SHOWN])
        for labels in (away.labels, away.mirrored(lfm).labels)
    ]
    assert sorted(shown) == [0, 1]


def test_keys_of_photographs_count_only_where_fits_are_believed_in(lfm, samples):
    config = config_of("eye", samples)
    network = new_network(config, lfm)
    source = CropSource(config.data, config.augment, targets=CloseUpTargets("eye", 64))
    arrays = StepBatches(source, config.loop, 0)[0]
    truth = LabelBatch.of({name: torch.as_tensor(values) for name, values in arrays.items()})
    exact = replace(truth, is_rendered=torch.ones_like(truth.is_rendered))
    found = network.eval()(crops_as_input(torch.as_tensor(arrays["crop"])))
    believed = replace(found, keys=truth.targets[KEYS].clone())
    believed.keys[:, 1:] += 1  # all but the blink
    loss = loss_of(config, network, lfm)
    assert float(loss(believed, truth)["keys"]) == 0
    assert float(loss(believed, exact)["keys"]) > 1


def test_keys_that_others_hide_can_count_more(lfm, samples):
    config = config_of("mouth", samples)
    network = new_network(config, lfm)
    source = CropSource(config.data, config.augment, targets=CloseUpTargets("mouth", 64))
    arrays = StepBatches(source, config.loop, 0)[0]
    truth = LabelBatch.of({name: torch.as_tensor(values) for name, values in arrays.items()})
    truth = replace(truth, is_rendered=torch.ones_like(truth.is_rendered))
    names = close_up_table("mouth").keys[0]
    found = network.eval()(crops_as_input(torch.as_tensor(arrays["crop"])))
    found = replace(found, keys=truth.targets[KEYS].clone())
    found.keys[:, names.index("mouthPressLeft")] += 0.2

    def keys_term(*hard_keys):
        loss = CloseUpLossConfig(hard=3.0, hard_keys=hard_keys)
        return float(loss_of(replace(config, loss=loss), network, lfm)(found, truth)["keys"])

    assert keys_term("mouthPress") == pytest.approx(3 * keys_term())
    assert keys_term("jaw") == pytest.approx(keys_term())


def test_irises_can_count_more_than_other_points(lfm, samples):
    config = config_of("eye", samples)
    network = new_network(config, lfm)
    source = CropSource(config.data, config.augment, targets=CloseUpTargets("eye", 64))
    arrays = StepBatches(source, config.loop, 0)[0]
    truth = LabelBatch.of({name: torch.as_tensor(values) for name, values in arrays.items()})
    found = network.eval()(crops_as_input(torch.as_tensor(arrays["crop"])))
    iris = int(np.flatnonzero(close_up_table("eye").of(lfm)[0].turns.any(axis=(0, 2)))[0])

    def points_term(irises, point):
        off = replace(found, points=truth.targets[POINTS].clone())
        off.points[:, point] += 0.1
        return float(
            loss_of(replace(config, loss=CloseUpLossConfig(irises=irises)), network, lfm)(off, truth)[
                "points"
            ]
        )

    assert points_term(8.0, iris) > 6 * points_term(1.0, iris)
    assert points_term(8.0, iris + 1) < 2 * points_term(1.0, iris + 1)


def mouths(lfm, samples):
    """A configuration, a new network, what it says of a batch, and the batch's labels."""
    config = config_of("mouth", samples)
    network = new_network(config, lfm)
    source = CropSource(config.data, config.augment, targets=CloseUpTargets("mouth", 64))
    arrays = StepBatches(source, config.loop, 0)[0]
    found = network.eval()(crops_as_input(torch.as_tensor(arrays["crop"])))
    truth = LabelBatch.of({name: torch.as_tensor(values) for name, values in arrays.items()})
    return config, network, found, truth


def test_raised_keys_of_photographs_can_count_more_too(lfm, samples):
    config, network, found, truth = mouths(lfm, samples)
    targets = {KEYS: torch.ones_like(found.keys)}
    truth = replace(truth, is_rendered=torch.zeros_like(truth.is_rendered), targets=truth.targets | targets)
    off = replace(found, keys=targets[KEYS] - 0.2)
    plain, more = (
        loss_of(replace(config, loss=CloseUpLossConfig(fitted_raised=f)), network, lfm)(off, truth)["keys"]
        for f in (0.0, 4.0)
    )
    assert float(more) == pytest.approx(5 * float(plain), rel=1e-4)


def test_photographs_and_edits_of_them_are_believed_in_keys_of_their_own(lfm, samples):
    config, network, found, truth = mouths(lfm, samples)
    truth = replace(truth, is_rendered=torch.zeros_like(truth.is_rendered))
    aside = close_up_table("mouth").keys[0].index("mouthLeft")
    off = replace(found, keys=truth.targets[KEYS].clone())
    off.keys[:, aside] += 0.2

    def keys_term(*, changed, **loss):
        labels = replace(truth, is_changed=torch.full_like(truth.is_changed, changed))
        return float(
            loss_of(replace(config, loss=CloseUpLossConfig(**loss)), network, lfm)(off, labels)["keys"]
        )

    apart = {"fitted_keys": ("jawOpen",), "changed_keys": ("mouthLeft",)}
    assert keys_term(changed=False, **apart) == pytest.approx(0, abs=1e-6)
    assert keys_term(changed=True, **apart) > 0.01
    assert keys_term(changed=True, fitted_keys=("jawOpen",)) == pytest.approx(0, abs=1e-6)


def test_the_difference_of_both_sides_can_count(lfm, samples):
    config, network, found, truth = mouths(lfm, samples)
    truth = replace(truth, is_rendered=torch.ones_like(truth.is_rendered))
    names = close_up_table("mouth").keys[0]
    left, right = names.index("mouthLeft"), names.index("mouthRight")

    def sides(of_left, of_right):
        keys = truth.targets[KEYS].clone()
        keys[:, left] += of_left
        keys[:, right] += of_right
        loss = loss_of(replace(config, loss=CloseUpLossConfig(sides=1.0)), network, lfm)
        return float(loss(replace(found, keys=keys), truth)["sides"])

    assert sides(0.2, 0.2) == pytest.approx(0, abs=1e-6)
    assert sides(0.2, -0.2) == pytest.approx(4 * sides(0.2, 0.0), rel=1e-3)
    eye = replace(config_of("eye", samples), loss=CloseUpLossConfig(sides=1.0))
    eyes = new_network(eye, lfm)
    with pytest.raises(ConfigError, match=r"none of .* has two sides"):
        loss_of(eye, eyes, lfm)


def test_raised_keys_of_rendered_faces_can_count_more_than_resting_ones(lfm, samples):
    config = config_of("mouth", samples)
    network = new_network(config, lfm)
    source = CropSource(config.data, config.augment, targets=CloseUpTargets("mouth", 64))
    arrays = StepBatches(source, config.loop, 0)[0]
    found = network.eval()(crops_as_input(torch.as_tensor(arrays["crop"])))

    def keys_term(raised, *, rendered=True, target=1.0):
        targets = {KEYS: torch.full_like(found.keys, target)}
        truth = LabelBatch.of({name: torch.as_tensor(values) for name, values in arrays.items()})
        truth = replace(
            truth,
            is_rendered=torch.full_like(truth.is_rendered, rendered),
            targets=truth.targets | targets,
        )
        off = replace(found, keys=targets[KEYS] - 0.2)
        return float(
            loss_of(replace(config, loss=CloseUpLossConfig(raised=raised)), network, lfm)(off, truth)["keys"]
        )

    assert keys_term(4.0) == pytest.approx(5 * keys_term(0.0), rel=1e-4)
    assert keys_term(4.0, target=0.0) == pytest.approx(keys_term(0.0), rel=1e-4)
    assert keys_term(4.0, rendered=False) == pytest.approx(keys_term(0.0, rendered=False), rel=1e-4)


def test_a_run_has_figures_of_its_own(lfm, samples, tmp_path):
    config = config_of("mouth", samples)
    run = CLOSEUP.train(config, tmp_path / "run")
    figures = CLOSEUP.figures(
        CLOSEUP.trained(run), CLOSEUP.source(config).sampler(validation=True), 4, torch.device("cpu")
    )
    assert 0 < figures["nme_percent"] < 100
    assert CLOSEUP.about(run).crop.size == 64


@pytest.mark.parametrize("part", ["eye", "mouth"])
def test_the_device_cuts_the_close_ups_that_worker_processes_cut(lfm, samples, part):
    folders, size = Folders((samples,)), 64
    targets = CloseUpTargets(part, size)
    steady = replace(CLOSE_UP_AUGMENT, close_up=part, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0)
    source = CropSource(folders, steady, targets=targets)
    numbers = np.arange(5)
    expected = source.sampler(validation=False).plain_batch(numbers)
    store, device = folders.opened(validation=False), torch.device("cpu")
    views = read_views(folders, device, lfm)
    crops = DeviceCloseUps(views, store.probabilities, store.counts, lfm, steady)
    for mirrored in (False, True):
        picture, labels = crops.cut(torch.tensor(numbers), torch.full((5,), mirrored), Draws(device, [0]))
        made = targets.on_device(lfm, device).make(labels, size)
        if mirrored:  # as a mirrored sample is cut
            maker, sampler = targets.open(lfm), source.sampler(validation=False)
            twins = [sampler.store.sample(int(number)).mirrored(lfm) for number in numbers]
            shown = [maker.make(twin.labels, size)[SHOWN] for twin in twins]
            np.testing.assert_array_equal(made[SHOWN], shown)
            keys = [maker.make(twin.labels, size)[KEYS] for twin in twins]
            np.testing.assert_allclose(made[KEYS], keys, atol=1e-6)
            continue
        assert np.abs(picture.permute(0, 2, 3, 1).numpy() - expected.crop).max() <= 1
        for name in (POINTS, KEYS, SHOWN):
            np.testing.assert_allclose(made[name], expected.targets[name], atol=2e-5)


def test_close_ups_of_mirrored_views_lie_where_their_points_say(lfm, samples):
    """The mean of a part's points is the middle of its close-up, whichever side is looked at."""
    folders, device = Folders((samples,)), torch.device("cpu")
    steady = replace(CLOSE_UP_AUGMENT, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0)
    store = folders.opened(validation=False)
    views = read_views(folders, device, lfm)
    crops = DeviceCloseUps(views, store.probabilities, store.counts, lfm, steady)
    _, labels = crops.cut(torch.arange(5), torch.ones(5, dtype=torch.bool), Draws(device, [0]))
    made = CloseUpTargets("eye", 64).on_device(lfm, device).make(labels, 64)
    np.testing.assert_allclose(made[POINTS].mean(1), 0, atol=1e-5)


def test_a_run_takes_its_close_ups_from_the_device(samples, tmp_path):
    run = CLOSEUP.train(replace(config_of("eye", samples), crops_by="device"), tmp_path / "run")
    [line] = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()][-1:]
    assert np.isfinite(line["nme_percent"])


def test_crops_of_another_part_are_refused():
    with pytest.raises(ConfigError, match="make them equal"):
        CloseUpTrainConfig(network=replace(SMALL, part="mouth"))


@pytest.mark.parametrize("name", ["eye", "mouth"])
def test_the_shipped_configurations_are_read(name):
    assert read_config(CONFIGS / f"train_{name}.toml", CloseUpTrainConfig).network.part == name


def test_weights_of_all_passes_are_joined_and_align_a_photograph(lfm, samples, tmp_path, monkeypatch):
    files = {}
    for part in ("eye", "mouth"):
        network = new_network(config_of(part, samples), lfm).eval()
        files[part] = exported(EXPORTER, network, tmp_path / f"{part}.lineament", half=False)
    out = tmp_path / "joined.lineament"
    arguments = [
        "--weights",
        "fast",
        "--faces",
        "6",
        "--samples",
        samples,
        "--out",
        str(out),
    ]
    for part, path in files.items():
        arguments += [f"--{part}", str(path)]
    monkeypatch.setattr("sys.argv", ["close_up_weights", *arguments])
    monkeypatch.setattr(close_up_weights, "noise_of", lambda errors, points: np.eye(len(errors[0][0])) * 1e4)
    close_up_weights.main()
    bundle = Bundle.open(out)
    method = open_method(bundle, threads=1)
    assert isinstance(method, CloseUpRegressor)
    assert bundle.manifest.detector == Bundle.open("fast").manifest.detector
    prior = bundle.arrays("network")["prior"]
    np.testing.assert_allclose(close_up_weights.symmetric(prior, lfm), prior, rtol=1e-4, atol=1e-7)
    image = read_image(PHOTO)
    (plain,), (refined,) = (FaceAligner.from_pretrained(w, threads=1)(image) for w in ("fast", str(out)))
    apart = np.linalg.norm((plain.landmarks_image - refined.landmarks_image)[:, :2], axis=1).mean()
    assert apart < 0.03 * np.ptp(plain.landmarks_image[:, 0])  # close-ups that know nothing move little
    assert refined.expression.min() >= 0
    faces = FaceAligner.from_pretrained(str(out), threads=1).align_given(image, [plain.detection])
    np.testing.assert_allclose(faces[0].landmarks_image, refined.landmarks_image, atol=0.5)


def test_tables_of_another_size_are_refused(lfm, samples, tmp_path):
    network = new_network(config_of("eye", samples), lfm).eval()
    eye = Bundle.open(exported(EXPORTER, network, tmp_path / "eye.lineament", half=False))
    fast = Bundle.open("fast")
    for prior in (np.eye(3), np.full((159, 159), np.nan)):
        path = Bundle.write(
            tmp_path / "wrong.lineament",
            replace(fast.manifest, method="close-up-regressor"),
            graphs={"network": fast.graph(), "eye": eye.graph()},
            arrays={
                "network": {"prior": prior},
                "eye": {**close_up_table("eye").arrays(), "noise": np.eye(65)},
            },
        )
        with pytest.raises(WeightsError, match="prior"):
            open_method(Bundle.open(path), threads=1)
    plain = Bundle.write(
        tmp_path / "none.lineament",
        replace(fast.manifest, method="close-up-regressor"),
        graphs={"network": fast.graph()},
    )
    with pytest.raises(WeightsError, match="no close-ups"):
        open_method(Bundle.open(plain), threads=1)


def test_half_of_a_run_lies_between_its_start_and_its_end(samples, tmp_path):
    config = replace(config_of("mouth", samples), network=CloseUpConfig(part="mouth"), start="lfm-regressor")
    run = CLOSEUP.train(config, tmp_path)
    begin, half, end = (CLOSEUP.interpolated(run, fraction).state_dict() for fraction in (0.0, 0.5, 1.0))
    for name in ("features.0.weight", "heads.weight"):
        torch.testing.assert_close(half[name], 0.5 * (begin[name] + end[name]))
        assert not torch.equal(begin[name], end[name])


def test_runs_that_go_on_from_each_other_lie_between_the_first_start_and_the_last_end(samples, tmp_path):
    config = replace(config_of("mouth", samples), network=CloseUpConfig(part="mouth"), start="lfm-regressor")
    first = CLOSEUP.train(config, tmp_path / "first")
    last = CLOSEUP.train(replace(config, start=str(first)), tmp_path / "last")
    begin, expected = (CLOSEUP.interpolated(run, 0.0).state_dict() for run in (last, first))
    torch.testing.assert_close(begin["heads.weight"], expected["heads.weight"])


def test_a_run_from_random_weights_has_no_start_to_go_back_to(samples, tmp_path):
    run = CLOSEUP.train(config_of("mouth", samples), tmp_path)
    with pytest.raises(ConfigError, match="nothing to interpolate"):
        CLOSEUP.interpolated(run, 0.5)
