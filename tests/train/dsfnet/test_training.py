import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import ConfigError, WeightsError
from lineament.image import read_image
from lineament.methods.dsfnet import DsfNet as DsfMethod
from lineament.methods.dsfnet_face import DsfResult
from lineament.methods.dsfnet_points import crop_from_cloud, draws
from lineament.methods.predictor import Predictor
from lineament.train.batches.alignment_figures import CropLandmarks, landmark_errors
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of, crops_as_input
from lineament.train.dsfnet.method import DSFNET, SHARED, VARIANTS
from lineament.train.dsfnet.targets import DsfTargets
from lineament.train.dsfnet.training import DsfTrainConfig, estimate, loss_of, new_network, prepare
from lineament.train.networks.dsfnet.config import COMPACT, AlignConfig, FusionConfig, PointsConfig, tiny
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.regressor.export import EXPORTER as REGRESSOR_EXPORTER
from lineament.train.runs.ablation import AblationTable, TablePlan, ablate
from lineament.train.runs.method import changed
from shared import ROOT
from tests.train.dsfnet.painted import painted_folder
from tests.train.dsfnet.setups import tiny_config
from tests.train.exports import exported

PHOTO = sorted((ROOT / "demo" / "photos").glob("*.jpg"))[0]
COUNT = 8
MAPS = ("correspondence", "depth", "segmentation", "confidence")
TERMS = (
    "ms_identity",
    "ms_expression",
    "ms_pose",
    *MAPS,
    "is_identity",
    "is_expression",
    "cons",
    "offset",
    "position",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return painted_folder(tmp_path_factory.mktemp("painted"), COUNT)


def crops_of(config):
    """All crops for training, undisturbed, with labels and targets."""
    arrays = arrays_of(DSFNET.source(config).sampler(validation=False).plain_batch(np.arange(COUNT)))
    return {name: torch.as_tensor(array) for name, array in arrays.items()}


def trained(config, model, *, steps, rate=5e-3):
    """A network after so many steps on all crops, and the terms on the way."""
    torch.manual_seed(1)
    network = new_network(config, model)
    prepare(network, config, DSFNET.source(config))
    batch = crops_of(config)
    truth, crops = LabelBatch.of(batch), crops_as_input(batch["crop"])
    loss = loss_of(config, network, model)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    history = []
    for step in range(steps):
        torch.manual_seed(step)
        terms = loss(network.train()(crops), truth)
        optimiser.zero_grad()
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimiser.step()
        schedule.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
    return network.eval(), history


@pytest.fixture(scope="module")
def learned(folder, lfm):
    """A network that has seen eight painted faces until it knows them, and its terms."""
    return trained(tiny_config(folder), lfm, steps=STEPS)


STEPS = 200


@pytest.fixture(scope="module")
def weights(learned, tmp_path_factory):
    return exported(DSFNET.exporter, learned[0], tmp_path_factory.mktemp("weights") / "dsf.lineament")


def test_every_term_goes_down(learned):
    _, history = learned
    first, last = history[0], [np.mean([terms[name] for terms in history[-5:]]) for name in TERMS]
    for name, value in zip(TERMS, last, strict=True):
        assert value < 0.85 * first[name], (name, first[name], value)


def test_it_learns_a_few_faces_by_heart(learned, folder, lfm):
    network, _ = learned
    batch = crops_of(tiny_config(folder))
    landmarks = CropLandmarks(lfm)
    true = landmarks(LabelBatch.of(batch).face)
    with torch.no_grad():
        output = network(crops_as_input(batch["crop"]))
        found = estimate(network, output, landmarks)
    assert output.image.reliable.all()
    errors = {
        name: float(landmark_errors(x[..., :2], true[..., :2]).mean()) for name, x in found.others.items()
    }
    assert errors["f"] < 5, errors
    assert errors["is"] < 5, errors
    assert errors["ms"] < 6, errors
    seen = batch["face_mask"]
    overlap = ((output.maps.segmentation > 0) & seen).sum() / ((output.maps.segmentation > 0) | seen).sum()
    assert overlap > 0.85


def test_a_run_has_the_figures_of_every_branch(folder, tmp_path):
    DSFNET.train(tiny_config(folder), tmp_path / "run")
    figures = json.loads((tmp_path / "run" / "figures.json").read_text())
    assert {"nme_percent", "ms_nme_percent", "is_nme_percent", "f_nme_percent"} <= set(figures)
    assert np.isfinite(list(figures.values())).all()
    again = DSFNET.trained(tmp_path / "run")
    assert again.config == tiny_config(folder).network


def test_the_exported_bundle_gives_the_face_that_torch_gives(learned, weights, folder):
    network, _ = learned
    batch = crops_of(tiny_config(folder))
    crops = batch["crop"][:3].numpy()
    method = DsfMethod.from_bundle(Bundle.open(weights), threads=1)
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    found = method.estimate(crops, [box] * 3)
    assert [each.branch for each in found] == ["f"] * 3
    with torch.no_grad():
        face = network.face(network(crops_as_input(batch["crop"][:3])))
    for row in range(3):
        on_chart = network.chart.gathered(found[row].vertices_image)
        expected = crop_from_cloud(face.position[row].double().numpy(), 64)
        assert np.linalg.norm(on_chart - expected, axis=1).mean() < 0.15  # px: vertices between texels


def test_the_same_crop_gives_the_same_face_in_any_company(weights, folder):
    crops = crops_of(tiny_config(folder))["crop"].numpy()
    method = DsfMethod.from_bundle(Bundle.open(weights), threads=1)
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    together, again = (method.estimate(crops[:2], [box] * 2)[1] for _ in range(2))
    (alone,) = method.estimate(crops[1:2], [box])
    np.testing.assert_array_equal(together.vertices_image, again.vertices_image)
    np.testing.assert_allclose(together.vertices_image, alone.vertices_image, atol=0.02)


def with_constants(weights, path, **changes):
    """The bundle with other constants; those that are None are left out."""
    bundle = Bundle.open(weights)
    graphs = {name: bundle.graph(name) for name in bundle.manifest.graphs}
    arrays = {**bundle.arrays(), **changes}
    arrays = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    path = Bundle.write(path, bundle.manifest, graphs=graphs, arrays={"constants": arrays})
    return DsfMethod.from_bundle(Bundle.open(path), threads=1)


def test_where_too_little_is_visible_the_model_space_branch_answers_and_says_so(weights, folder, tmp_path):
    crops = crops_of(tiny_config(folder))["crop"].numpy()[:1]
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    strict = with_constants(weights, tmp_path / "strict.lineament", min_visible=0.95)
    (usual,) = Predictor(DsfMethod.from_bundle(Bundle.open(weights), threads=1)).predict(crops[0], [box])
    (doubted,) = Predictor(strict).predict(crops[0], [box])
    assert (usual.branch, doubted.branch) == ("f", "ms")
    outputs = strict.encoded(crops)
    face = strict.model_face(outputs, 0)
    expected = crop_from_cloud(face.in_cloud(face.vertices), 64)
    np.testing.assert_allclose(doubted.vertices_image, expected, atol=1e-3)
    assert usual.visibility.mean() > 0.2


def test_each_branch_is_a_row_of_the_same_weights(weights, folder):
    crops = crops_of(tiny_config(folder))["crop"].numpy()[:1]
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    method = DsfMethod.from_bundle(Bundle.open(weights), threads=1)
    rows = method.rows()
    assert tuple(rows) == ("ms", "is", "f")
    found = {name: row.estimate(crops, [box])[0] for name, row in rows.items()}
    assert {name: one.branch for name, one in found.items()} == {name: name for name in rows}
    (usual,) = method.estimate(crops, [box])
    np.testing.assert_array_equal(found["f"].vertices_image, usual.vertices_image)
    assert np.abs(found["ms"].vertices_image - found["is"].vertices_image).max() > 1e-3


def test_other_draws_of_points_move_the_face_by_little(weights, folder, tmp_path):
    crops = crops_of(tiny_config(folder))["crop"].numpy()
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    faces = []
    for seed in range(3):
        method = with_constants(weights, tmp_path / f"{seed}.lineament", draws=draws(seed, 256))
        faces.append([each.landmarks_image[:, :2] for each in method.estimate(crops, [box] * COUNT)])
    std = np.linalg.norm(np.std(faces, axis=0), axis=-1).mean()
    assert 0 < std < 5.0  # px of 64, of a network that has seen eight faces


def test_a_photo_gives_faces_that_know_what_is_seen_of_them(weights):
    (face, *_) = FaceAligner.from_pretrained(weights, threads=1)(read_image(PHOTO))
    assert isinstance(face, DsfResult)
    assert np.isfinite(face.vertices_image).all()
    assert face.confidence.shape == face.visibility.shape == (len(face.vertices_image),)
    assert face.landmark_visibility.shape == (68,)
    assert 0 <= face.visibility.min() <= face.visibility.max() <= 1
    assert face.branch in ("f", "ms")


@pytest.mark.parametrize(
    "network",
    [
        {"output": "ms", "points": PointsConfig(enabled=False), "fusion": FusionConfig(enabled=False)},
        {"output": "is", "fusion": FusionConfig(enabled=False), "align": AlignConfig(enabled=False)},
        {"align": AlignConfig(back="inverse", center="code")},
        {
            "backbone": "residual",
            "residual": tiny(COMPACT).residual,
            "heads": tiny(COMPACT).heads,
            "fusion": FusionConfig(blend=True),
        },
    ],
    ids=["ms", "is without alignment", "as printed", "residual"],
)
def test_other_variants_train_and_export_too(network, folder, lfm, tmp_path):
    config = tiny_config(folder)
    values = {
        name: replace(value, count=64, widths=(16, 32)) if isinstance(value, PointsConfig) else value
        for name, value in network.items()
    }
    values = {
        name: replace(value, widths=(8, 16, 24)) if isinstance(value, FusionConfig) else value
        for name, value in values.items()
    }
    config = replace(config, network=replace(config.network, **values))
    made, history = trained(config, lfm, steps=2)
    assert np.isfinite(list(history[-1].values())).all()
    path = exported(DSFNET.exporter, made, tmp_path / "variant.lineament")
    method = DsfMethod.from_bundle(Bundle.open(path), threads=1)
    box = CropBox(center_xy=(32.0, 32.0), side=64.0, size=64)
    (found,) = method.estimate(crops_of(config)["crop"].numpy()[:1], [box])
    assert np.isfinite(found.vertices_image).all()


def regressor_weights(folder):
    """A bundle of an untrained regressor of the sizes of the small residual backbone, and the network."""
    torch.manual_seed(4)
    sizes = tiny(COMPACT).residual
    config = RegressorConfig(
        crop_size=64,
        stem=sizes.convolutions.stem,
        stages=sizes.convolutions.stages,
        blocks=sizes.convolutions.blocks,
        squeeze=sizes.squeeze,
        hidden=sizes.hidden,
    )
    network = Regressor(config).eval()
    nn.init.normal_(network.heads.weight, std=0.2)
    network.identity_std.uniform_(0.5, 1.5)
    network.log_scale_mean.fill_(-1.0)
    return network, exported(REGRESSOR_EXPORTER, network, folder / "regressor.lineament")


def residual(config, **values):
    """The configuration with the small residual backbone."""
    small = tiny(COMPACT)
    sizes = replace(small.residual, **values)
    network = replace(
        config.network, backbone="residual", residual=sizes, heads=small.heads, fusion=small.fusion
    )
    return replace(config, network=network)


def test_the_model_space_branch_begins_as_the_regressor_of_the_start(folder, lfm, tmp_path):
    regressor, path = regressor_weights(tmp_path)
    config = replace(residual(tiny_config(folder)), start=str(path))
    network = new_network(config, lfm)
    prepare(network, config, DSFNET.source(config))
    crops = crops_as_input(crops_of(config)["crop"])
    landmarks = CropLandmarks(lfm)
    with torch.no_grad():
        expected = regressor(crops)
        found = estimate(network.eval(), network(crops), landmarks).others["ms"]
        own = network.coefficients_of(network.encoded(crops)[1])
    torch.testing.assert_close(own.identity, expected.identity, atol=2e-3, rtol=0)
    torch.testing.assert_close(own.expression, expected.expression, atol=2e-3, rtol=0)
    difference = (found - landmarks(expected))[..., :2].norm(dim=-1).mean()
    assert difference < 0.05  # px


def test_what_is_fixed_needs_something_to_begin_with(folder, lfm):
    config = residual(tiny_config(folder), frozen=True)
    network = new_network(config, lfm)
    with pytest.raises(ConfigError, match="set start to weights"):
        prepare(network, config, DSFNET.source(config))


def test_hrnet_cannot_begin_with_a_regressor(folder, lfm, tmp_path):
    config = replace(tiny_config(folder), start=str(regressor_weights(tmp_path)[1]))
    with pytest.raises(ConfigError, match="only a network with"):
        prepare(new_network(config, lfm), config, DSFNET.source(config))


def test_smaller_maps_say_of_a_place_what_those_of_the_whole_crop_say(folder, lfm):
    config = residual(tiny_config(folder))
    whole = replace(DSFNET.source(config), targets=DsfTargets()).sampler(validation=False)
    smaller = DSFNET.source(config).sampler(validation=False)
    large, small = (each.plain_batch(np.arange(COUNT)).targets for each in (whole, smaller))
    assert small["face_mask"].shape == (COUNT, 32, 32)
    cells = large["face_mask"].reshape(COUNT, 32, 2, 32, 2)
    inside = cells.all(axis=(2, 4)) & small["face_mask"]
    share = cells.mean(axis=(2, 4))
    decided = (share == 0) | (share == 1)
    assert (small["face_mask"] != share)[decided].mean() < 0.005  # displaced by half a pixel: 0.013
    for name in ("correspondence", "depth"):
        maps = large[name].reshape(COUNT, -1, 32, 2, 32, 2).mean(axis=(3, 5))
        error = np.abs(maps - small[name].reshape(maps.shape)).max(axis=1)[inside]
        assert np.median(error) < 0.01, name


def test_the_compact_preset_is_what_a_run_takes_unless_something_else_is_asked_for():
    config = DsfTrainConfig()
    assert config.network == COMPACT
    assert config.augment.crop_size == COMPACT.crop_size


def test_all_rows_of_the_table_begin_with_what_they_share(folder, tmp_path):
    base = tiny_config(folder, steps=1)
    shared = changed(base, SHARED)
    assert not shared.network.points.enabled
    for variant in VARIANTS.values():
        assert changed(base, variant.changes).network.encoder == shared.network.encoder
    plan = TablePlan(variants=("is-xyz",), pretraining=base.loop)
    text = ablate(AblationTable(DSFNET, base, plan), tmp_path / "table").read_text()
    assert "| is-xyz |" in text
    assert "| 4.01 |" in text


def test_a_model_with_too_few_modes_is_refused(folder, tiny_model):
    with pytest.raises(ConfigError, match=r"set network\.identity"):
        new_network(tiny_config(folder), tiny_model)


def test_weights_without_their_constants_are_refused(weights, tmp_path):
    with pytest.raises(WeightsError, match="lacks a constant"):
        with_constants(weights, tmp_path / "less.lineament", draws=None)
