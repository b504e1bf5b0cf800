import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.config_file import read_config
from lineament.crop import CropBox
from lineament.errors import ConfigError, WeightsError
from lineament.image import read_image
from lineament.methods.predictor import Predictor
from lineament.methods.pretrained import open_method
from lineament.methods.sadrnet import SadrNet as SadrMethod
from lineament.methods.sadrnet_tables import POSITION_UNIT, SadrTables, landmark_weights
from lineament.methods.seen_face import SeenFaceResult
from lineament.network import OnnxNetwork
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import Folders, crops_as_input
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.sadrnet import COMPACT, PAPER, SadrOutput
from lineament.train.runs import method as run_methods
from lineament.train.sadrnet.chart import SadrChart
from lineament.train.sadrnet.export import EXPORTER, outputs_of
from lineament.train.sadrnet.loss import SadrLossConfig
from lineament.train.sadrnet.method import SADRNET, VARIANTS
from lineament.train.sadrnet.training import SadrTrainConfig, TrainedSadrNet, loss_of, new_network
from shared import ROOT
from tests.train.exports import Given
from tests.train.exports import exported as export
from tests.train.sadrnet.conftest import AUGMENT, SIZE, SMALL

PHOTO = sorted((ROOT / "demo" / "photos").glob("*.jpg"))[0]
CONFIGS = ROOT / "docs" / "runs" / "configs"
WHOLE = SadrTrainConfig(network=SMALL, augment=AUGMENT, loss=SadrLossConfig(neck=1.0))
CROP = CropBox(center_xy=(SIZE / 2, SIZE / 2), side=SIZE, size=SIZE)


def trained_for(steps, config, model, batch, *, rate=4e-3):
    """A network and its terms at the first and after the last of some steps on one batch."""
    torch.manual_seed(0)
    network = new_network(config, model)
    loss = loss_of(replace(config, loop=LoopConfig(steps=steps)), network, model)
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.0)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    crops, truth, terms = crops_as_input(batch["crop"]), LabelBatch.of(batch), []
    for _ in range(steps):
        found = loss(network.train()(crops), truth)
        optimiser.zero_grad()
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        rates.step()
        terms.append({name: float(value.detach()) for name, value in found.items()})
    return network, terms


@pytest.fixture(scope="module")
def learnt(lfm, coded_batch):
    """A network after fifteen steps, and the terms on the way."""
    return trained_for(15, replace(WHOLE, loss=replace(WHOLE.loss, aligned_from=-1.0)), lfm, coded_batch)


@pytest.fixture(scope="module")
def network(learnt):
    return learnt[0].eval()


@pytest.fixture(scope="module")
def weights(network, coded_batch, tmp_path_factory):
    """The exported network."""
    crops = coded_batch["crop"].numpy()
    path = tmp_path_factory.mktemp("sadrnet") / "small.lineament"
    return export(EXPORTER, network, path, pictures=Given(crops, crops))


def test_a_few_steps_lower_every_loss(learnt):
    _, terms = learnt
    assert set(terms[0]) == {"loss", "position", "offset", "edge", "normal", "aligned", "attention"}
    for name in terms[0]:
        assert terms[-1][name] < 0.97 * terms[0][name], name


def test_eight_heads_are_learnt_by_heart(lfm, coded, coded_batch):
    """The slow one: half a minute on a free core."""
    network, terms = trained_for(150, WHOLE, lfm, coded_batch)
    sampler = SADRNET.source(replace(WHOLE, data=Folders((coded,)))).sampler(validation=False)
    figures = SADRNET.figures(network.eval(), sampler, 8, torch.device("cpu"))
    assert figures["nme_percent"] < 4
    assert figures["rotation_error_deg"] < 5
    assert terms[-1]["loss"] < 0.25 * terms[0]["loss"]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_the_table_learns_something_everywhere(name, lfm, coded_batch):
    config = run_methods.changed(WHOLE, VARIANTS[name].changes)
    torch.manual_seed(0)
    network = new_network(config, lfm).train()
    terms = loss_of(config, network, lfm)(
        network(crops_as_input(coded_batch["crop"])), LabelBatch.of(coded_batch)
    )
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert ("attention" in terms) == config.network.attention
    assert ("position" in terms) == (config.network.pose != "regress")
    assert ("edge" in terms) == bool(config.network.pose != "direct" and config.loss.edge)
    missing = [key for key, p in network.named_parameters() if p.grad is None]
    assert not missing
    estimate = SADRNET.estimate(network, network(crops_as_input(coded_batch["crop"])), None)
    assert estimate.landmarks.shape == (8, 68, 3)
    torch.testing.assert_close(torch.linalg.det(estimate.rotation), torch.ones(8))


def test_true_maps_have_the_true_landmarks_and_rotations(lfm, coded_batch):
    truth, targets = LabelBatch.of(coded_batch), coded_batch
    network = TrainedSadrNet(SMALL, SadrChart.of(lfm, size=SMALL.maps, neck=1.0)).eval()
    shape = targets["offset_map"] + network.mean_map
    points = lfm.landmark_points("300w-lp")
    aligned, direct = (
        network.estimate(SadrOutput(targets["face_map"], each, None, None)) for each in (shape, None)
    )
    torch.testing.assert_close(aligned.rotation, truth.rotation, atol=1e-4, rtol=0)
    torch.testing.assert_close(direct.rotation, truth.rotation, atol=0.1, rtol=0)
    for row in range(8):
        model = points.vertices_model(*(coded_batch[n][row].numpy() for n in ("identity", "expression")))
        rotated = model @ truth.rotation[row].numpy().T * [1, -1, -1]
        wanted = float(truth.scale[row]) * rotated[:, :2] + truth.translation[row].numpy()
        for found, most in ((aligned, 0.35), (direct, 1.2)):
            apart = np.linalg.norm(found.landmarks[row, :, :2].numpy() - wanted, axis=1)
            assert apart.mean() < most


def test_the_graph_says_what_torch_says_and_numpy_aligns_as_torch_does(network, weights, coded_batch):
    crops = coded_batch["crop"].numpy()
    bundle = Bundle.open(weights)
    said = bundle.network(threads=1)(crop=crops)
    with torch.inference_mode():
        found = network(crops_as_input(coded_batch["crop"]))
        place, landmark_weight = network.align(found), network.align.weights(found.face_map, found.attention)
    np.testing.assert_allclose(said["face_map"], found.face_map, atol=1e-3)
    np.testing.assert_allclose(said["offset_map"], found.shape_map - network.mean_map, atol=2e-3)
    np.testing.assert_allclose(said["attention"], torch.sigmoid(found.attention), atol=1e-3)
    method = open_method(bundle, threads=1)
    assert isinstance(method, SadrMethod)
    exact = {
        "face_map": found.face_map.numpy(),
        "offset_map": (found.shape_map - network.mean_map).numpy(),
        "attention": torch.sigmoid(found.attention).numpy(),
    }
    for row in range(8):
        maps = {name: values[row] for name, values in exact.items()}
        np.testing.assert_allclose(
            landmark_weights(maps["face_map"], maps["attention"], method.tables),
            landmark_weight[row],
            atol=1e-5,
        )
        similarity = method.similarity(maps)
        np.testing.assert_allclose(similarity.rotation, place.rotation[row], atol=1e-4)
        np.testing.assert_allclose(similarity.scale, place.scale[row], rtol=1e-4)
        np.testing.assert_allclose(similarity.translation, place.translation[row], atol=1e-4)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_weights_of_landmarks_are_the_same_in_numpy_and_torch(form, lfm, coded_batch):
    config = replace(SMALL, weight=form)
    network = TrainedSadrNet(config, SadrChart.of(lfm, size=config.maps, neck=1.0)).eval()
    face, attention = coded_batch["face_map"], coded_batch["attention"].clamp(1e-4, 1 - 1e-4)
    tables = SadrTables.of_arrays(network.chart.tables("align", form).arrays())
    found = landmark_weights(face.numpy(), attention.numpy(), tables)
    wanted = network.align.weights(face, torch.logit(attention))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert found.min() >= (0.1 if form == "paper" else 0.0)
    if form == "code":  # while training the official code leaves the attention out
        trained = network.align.train().weights(face, torch.logit(attention))
        assert set(np.round(np.unique(trained), 3)) <= {0.0, 0.1, 1.0} | {np.float32(0.1)}


def test_a_photo_gives_free_form_faces_that_know_what_is_seen(weights):
    aligner = FaceAligner.from_pretrained(weights, threads=1)
    face = aligner(read_image(PHOTO))[0]
    assert isinstance(face, SeenFaceResult)
    assert face.vertices_image.shape == (9163, 3)
    assert face.landmarks_image.shape == (68, 3)
    assert np.isfinite(face.vertices_image).all()
    assert face.blendshapes
    assert face.fit_residual_mm > 0
    for values, shape in (
        (face.visibility, (9163,)),
        (face.landmark_visibility, (68,)),
        (face.confidence, (9163,)),
    ):
        assert values.shape == shape
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1
    mask = face.face_mask((60, 80))
    assert mask.shape == (60, 80)
    assert mask.min() >= 0
    assert mask.max() <= 1


class Said:
    """A network that gives what it is told to."""

    def __init__(self, **outputs):
        self.outputs = outputs
        self.output_names, self.input_shapes = tuple(outputs), {"crop": (None, SIZE, SIZE, 3)}
        self.path = PHOTO

    def __call__(self, **_):
        return self.outputs


def method_of(network, model, outputs, *, pose="align"):
    from lineament.crop import CropRule

    tables = network.chart.tables(pose, "paper")
    return SadrMethod(Said(**outputs), model, tables, crop_rule=CropRule(SIZE))


def test_true_maps_become_the_true_mesh_and_what_hides_it_is_known(lfm, network, coded_batch):
    names = ("face_map", "offset_map", "attention")
    outputs = {name: coded_batch[name].numpy() for name in names}
    method = method_of(network, lfm, outputs)
    estimates = method.estimate(coded_batch["crop"].numpy(), [CROP] * 8)
    truth = LabelBatch.of(coded_batch)
    for row, estimate in enumerate(estimates):
        model = lfm.vertices_model(*(coded_batch[n][row].numpy() for n in ("identity", "expression")))
        rotated = model @ truth.rotation[row].numpy().T * [1, -1, -1]
        wanted = float(truth.scale[row]) * rotated[:, :2] + truth.translation[row].numpy()
        face = estimate.result(crop_box=CROP, detection=None)
        skin = np.unique(lfm.triangles[slice(*lfm.parts["face"])])
        apart = np.linalg.norm(face.vertices_image[:, :2] - wanted, axis=1)[skin]
        assert apart.mean() < 0.3
        assert face.confidence[skin].mean() > 0.9
        free = face.own_mask.at(wanted) > 0.9
        assert (face.visibility[~free] < 0.95).all()


def test_a_face_in_another_place_of_the_photo_is_moved_there(lfm, network, coded_batch):
    outputs = {name: coded_batch[name][:1].numpy() for name in ("face_map", "offset_map", "attention")}
    method = method_of(network, lfm, outputs)
    there = CropBox(center_xy=(300.0, 200.0), side=2 * SIZE, size=SIZE)
    crop = coded_batch["crop"][:1].numpy()
    (one,), (other,) = method.estimate(crop, [CROP]), method.estimate(crop, [there])
    moved = 2 * (one.vertices_image - [SIZE / 2, SIZE / 2, 0]) + [300, 200, 0]
    np.testing.assert_allclose(other.vertices_image, moved, atol=0.05)
    assert other.result(crop_box=there, detection=None).own_mask.at(np.array([[10.0, 10.0]])) == 0


def test_the_face_map_alone_is_a_face(lfm, network, coded_batch):
    outputs = {"face_map": coded_batch["face_map"][:1].numpy()}
    (estimate,) = method_of(network, lfm, outputs, pose="direct").estimate(
        np.zeros((1, SIZE, SIZE, 3)), [CROP]
    )
    np.testing.assert_allclose(estimate.camera.rotation, coded_batch["rotation"][0], atol=0.05)
    assert (estimate.crop_mask == 1).all()


@pytest.mark.parametrize("name", ["direct", "regressed-pose"])
def test_variants_are_exported_with_what_they_have(name, lfm, coded_batch, tmp_path, settled):
    torch.manual_seed(0)
    network = new_network(run_methods.changed(WHOLE, VARIANTS[name].changes), lfm)
    settled(network, coded_batch["crop"])
    path = export(EXPORTER, network, tmp_path / "variant.lineament", pictures=None)
    method = open_method(Bundle.open(path), threads=1)
    assert set(method.network.output_names) == set(outputs_of(network))
    (face,) = Predictor(method).predict(coded_batch["crop"][0].numpy(), [CROP])
    assert face.vertices_image.shape == (9163, 3)


def test_weights_of_another_method_are_refused(lfm, network, weights):
    with pytest.raises(WeightsError, match="another method"):
        method_of(network, lfm, {"rotation": np.eye(3)[None]})
    with pytest.raises(WeightsError, match="lack"):
        SadrTables.of_arrays({"pose": np.array("align")})
    assert isinstance(Bundle.open(weights).network(threads=1), OnnxNetwork)


def test_a_neck_without_weight_is_left_to_the_nearest_face(lfm, coded_batch):
    network = TrainedSadrNet(SMALL, SadrChart.of(lfm, size=SMALL.maps, neck=0.0)).eval()
    outputs = {name: coded_batch[name][:1].numpy() for name in ("face_map", "offset_map", "attention")}
    wild = outputs["offset_map"] + 10 * (network.chart.weights == 0)
    crop = coded_batch["crop"][:1].numpy()
    (plain,) = method_of(network, lfm, outputs).estimate(crop, [CROP])
    (other,) = method_of(network, lfm, outputs | {"offset_map": wild}).estimate(crop, [CROP])
    assert np.isfinite(other.vertices_image).all()
    assert np.abs(other.vertices_image - plain.vertices_image).max() < 2


@pytest.mark.parametrize(("name", "network"), [("sadrnet_compact", COMPACT), ("sadrnet_paper", PAPER)])
def test_the_configuration_files_are_the_presets(name, network):
    config = read_config(CONFIGS / f"{name}.toml", SadrTrainConfig)
    assert config.network == network
    assert config.augment.crop_size == network.crop_size
    if name == "sadrnet_paper":
        assert replace(config, data=Folders(), workers=1) == SadrTrainConfig()


def test_crops_of_another_size_than_the_maps_are_refused():
    with pytest.raises(ConfigError, match="make them equal"):
        SadrTrainConfig(network=COMPACT)


def test_a_run_is_trained_gone_on_with_and_exported(coded, tmp_path):
    loop = LoopConfig(steps=2, batch=4, log_every=1, save_every=1, precision="float32")
    config = replace(WHOLE, loop=loop, data=Folders((coded,)), workers=0, validation_crops=4)
    run = SADRNET.train(config, tmp_path / "run")
    longer = replace(config, loop=replace(loop, steps=3))
    SADRNET.train(longer, tmp_path / "run")
    figures = json.loads((run / "figures.json").read_text())
    assert figures["step"] == 3
    assert np.isfinite(list(figures.values())).all()
    assert int(SADRNET.trained(run).steps) > 0


def test_positions_are_in_the_paper_s_unit():
    assert POSITION_UNIT * 256 == 280
