import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.config_file import read_config
from lineament.crop import CropBox
from lineament.errors import ConfigError, WeightsError
from lineament.geometry.harmonics import harmonics
from lineament.image import read_image
from lineament.methods.dff import Dff as DffInference
from lineament.methods.dff_face import DffResult
from lineament.methods.pretrained import open_method
from lineament.models import load_model
from lineament.resample import resample_crop
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import Folders, arrays_of, crops_as_input
from lineament.train.dff.descriptors import DescriptorChoice
from lineament.train.dff.export import EXPORTER
from lineament.train.dff.loss import AS_PRINTED, DffLossConfig
from lineament.train.dff.method import DFF, VARIANTS
from lineament.train.dff.photometric import photometric
from lineament.train.dff.training import (
    PUBLISHED,
    PUBLISHED_AUGMENT,
    DffTrainConfig,
    load_convolutions,
    loss_of,
    new_network,
    prepare,
)
from lineament.train.networks.dff.network import COMPACT, PAPER, DffConfig, DffNet
from lineament.train.runs.method import changed
from shared import ROOT
from tests.train.dff.faces import SIZE, drawn_faces, points_folder, small_config
from tests.train.dff.test_loss import RANDOM
from tests.train.exports import Given
from tests.train.exports import exported as export

PHOTO = sorted((ROOT / "demo" / "photos").glob("*.jpg"))[0]
CONFIGS = ROOT / "docs" / "runs" / "configs"
CROP = CropBox(center_xy=(SIZE / 2, SIZE / 2), side=SIZE, size=SIZE)
ALL_TERMS = DffLossConfig(render_from=0.0, land_error_from=0.1, bounds=20.0)


@pytest.fixture(scope="module")
def folder(lfm, tmp_path_factory):
    """Twelve drawn faces with points alone, four for validation."""
    return points_folder(tmp_path_factory.mktemp("drawn") / "samples", lfm)


@pytest.fixture(scope="module")
def batch(folder):
    """The eight faces that are trained on, undisturbed."""
    config = small_config(data=Folders((folder,)))
    sampler = DFF.source(config).sampler(validation=False)
    return {n: torch.as_tensor(a) for n, a in arrays_of(sampler.plain_batch(np.arange(8))).items()}


@pytest.fixture(scope="module")
def learnt(lfm, batch):
    """A network after thirty steps on the eight faces, and its terms on the way."""
    steps = 30
    config = small_config(loss=ALL_TERMS, dff=RANDOM)
    config = replace(config, loop=replace(config.loop, steps=steps))
    torch.manual_seed(0)
    network = new_network(config, lfm)
    prepare(network, config, None)
    loss = loss_of(config, network, lfm)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.0)
    crops, truth, terms = crops_as_input(batch["crop"]), LabelBatch.of(batch), []
    for _ in range(steps):
        found = loss(network.train()(crops), truth)
        optimiser.zero_grad()
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        terms.append({name: float(value.detach()) for name, value in found.items()})
    return network, terms


@pytest.fixture(scope="module")
def weights(learnt, batch, tmp_path_factory):
    """The exported network."""
    path = tmp_path_factory.mktemp("dff") / "small.lineament"
    crops = batch["crop"].numpy()
    return export(EXPORTER, learnt[0].eval(), path, pictures=Given(crops, crops))


@pytest.fixture(scope="module")
def begun(lfm, folder):
    """A network that begins with the quick regressor's weights."""
    sizes = {"stem": 32, "stages": (32, 64, 128, 256), "squeeze": 96, "hidden": 384}
    network = DffConfig(**sizes, rotation="six", colour_pixels=14, frozen=True)
    config = DffTrainConfig(
        network=network, data=Folders((folder,)), face_model="lfm", start="fast", dff=RANDOM, workers=0
    )
    made = new_network(config, lfm)
    prepare(made, config, DFF.source(config))
    return made, config


def test_it_can_begin_with_the_compact_regressors_faces(begun):
    network, _ = begun
    photo = read_image(PHOTO)
    [face] = FaceAligner.from_pretrained("fast", threads=1)(photo)
    crop = resample_crop(photo, face.crop_box)
    with torch.no_grad():
        found = network.eval()(torch.tensor(crop.copy()).permute(2, 0, 1)[None].float())
    np.testing.assert_allclose(found.identity[0], face.identity[:80], atol=2e-2)
    np.testing.assert_allclose(network.expression_unit * found.expression[0], face.expression, atol=2e-2)
    camera = face.crop_box.camera_in_crop(face.camera)
    np.testing.assert_allclose(found.rotation[0], camera.rotation, atol=1e-2)  # eight bits there
    scale = found.focal[0] * 112 / found.translation[0, 2]
    assert float(scale) == pytest.approx(camera.scale, rel=1e-2)
    in_crop = found.translation[0, :2] * scale + 56
    np.testing.assert_allclose(in_crop, camera.translation[:2], atol=0.4)
    assert not found.texture.any()
    assert float(found.light[0, 1:].abs().max()) == 0


def test_frozen_layers_stay_and_colours_are_learnt(begun, batch):
    network, config = begun
    network = copy.deepcopy(network)
    before = copy.deepcopy(network.state_dict())
    loss = loss_of(config, network, load_model("lfm"))
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-2)
    crop = functional.interpolate(crops_as_input(batch["crop"]), 112)
    for _ in range(2):
        rendered, mask, _ = loss.surface(network.train()(crop), 112)
        optimiser.zero_grad()
        photometric(crop / 255, rendered, mask.float()).backward()
        optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not value.equal(before[name])}
    assert not any(name.startswith("features") for name in changed)
    assert any(name.startswith("colours") for name in changed)


@pytest.mark.parametrize(
    ("changes", "start", "reason"),
    [
        ({"frozen": True}, "", "give a start"),
        ({}, "fast", 'network.rotation = "six" can begin'),
        ({"rotation": "six"}, "fast", "differs from the weights to start from"),
    ],
)
def test_starts_that_do_not_fit_are_refused(changes, start, reason, lfm, folder):
    config = DffTrainConfig(
        network=DffConfig(**changes), data=Folders((folder,)), start=start, dff=RANDOM, workers=0
    )
    with pytest.raises(ConfigError, match=reason):
        prepare(new_network(config, lfm), config, DFF.source(config))


def test_small_pictures_are_no_larger_than_the_crop():
    with pytest.raises(ConfigError, match=r"network.colour_pixels is 0 to network.crop_size, 112; found 113"):
        DffConfig(colour_pixels=113)


def test_its_weights_can_borrow_close_ups_which_move_a_face_in_perspective(learnt, tmp_path):
    path = export(
        EXPORTER, learnt[0].eval(), tmp_path / "close.lineament", pictures=None, close_ups="default"
    )
    assert Bundle.open(path).manifest.close_ups == "lfm-regressor"
    aligner = FaceAligner.from_pretrained(path, threads=1)
    [face] = aligner(PHOTO)
    aligner.close_ups = None
    [alone] = aligner(PHOTO)
    assert isinstance(face, DffResult)
    assert face.focal_px == pytest.approx(alone.focal_px)
    assert 0 < np.abs(face.vertices_image - alone.vertices_image).max() < 200


def test_both_ways_a_mirrored_crop_has_the_mirrored_face_in_the_mirrored_light(learnt, batch, lfm, tmp_path):
    crops = batch["crop"].numpy()
    path = export(EXPORTER, learnt[0].eval(), tmp_path / "both.lineament", pictures=None, flip=True)
    graph = Bundle.open(path).network(threads=1)
    here, there = (graph(crop=np.ascontiguousarray(seen)) for seen in (crops, crops[:, :, ::-1]))
    side, directions = np.array([-1.0, 1.0, 1.0]), np.random.default_rng(0).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    identity, expression = lfm.mirrored(here["identity"], here["expression"])
    expected = {
        "rotation": here["rotation"] * side[:, None] * side,
        "translation": here["translation"] * side,
        "focal": here["focal"],
        "identity": identity,
        "expression": expression,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(there[name], values, rtol=1e-3, atol=1e-3)
    lit, lit_there = (
        harmonics(seen) @ light["light"] for seen, light in ((directions, here), (directions * side, there))
    )
    np.testing.assert_allclose(lit_there, lit, atol=2e-4)
    assert np.abs(here["light"][:, 3]).max() > 0.002


def test_points_and_pictures_alone_lower_the_losses(learnt):
    _, terms = learnt
    assert {"land", "photo", "dff", "reg", "loss"} <= set(terms[0])
    assert "land_error" in terms[-1]
    for name in ("loss", "land", "photo"):
        assert terms[-1][name] < 0.9 * terms[0][name], name


def test_a_network_begins_with_the_mean_face_frontal_in_its_crop(lfm):
    for backbone in ("residual", "resnet50"):
        config = replace(small_config(), network=DffConfig(crop_size=SIZE, backbone=backbone))
        network = new_network(config, lfm)
        prepare(network, config, None)
        found = network.eval()(torch.rand(2, 3, SIZE, SIZE) * 255)
        points = network.landmarks(found, SIZE)
        low, high = points.amin(1), points.amax(1)
        torch.testing.assert_close((low + high) / 2, torch.full((2, 2), SIZE / 2), atol=2.0, rtol=0)
        side = (high - low).amax(1) * config.augment.crop_margin
        torch.testing.assert_close(side, torch.full((2,), float(SIZE)), atol=6.0, rtol=0)
        torch.testing.assert_close(found.rotation, torch.eye(3).repeat(2, 1, 1))


def test_vgg_has_the_printed_135_million_parameters():
    with torch.device("meta"):
        network = DffNet(DffConfig(crop_size=224, backbone="vgg16", identity=80, texture=80, expression=64))
    assert network.numbers.out_features == 257
    assert sum(p.numel() for p in network.parameters()) == 135_313_473
    assert PAPER.backbone == "vgg16"


def test_the_compact_networks_take_as_many_multiplications_as_they_may():
    from torch.utils.flop_counter import FlopCounterMode

    from lineament.train.networks.dff import descriptor

    def giga(network, size):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.eval()(torch.zeros(1, 3, size, size))
        return counter.get_total_flops() / 2e9

    assert 0.3 < giga(DffNet(COMPACT), 112) < 0.6
    assert 0.3 < giga(descriptor.DescriptorNet(descriptor.COMPACT), 112) < 0.5
    with torch.device("meta"):
        paper = descriptor.DescriptorNet(descriptor.PAPER)
        with FlopCounterMode(display=False) as counter:
            paper.eval()(torch.zeros(1, 3, 224, 224))
    assert counter.get_total_flops() / 2e9 == pytest.approx(8.8, abs=0.05)


@pytest.mark.parametrize("name", [n for n in VARIANTS if n != "dff-encoder"])
def test_every_variant_learns_something_everywhere(name, lfm, batch):
    base = small_config(loss=ALL_TERMS, dff=RANDOM)
    config = changed(base, {k: v for k, v in VARIANTS[name].changes.items() if k != "dff"})
    torch.manual_seed(0)
    network = new_network(config, lfm).train()
    prepare(network, config, None)
    torch.nn.init.normal_(network.numbers.weight, std=0.01)
    loss = loss_of(config, network, lfm)
    network.steps.fill_(5)
    terms = loss(network(crops_as_input(batch["crop"])), LabelBatch.of(batch))
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert ("photo" in terms) == bool(config.loss.photo)
    assert ("dff" in terms) == bool(config.loss.w_dff)
    assert not [key for key, p in network.named_parameters() if p.grad is None]


def test_the_convolutions_of_a_file_are_taken_over(tmp_path):
    config = DffConfig(crop_size=32, backbone="vgg16")
    network = DffNet(config)
    state = {f"features.{n}": torch.full_like(v, 0.5) for n, v in network.features.state_dict().items()}
    torch.save({**state, "classifier.0.bias": torch.ones(2)}, tmp_path / "vgg.pt")
    load_convolutions(network, tmp_path / "vgg.pt")
    assert all((v == 0.5).all() for v in network.features.state_dict().values())
    torch.save({"features.0.weight": torch.ones(3)}, tmp_path / "wrong.pt")
    with pytest.raises(ConfigError, match="holds no convolutions"):
        load_convolutions(network, tmp_path / "wrong.pt")
    with pytest.raises(ConfigError, match="VGG-16's"):
        load_convolutions(DffNet(small_config().network), tmp_path / "vgg.pt")


def test_the_graph_says_what_torch_says(learnt, weights, batch):
    network = learnt[0].eval()
    said = Bundle.open(weights).network(threads=1)(crop=batch["crop"].numpy())
    with torch.inference_mode():
        found = network(crops_as_input(batch["crop"]))
    for name, most in (("rotation", 0.01), ("identity", 0.05), ("light", 0.03), ("translation", 6)):
        np.testing.assert_allclose(said[name], getattr(found, name), atol=most)
    np.testing.assert_allclose(said["expression"], 0.25 * found.expression, atol=0.03)


class Said:
    """A network that gives what it is told to."""

    def __init__(self, **outputs):
        self.outputs, self.output_names = outputs, tuple(outputs)
        self.input_shapes, self.path = {"crop": (None, SIZE, SIZE, 3)}, PHOTO

    def __call__(self, **_):
        return self.outputs


def told(method, net, face, lfm):
    """The method with a network that says exactly these faces."""
    names = ("rotation", "translation", "focal", "identity", "texture", "light")
    outputs = {name: getattr(face, name).numpy() for name in names}
    outputs["expression"] = (net.expression_unit * face.expression).numpy()
    return DffInference(
        Said(**outputs), lfm, method.colors, crop_rule=method.crop_rule, weak=net.config.camera == "weak"
    )


@pytest.mark.parametrize("camera", ["perspective", "weak", "free"])
def test_numbers_become_the_face_that_torch_draws(camera, weights, lfm):
    method = open_method(Bundle.open(weights), threads=1)
    net, face, rgb, mask = drawn_faces(lfm, 2, camera=camera)
    estimates = told(method, net, face, lfm).estimate(np.zeros((2, SIZE, SIZE, 3), np.uint8), [CROP, CROP])
    for row, estimate in enumerate(estimates):
        found = estimate.result(crop_box=CROP, detection=None)
        assert isinstance(found, DffResult)
        np.testing.assert_allclose(
            found.landmarks_image[:, :2], net.landmarks(face, SIZE)[row].numpy(), atol=0.02
        )
        picture, seen = found.rendered((SIZE, SIZE))
        both = seen & mask[row].numpy()
        assert both.sum() > 0.97 * mask[row].sum()
        apart = np.abs(picture - rgb[row].permute(1, 2, 0).clamp(0, 1).numpy())[both]
        assert np.quantile(apart, 0.98) < 0.03
        np.testing.assert_allclose(
            found.vertices_model, lfm.vertices_model(found.identity, found.expression), atol=0.05
        )
        assert (found.focal_px is None) == (camera == "weak")
        if camera != "weak":
            assert found.distance_mm == pytest.approx(float(face.translation[row, 2]), rel=1e-3)


def test_a_face_in_another_place_of_the_photo_is_moved_and_turned_there(weights, lfm):
    method = open_method(Bundle.open(weights), threads=1)
    net, face, _, _ = drawn_faces(lfm, 1)
    box = CropBox(center_xy=(300.0, 200.0), side=2 * SIZE, size=SIZE, roll=0.3)
    crops = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    here, there = (told(method, net, face, lfm).estimate(crops, [one])[0] for one in (CROP, box))
    moved = box.image_from_crop(here.landmarks_image)
    np.testing.assert_allclose(there.landmarks_image, moved, atol=0.02)
    result = there.result(crop_box=box, detection=None)
    again = result.perspective.image_from_model(result.vertices_model)
    np.testing.assert_allclose(again, result.vertices_image, atol=0.02)
    np.testing.assert_allclose(result.landmarks("300w-lp"), result.landmarks_image, atol=0.02)
    lips = result.landmarks("lfm-68")[48:, :2]
    assert np.linalg.norm(lips - result.landmarks_image[48:, :2], axis=1).mean() < 6


def test_light_and_albedo_are_what_was_drawn_and_can_be_changed(weights, lfm):
    method = open_method(Bundle.open(weights), threads=1)
    net, face, _, _ = drawn_faces(lfm, 1)
    (estimate,) = told(method, net, face, lfm).estimate(np.zeros((1, SIZE, SIZE, 3)), [CROP])
    result = estimate.result(crop_box=CROP, detection=None)
    assert result.albedo.shape == (192, 192, 3)
    np.testing.assert_allclose(result.light, face.light[0])
    white = np.zeros((9, 3))
    white[0] = 1 / 0.8862269
    on_chart = result.albedo.sum(2) > 0
    lit = result.relit(white)
    assert np.abs(lit - result.albedo)[on_chart & (lit.sum(2) > 0)].max() < 0.02
    left = white.copy()
    left[3] = -0.5  # light from the viewer's left
    picture, seen = result.rendered((SIZE, SIZE), light=left)
    columns = np.where(seen)[1]
    bright = picture.mean(2)[seen]
    assert bright[columns < np.median(columns)].mean() > 1.15 * bright[columns > np.median(columns)].mean()
    with pytest.raises(ConfigError, match="nine harmonics"):
        result.relit(np.zeros((3, 9)))


def test_a_photo_gives_faces_with_colours_whose_copies_are_small(weights):
    import pickle

    aligner = FaceAligner.from_pretrained(weights, threads=1)
    face = aligner(read_image(PHOTO))[0]
    assert isinstance(face, DffResult)
    assert face.texture_coefficients.shape == (80,)
    assert face.blendshapes
    assert 300 < face.distance_mm < 3000
    content = pickle.dumps(face)
    assert len(content) < 1_000_000
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.albedo, face.albedo)
    nothing = face.without_values()
    assert not nothing.is_finite
    assert np.isnan(nothing.light).all()


def test_the_face_as_it_was_drawn_lies_over_the_photo(weights):
    from lineament.draw import draw_overlay

    photo = np.asarray(read_image(PHOTO))
    face = FaceAligner.from_pretrained(weights, threads=1)(photo)[0]
    found = draw_overlay(photo, [face], layers=["rendered"])
    picture, seen = face.rendered(photo.shape[:2])
    inner = seen & (np.abs(found.astype(int) - photo).sum(2) > 0)
    assert inner.sum() > 0.8 * seen.sum()
    apart = np.abs(found / 255 - picture)[inner].mean(axis=1)
    assert np.median(apart) < 0.03  # it is drawn coarser and enlarged
    plain = FaceAligner.from_pretrained(threads=1)(photo)[0]
    with pytest.raises(ConfigError, match="knows nothing of the face's colours"):
        draw_overlay(photo, [plain], layers=["rendered"])


def test_files_say_light_and_distance(weights, tmp_path):
    from lineament.export import export_json, export_npz

    face = FaceAligner.from_pretrained(weights, threads=1)(read_image(PHOTO))[0]
    export_json([face], tmp_path / "face.json")
    (told,) = json.loads((tmp_path / "face.json").read_text())["faces"]
    np.testing.assert_allclose(told["light"], face.light, atol=1e-4)
    assert told["distance_mm"] == pytest.approx(face.distance_mm, rel=1e-3)
    export_npz(face, tmp_path / "face.npz")
    with np.load(tmp_path / "face.npz") as data:
        np.testing.assert_array_equal(data["texture_coefficients"], face.texture_coefficients)


def test_faces_of_a_film_keep_their_perspective(weights):
    from lineament.video.smoother import FaceSmoother

    face = FaceAligner.from_pretrained(weights, threads=1)(read_image(PHOTO))[0]
    smoother = FaceSmoother()
    for frame in range(3):
        found = smoother.step(frame / 25, face)
    np.testing.assert_allclose(found.vertices_image, face.vertices_image, atol=0.1)
    np.testing.assert_allclose(found.distance_mm, face.distance_mm, rtol=1e-4)


def test_exported_meshes_are_without_the_distortion_of_perspective(weights, lfm):
    from lineament.export.frames import vertices_in

    face = FaceAligner.from_pretrained(weights, threads=1)(read_image(PHOTO))[0]
    wanted = lfm.vertices_model(face.identity, face.expression)
    np.testing.assert_allclose(vertices_in(face, "model"), wanted, atol=0.05)
    np.testing.assert_allclose(vertices_in(face, "camera"), wanted @ face.pose.rotation.T, atol=0.05)


def test_weights_of_another_method_are_refused(weights, lfm):
    method = open_method(Bundle.open(weights), threads=1)
    with pytest.raises(WeightsError, match="another one"):
        DffInference(Said(rotation=1), lfm, method.colors, crop_rule=method.crop_rule, weak=False)


def test_a_run_is_trained_on_points_gone_on_with_and_exported(folder, tmp_path):
    config = small_config(loss=ALL_TERMS, dff=RANDOM, data=Folders((folder,)))
    config = replace(config, loop=replace(config.loop, steps=2, save_every=1))
    run = DFF.train(config, tmp_path / "run")
    DFF.train(replace(config, loop=replace(config.loop, steps=3)), tmp_path / "run")
    figures = json.loads((run / "figures.json").read_text())
    assert figures["step"] == 3
    assert figures["points_nme_percent"] == figures["nme_percent"]
    assert np.isfinite(list(figures.values())).all()
    trained = DFF.trained(run)
    assert int(trained.steps) > 0
    assert trained.point_errors[1].min() > 0


@pytest.mark.parametrize(
    ("name", "network", "loss"), [("dff_compact", COMPACT, None), ("dff_paper", PAPER, AS_PRINTED)]
)
def test_the_configuration_files_are_the_presets(name, network, loss):
    config = read_config(CONFIGS / f"{name}.toml", DffTrainConfig)
    assert config.network == network
    assert config.augment.crop_size == network.crop_size
    assert config.dff.net == "trained"
    if loss is not None:
        assert config.loss == loss
        assert config.loop == PUBLISHED
        assert config.augment == PUBLISHED_AUGMENT


def test_mistakes_in_a_configuration_are_named(lfm):
    with pytest.raises(ConfigError, match="nobody's points"):
        small_config(labels=())
    with pytest.raises(ConfigError, match=r"set network\.identity"):
        new_network(replace(small_config(), network=DffConfig(crop_size=SIZE, expression=64)), lfm)
    with pytest.raises(ConfigError, match=r"name it as dff\.run"):
        loss_of(small_config(dff=DescriptorChoice()), new_network(small_config(), lfm), lfm)
