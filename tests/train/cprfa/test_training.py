import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.draw import draw_overlay
from lineament.errors import ConfigError, WeightsError
from lineament.methods.cprfa import Cprfa
from lineament.methods.cprfa_face import CprfaResult
from lineament.methods.predictor import Predictor
from lineament.train.batches.alignment_figures import CropLandmarks, landmark_errors
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of
from lineament.train.cprfa.corruption import NOTHING
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.loss import UpdateLoss
from lineament.train.cprfa.method import CPRFA
from lineament.train.cprfa.observations import (
    ObservationRows,
    ObservationSource,
    ObserveConfig,
    observations_of,
    write_observations,
)
from lineament.train.cprfa.training import Estimator, choose, new_network, path_count
from lineament.train.networks.cprfa.config import tiny
from tests.train.cprfa.setups import painted_network, tiny_config
from tests.train.dsfnet.painted import painted_folder
from tests.train.exports import exported

COUNT, SIZE = 8, 64
ONE_ROUND = replace(tiny(), updates=replace(tiny().updates, rounds=1))
BOX = CropBox(center_xy=(SIZE / 2, SIZE / 2), side=float(SIZE), size=SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return painted_folder(tmp_path_factory.mktemp("painted"), COUNT)


@pytest.fixture(scope="module")
def config(folder):
    return tiny_config(folder)


@pytest.fixture(scope="module")
def network(config, lfm):
    """Perfect maps, chosen vertices, and updates that somebody has moved off zero."""
    made = painted_network(config, lfm)
    choose(made, CPRFA.source(config).sampler(validation=True), 2)
    torch.manual_seed(1)
    for name, value in made.named_parameters():
        if ".out." in name:
            torch.nn.init.normal_(value, std=0.02)
    made.trained_rounds.fill_(2)
    return made.eval()


@pytest.fixture(scope="module")
def crops(config):
    """All crops for training, undisturbed, with labels."""
    sampler = replace(CPRFA.source(config), targets=None).sampler(validation=False)
    return arrays_of(sampler.plain_batch(np.arange(COUNT)))


@pytest.fixture(scope="module")
def true_landmarks(crops, lfm):
    truth = LabelBatch.of({name: torch.as_tensor(value) for name, value in crops.items()})
    return CropLandmarks(lfm)(truth.face)[..., :2]


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "cprfa.lineament"
    return exported(EXPORTER, network, path, margin=1.5)


@pytest.fixture(scope="module")
def method(weights):
    return Cprfa.from_bundle(Bundle.open(weights), threads=1)


def test_the_simple_fits_find_faces_by_exact_maps(network, crops, true_landmarks, lfm):
    found = Estimator(network, lfm)(torch.as_tensor(crops["crop"]))
    errors = {
        name: float(landmark_errors(points, true_landmarks).mean()) for name, points in found.others.items()
    }
    assert errors["least_squares"] < 2.5, errors
    assert errors["least_squares"] < errors["pnp"] < 9, errors


def test_the_exported_graphs_say_what_torch_says(method, network, crops, lfm):
    alone = method.changed(solver="cpr", fusion=False)
    found = alone.estimate(crops["crop"][:3], [BOX] * 3)
    expected = Estimator(network, lfm)(torch.as_tensor(crops["crop"][:3])).others["cpr"].numpy()
    apart = np.stack([each.landmarks_image[:, :2] for each in found]) - expected
    # The line search looks at other vertices here than there.
    assert np.abs(apart).max() < 1.0
    one = method.changed(solver="cpr", fusion=False, rounds=1).estimate(crops["crop"][:1], [BOX])
    assert np.abs(one[0].landmarks_image - found[0].landmarks_image).max() > 1e-3


def test_all_rows_give_faces(method, crops):
    rows = method.rows()
    assert list(rows) == [
        "detector",
        "pnp of landmarks",
        "pnp",
        "least squares",
        "least squares, fused",
        "cpr, one round",
        "cpr-h",
        "two rounds without capu",
        "cprfa",
    ]
    for name, row in rows.items():
        for face in row.estimate(crops["crop"][:2], [BOX] * 2):
            assert np.isfinite(face.landmarks_image).all(), name


def test_a_face_knows_its_pixels_its_vertices_and_what_hides_it(method, crops):
    faces = Predictor(method.changed(fusion=False)).predict(crops["crop"][1], [BOX])
    (face,) = faces
    assert isinstance(face, CprfaResult)
    assert face.reliable
    assert face.solver == "least_squares"
    found = face.correspondence
    assert found.code.shape == (SIZE, SIZE, 3)
    shown = found.vertex >= 0
    assert 300 < shown.sum() <= (found.mask > 0.5).sum()
    row, column = np.nonzero(shown)
    where = face.vertices_image[found.vertex[row, column], :2]
    assert np.median(np.linalg.norm(where - np.stack([column, row], axis=1) - 0.5, axis=1)) < 2
    detected = face.detected
    assert 500 < detected.sum() < 8683
    away = np.linalg.norm(face.detected_image[detected] - face.vertices_image[detected, :2], axis=1)
    assert np.median(away) < 1.5
    assert (face.visibility[detected] == 1).all()
    dark = crops["crop"][1].max(axis=2) < 40
    places = np.clip(face.vertices_image[:8683, :2], 0, SIZE - 1).astype(int)
    hidden = dark[places[:, 1], places[:, 0]]
    assert face.visibility[:8683][hidden].mean() < 0.25
    drawn = draw_overlay(crops["crop"][1], faces, layers="correspondence", opacity=1.0)
    assert (drawn != crops["crop"][1]).any()
    assert not face.without_values().is_finite


def test_where_nothing_is_detected_the_face_is_where_the_crop_is_and_says_so(method):
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    for solver in ("cpr", "least_squares", "pnp"):
        (face,) = method.changed(solver=solver, fusion=False).estimate(grey, [BOX])
        assert not face.reliable
        np.testing.assert_allclose(face.camera.rotation, np.eye(3))
        assert np.isfinite(face.landmarks_image).all()


def test_landmarks_of_the_users_own_help_where_little_is_seen(method, crops, true_landmarks):
    crop = crops["crop"][:1].copy()
    crop[:, SIZE // 2 - 6 :] = 128  # the lower half is hidden
    points = true_landmarks[:1].numpy()
    errors = []
    for each in (method.changed(fusion=False), method.with_landmarks(points)):
        (face,) = each.estimate(crop, [BOX])
        found = torch.as_tensor(face.landmarks_image[None, :, :2])
        errors.append(float(landmark_errors(found, true_landmarks[:1])[0]))
    assert errors[1] < errors[0], errors
    far = method.with_landmarks(points + 900)
    assert np.isnan(far.landmarks(crop, [BOX])).all()
    with pytest.raises(ConfigError, match="68"):
        method.with_landmarks(np.zeros((3, 5, 2)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solver": "magic"}, "solver"),
        ({"rounds": 3}, "rounds"),
        ({"fusoin": True}, "Switches"),
        ({"fusion": False, "vertices": False}, "Neither"),
    ],
)
def test_switches_that_do_not_exist_are_refused(method, changes, message):
    with pytest.raises(ConfigError, match=message):
        method.changed(**changes)


def test_weights_without_rounds_or_constants_say_so(weights, tmp_path):
    bundle = Bundle.open(weights)
    graphs = {"maps": bundle.graph("maps")}
    path = Bundle.write(
        tmp_path / "maps.lineament", bundle.manifest, graphs=graphs, arrays={"constants": bundle.arrays()}
    )
    method = Cprfa.from_bundle(Bundle.open(path), threads=1)
    assert "cprfa" not in method.rows()
    with pytest.raises(ConfigError, match="no update networks"):
        method.changed(solver="cpr")
    arrays = {name: value for name, value in bundle.arrays().items() if name != "kappa"}
    path = Bundle.write(
        tmp_path / "less.lineament", bundle.manifest, graphs=graphs, arrays={"constants": arrays}
    )
    with pytest.raises(WeightsError, match="lacks a constant"):
        Cprfa.from_bundle(Bundle.open(path), threads=1)


def test_an_aligner_takes_the_weights(weights, crops):
    aligner = FaceAligner.from_pretrained(weights, threads=1)
    (face,) = aligner(crops["crop"][0], boxes=[[12.0, 12.0, 52.0, 52.0]])
    assert isinstance(face, CprfaResult)


@pytest.fixture(scope="module")
def observed(network, config, tmp_path_factory):
    path = tmp_path_factory.mktemp("observed") / "observations.npz"
    sampler = replace(CPRFA.source(config), targets=None).sampler(validation=False)
    write_observations(
        path,
        network,
        sampler,
        ObserveConfig(crops=20, landmarks=""),
        seed=1,
        detector=None,
        device=torch.device("cpu"),
    )
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


def test_what_is_kept_of_a_crop_lies_where_its_labels_have_it(observed, network):
    rows = ObservationRows(source_of(observed, network))
    assert len(rows) == 20
    batch = {name: torch.as_tensor(v) for name, v in rows.rows([np.random.default_rng(0)] * 2).items()}
    from lineament.train.networks.cprfa.rounds import projected

    expected = projected(network.table()(batch["alpha"]).chosen, batch["pose"])[..., :2]
    away = SIZE * (batch["points"] - expected).norm(dim=2)[batch["valid"] > 0]
    assert float(away.median()) < 0.7  # px
    there = batch["path_valid"] > 0
    expected = projected(network.skin(batch["alpha"], batch["path_vertex"][0]), batch["pose"])[0, :, :2]
    assert float((SIZE * (batch["path_points"][0] - expected).norm(dim=1))[there[0]].median()) < 0.7


@pytest.mark.parametrize("part", [1, 2])
def test_every_term_of_a_round_goes_down(observed, network, lfm, part):
    torch.manual_seed(2)
    learner = new_network(replace(tiny_config("x"), stage="maps"), lfm)
    learner.chosen.copy_(network.chosen)
    learner.only(part)
    rows = ObservationRows(source_of(observed, network))
    batch = {
        name: torch.as_tensor(values)
        for name, values in rows.rows([np.random.default_rng(row) for row in range(6)]).items()
    }
    loss = UpdateLoss(replace(tiny_config("x").update_loss, sampled=256), learner)
    optimiser = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], lr=2e-3)
    history = []
    for _ in range(12):
        terms = loss(learner.train()(observations_of(batch)), batch)
        optimiser.zero_grad()
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1)
        optimiser.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
    names = ("loss", "pose", "vertices", "alpha") if part == 1 else ("loss", "pose", "vertices")
    for name in names:
        assert history[-1][name] < 0.95 * history[0][name], (name, history[0][name], history[-1][name])


def test_three_stages_of_a_run_follow_each_other(folder, tmp_path):
    start = ""
    for stage in ("maps", "round_1", "round_2"):
        config = tiny_config(folder, stage=stage, steps=1, start=start)
        config = replace(config, observe=ObserveConfig(crops=8, landmarks=""))
        CPRFA.train(config, tmp_path / stage)
        figures = json.loads((tmp_path / stage / "figures.json").read_text())
        assert {"nme_percent", "least_squares_nme_percent", "detected_adr_visible_chosen"} <= set(figures)
        assert np.isfinite(list(figures.values())).all()
        start = str(tmp_path / stage)
    trained = CPRFA.trained(tmp_path / "round_2")
    assert int(trained.trained_rounds) == 2
    before = CPRFA.trained(tmp_path / "round_1")
    for name, value in trained.maps.state_dict().items():
        np.testing.assert_array_equal(value, before.maps.state_dict()[name])
    np.testing.assert_array_equal(trained.chosen, before.chosen)
    with pytest.raises(ConfigError, match="train the stage before"):
        CPRFA.train(tiny_config(folder, stage="round_2", start=str(tmp_path / "maps")), tmp_path / "wrong")


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
