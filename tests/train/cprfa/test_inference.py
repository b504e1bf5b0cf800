"""From a trained network to faces: exported weights, and all that is done with them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import shared
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.crop import CropBox
from lineament.draw import draw_overlay
from lineament.errors import ConfigError, ExportError, WeightsError
from lineament.image import read_image
from lineament.methods.cprfa import Cprfa
from lineament.methods.cprfa_face import CprfaResult
from lineament.methods.cprfa_switches import SOLVERS
from lineament.methods.predictor import Predictor
from lineament.result import Detection
from lineament.train.batches.alignment_figures import landmark_errors
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.method import CPRFA
from lineament.train.cprfa.observations import map_arrays
from lineament.train.cprfa.training import Estimator, new_network
from lineament.train.networks.cprfa.config import UnetConfig, tiny
from lineament.train.networks.residual_encoder import EncoderConfig
from tests.train.cprfa.setups import SIZE, painted_network
from tests.train.exports import exported

BOX = CropBox(center_xy=(SIZE / 2, SIZE / 2), side=float(SIZE), size=SIZE)
PHOTO = shared.ROOT / "demo" / "photos" / "astronaut.jpg"
FACE = [180.0, 70.0, 268.0, 180.0]
ROWS = (
    "detector",
    "pnp of landmarks",
    "pnp",
    "least squares",
    "least squares, fused",
    "cpr, one round",
    "cpr-h",
    "two rounds without capu",
    "cprfa",
)


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


def test_without_a_line_search_the_graphs_say_exactly_what_torch_says(method, network, crops):
    """Both rounds and all of their stages, with landmarks in them."""
    switched = method.changed(solver="cpr", capu=False)
    seen = [switched.observed(switched.maps(crops["crop"][:2]), row) for row in range(2)]
    landmarks = np.random.default_rng(0).uniform(10, 54, (2, 68, 2))
    pose, alpha = switched.updated(seen, None, landmarks)
    inputs = switched._inputs(seen, None, landmarks)
    from lineament.train.networks.cprfa.rounds import Observations

    tensors = {name: torch.as_tensor(values) for name, values in inputs.items()}
    nothing = torch.zeros(2, 30, 2), torch.zeros(2, 30), torch.arange(30).expand(2, -1)
    observations = Observations(
        *(tensors[name] for name in ("points", "valid", "landmarks", "landmark_valid")), *nothing
    )
    with torch.no_grad():
        found = network.updated(observations, rounds=2)
    np.testing.assert_allclose(alpha, found.alpha[-1][-1], atol=1e-4)
    np.testing.assert_allclose(pose, found.pose[-1][-1], atol=1e-4)


def test_fewer_stages_of_the_same_weights_give_another_face(method, crops):
    faces = [
        method.changed(solver="cpr", fusion=False, stages=stages).estimate(crops["crop"][:1], [BOX])[0]
        for stages in (1, 3)
    ]
    assert np.abs(faces[0].landmarks_image - faces[1].landmarks_image).max() > 1e-3


def test_all_rows_give_faces(method, crops):
    rows = method.rows()
    assert tuple(rows) == ROWS
    for name, row in rows.items():
        for face in row.estimate(crops["crop"][:2], [BOX] * 2):
            assert np.isfinite(face.landmarks_image).all(), name


def test_the_mask_over_the_photo_is_what_the_maps_found(method, crops):
    [estimate] = method.estimate(crops["crop"][:1], [BOX])
    face = estimate.result(crop_box=BOX, detection=Detection(np.float32([0, 0, SIZE, SIZE]), 1.0))
    mask = face.face_mask((SIZE, SIZE))
    cells = len(face.crop_mask)
    assert mask.shape == (SIZE, SIZE)
    step = SIZE // cells
    inner = mask.reshape(cells, step, cells, step).mean(axis=(1, 3))
    assert np.abs(inner - face.crop_mask)[1:-1, 1:-1].mean() < 0.1
    assert (mask > 0.5).any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_whatever_a_crop_shows_no_solver_breaks(method, crops, solver):
    """Noise has codes everywhere, a stripe has all of its vertices in a line, one colour one vertex."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    noise[:, : SIZE - 12] = 128
    stripe = np.full((SIZE, SIZE, 3), 128, np.uint8)
    stripe[30:33] = crops["crop"][0][30:33]
    plain = np.full((SIZE, SIZE, 3), crops["crop"][0][32, 32], np.uint8)
    shown = np.stack([noise, stripe, plain, crops["crop"][0]])
    faces = method.changed(solver=solver, fusion=False).estimate(shown, [BOX] * 4)
    for face in faces:
        assert np.isfinite(face.landmarks_image).all()
        assert face.camera.scale > 0
        np.testing.assert_allclose(face.camera.rotation @ face.camera.rotation.T, np.eye(3), atol=1e-5)
    assert faces[3].reliable


def test_maps_that_broke_make_no_face_of_theirs_and_leave_the_others(method, crops, monkeypatch):
    network = method._networks["maps"]

    class Broken:
        path, output_names = network.path, network.output_names

        def __call__(self, **arrays):
            found = network(**arrays)
            found["code"] = found["code"].copy()
            found["code"][0, 0, 3, 3] = np.nan
            return found

    monkeypatch.setitem(method._networks, "maps", Broken())
    for solver in SOLVERS:
        first, second = method.changed(solver=solver, fusion=False).estimate(crops["crop"][:2], [BOX] * 2)
        assert not first.is_finite
        assert second.is_finite


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
    grey = np.full_like(crops["crop"][1], 128)
    drawn = draw_overlay(grey, faces, layers="correspondence", opacity=1.0)
    colored = (drawn != grey).any(axis=2)
    assert colored.sum() > 300
    apart = drawn[colored].astype(int) - crops["crop"][1][colored]  # the paint is the code
    assert np.abs(apart).mean() < 2
    assert not face.without_values().is_finite


def test_where_nothing_is_detected_the_face_is_where_the_crop_is_and_says_so(method):
    grey = np.full((1, SIZE, SIZE, 3), 128, np.uint8)
    for solver in SOLVERS:
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
        ({"stages": 0}, "stages"),
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


def test_other_networks_export_too(config, lfm, crops, tmp_path):
    """Depth, no landmarks, no line search, LSTM, all groups at once: each another graph."""
    updates = replace(tiny().updates, fusion=False, cell="lstm", order="joint")
    capu = replace(tiny().capu, enabled=False)
    cpr = replace(tiny().cpr, mask_channel=False, scale="log", rz="cross_pair")
    unet = replace(tiny().unet, depth=True)
    network = replace(tiny(), updates=updates, capu=capu, cpr=cpr, unet=unet, solver="cpr")
    torch.manual_seed(0)
    made = new_network(replace(config, network=network), lfm)
    made.trained_rounds.fill_(2)
    path = exported(EXPORTER, made, tmp_path / "other.lineament", margin=1.5)
    method = Cprfa.from_bundle(Bundle.open(path), threads=1)
    assert method.switches.solver == "cpr"
    assert method.detector is None
    for name, row in method.rows().items():
        for face in row.estimate(crops["crop"][:2], [BOX] * 2):
            assert np.isfinite(face.landmarks_image).all(), name


def test_maps_of_half_the_size_are_enlarged_in_the_graph(config, lfm, crops, tmp_path):
    residual = EncoderConfig(stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1))
    unet = UnetConfig(
        widths=(8,) * 5, encoder="residual", residual=residual, squeeze=8, hidden=16, depth=True, frozen=6
    )
    torch.manual_seed(0)
    made = new_network(replace(config, network=replace(tiny(), unet=unet)), lfm).eval()
    path = exported(EXPORTER, made, tmp_path / "residual.lineament", margin=1.5)
    maps = Cprfa.from_bundle(Bundle.open(path), threads=1).maps(crops["crop"][:2])
    assert {name: values.shape for name, values in maps.items()} == {
        "code": (2, 3, SIZE, SIZE),
        "face_mask": (2, SIZE, SIZE),
        "depth": (2, SIZE, SIZE),
    }
    code, mask, depth = map_arrays(made, torch.as_tensor(crops["crop"][:2]))
    for name, values in (("code", code), ("face_mask", mask), ("depth", depth)):
        np.testing.assert_allclose(maps[name], values, atol=2e-3)


def test_a_network_of_numbers_that_are_none_is_not_exported(config, lfm, tmp_path):
    made = painted_network(config, lfm)
    made.trained_rounds.fill_(1)
    torch.nn.init.constant_(made.rounds[0].networks["s"].heads[0].out.bias, float("nan"))
    with pytest.raises(ExportError, match="differs from torch"):
        exported(EXPORTER, made, tmp_path / "broken.lineament", margin=1.5)
    assert not (tmp_path / "broken.lineament").exists()


def test_an_aligner_takes_the_weights(weights, crops):
    aligner = FaceAligner.from_pretrained(weights, threads=1)
    (face,) = aligner(crops["crop"][0], boxes=[[12.0, 12.0, 52.0, 52.0]])
    assert isinstance(face, CprfaResult)


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def painted_photo(crops, tmp_path_factory):
    """A photograph of a painted face, and a file of its box."""
    folder = tmp_path_factory.mktemp("photo")
    photo = np.full((96, 128, 3), 128, np.uint8)
    photo[16 : 16 + SIZE, 32 : 32 + SIZE] = crops["crop"][0]
    Image.fromarray(photo).save(folder / "painted.png")
    (folder / "boxes.csv").write_text("painted.png,44,28,84,68\n")
    return folder


def test_photographs_are_aligned_drawn_and_exported(weights, painted_photo, tmp_path):
    out = tmp_path / "out"
    words = ["--boxes", painted_photo / "boxes.csv", "--out", out, "--threads", 1]
    words += ["--overlay", "correspondence,landmarks", "--format", "obj,json,npz,ply,csv,glb"]
    run("align", painted_photo / "painted.png", "--weights", weights, *words)
    names = {path.name for path in out.iterdir()}
    assert {"painted_overlay.png", "painted.json", "painted_face0.obj", "painted_face0.glb"} <= names
    before, after = (read_image(p) for p in (painted_photo / "painted.png", out / "painted_overlay.png"))
    assert (before != after).any(axis=2).mean() > 0.05
    (face,) = json.loads((out / "painted.json").read_text())["faces"]
    assert np.isfinite(face["landmarks_image"]).all()


def test_a_real_photograph_gives_a_face_by_every_solver(weights):
    photo = read_image(PHOTO)
    aligner = FaceAligner.from_pretrained(weights, threads=1)
    for solver in SOLVERS:
        aligner.method = aligner.method.changed(solver=solver)
        (face,) = aligner(photo, boxes=[FACE])
        assert face.solver == solver
        assert np.isfinite(face.vertices_image).all()
        assert face.visibility.shape == (len(face.vertices_image),)
    drawn = draw_overlay(photo, [face], layers="correspondence")
    assert drawn.shape == photo.shape


def test_a_film_is_drawn(weights, tmp_path):
    shared.package("cv2", extra="video")
    from lineament.video import VideoWriter

    photo = np.asarray(Image.fromarray(read_image(PHOTO)).crop((100, 0, 356, 256)))
    with VideoWriter(tmp_path / "clip.avi", rate=25) as film:
        for number in range(3):
            film.write(number / 25, photo)
    words = ["--out", tmp_path / "out", "--format", "film", "--overlay", "correspondence"]
    run("video", tmp_path / "clip.avi", "--weights", weights, *words)
    assert (tmp_path / "out" / f"clip_overlay{shared.film_suffix()}").stat().st_size > 1000


def test_all_rows_are_evaluated_in_one_run(weights, painted_photo, true_landmarks, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "painted.png").write_bytes((painted_photo / "painted.png").read_bytes())
    points = true_landmarks[0].numpy() + np.array([32.5, 16.5])
    lines = "\n".join(f"{x} {y}" for x, y in points)
    (data / "painted.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    run("eval", "pts", "--data", data, "--out", tmp_path / "report", "--weights", weights, "--rows")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    measured = report["protocols"][0]["measured"]
    assert [name.rpartition(": ")[2] for name in measured] == list(ROWS)
    errors = {name.rpartition(": ")[2]: row["mean"] for name, row in measured.items()}
    assert np.isfinite(list(errors.values())).all()
    assert errors["least squares"] < errors["pnp"]


def test_every_stage_of_a_run_exports(runs, crops, tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.train.onnx.exporter.CHECKED", 2)
    for stage, graphs in {
        "maps": {"maps"},
        "round_1": {"maps", "round_1"},
        "round_2": {"maps", "round_1", "round_2"},
    }.items():
        path = tmp_path / f"{stage}.lineament"
        run("export", runs / stage, "--out", path)
        assert set(Bundle.open(path).manifest.graphs) == graphs
    aligner = FaceAligner.from_pretrained(path, threads=1)
    (face,) = aligner(crops["crop"][0], boxes=[[12.0, 12.0, 52.0, 52.0]])
    assert np.isfinite(face.vertices_image).all()
    trained = CPRFA.trained(runs / "round_2")
    np.testing.assert_array_equal(face.chosen_vertices, trained.codes.vertex[trained.chosen.numpy()])


def test_a_configuration_with_all_stages_is_trained_by_one_command(folder, tmp_path):
    config = tmp_path / "cprfa.toml"
    config.write_text(
        f"""stage = "all"
workers = 0
reference_crops = 2
validation_crops = 2
[data]
samples = ["{folder}"]
[observe]
crops = 4
landmarks = "default"
[augment]
crop_size = 64
crop_margin = 1.5
[network]
crop_size = 64
crop_margin = 1.5
[network.unet]
encoder = "plain"
widths = [8, 8, 8, 8]
[network.cpr]
side = 16
[network.updates]
widths = [8, 8, 8, 8, 8, 8]
landmark_widths = [8, 8, 8, 8, 8, 8]
hidden = 8
[loop]
steps = 1
batch = 4
precision = "float32"
[round_loop]
steps = 1
batch = 4
"""
    )
    run("train", "cprfa", "--config", config, "--out", tmp_path / "run", "--threads", 1)
    assert json.loads((tmp_path / "run" / "round_2" / "figures.json").read_text())["step"] == 1
