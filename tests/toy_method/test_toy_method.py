"""A method of a family that lineament does not have yet goes through everything.

It is these files and two rows, of ``lineament.methods.METHODS`` and ``lineament.train.methods.METHODS``,
which the fixture adds; nothing of the package knows of it.
"""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import shared
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.crop import CropBox
from lineament.image import read_image
from lineament.methods.predictor import Predictor
from lineament.result import FreeFormResult
from shared import ROOT, film_suffix

pytest.importorskip("torch")

PHOTO = sorted((ROOT / "demo" / "photos").glob("*.jpg"))[0]
ALL_FORMATS = "obj,glb,ply,npz,json,depth,pncc,normals,parts,texture,frontal"
CONFIG = """
workers = 0
validation_crops = 4
data.samples = ["{samples}"]
[loop]
steps = 2
batch = 4
log_every = 1
save_every = 1
precision = "float32"
"""


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def ran(*words):
    status, output = call(*words)
    assert status == 0, output
    return output


@pytest.fixture(scope="module", autouse=True)
def two_rows():
    """The toy in both tables."""
    from lineament.methods import METHODS
    from lineament.train import methods as training
    from toy_method.inference import ToyPositionMap
    from toy_method.row import TOY

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "toy-map", ToyPositionMap)
        patch.setitem(training.METHODS, "toy", TOY)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Configurations of a training and of a table, on twelve samples of noise."""
    from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
    from samples import noise_sample

    folder = tmp_path_factory.mktemp("toy")
    shards = ShardFolder(folder / "samples", Recipe("noise", "none", 0, "test", "lfm"))
    noise = [noise_sample(np.random.default_rng(number), number) for number in range(12)]
    shards.add(write_shard(shards.folder, "noise_00000", noise, shards.recipe.storage))
    text = CONFIG.format(samples=shards.folder)
    (folder / "train.toml").write_text(text)
    base = text.replace("[loop]", "[base.loop]").replace("data.samples", "base.data.samples")
    base = base.replace("workers", "base.workers").replace("validation_crops", "base.validation_crops")
    (folder / "table.toml").write_text(base + '[pretraining]\nsteps = 1\nbatch = 4\nprecision = "float32"\n')
    return folder


@pytest.fixture(scope="module")
def run(folder):
    ran("train", "toy", "--config", folder / "train.toml", "--out", folder / "run", "--threads", 1)
    return folder / "run"


@pytest.fixture(scope="module")
def weights(folder, run):
    ran("export", run, "--out", folder / "toy.lineament")
    return folder / "toy.lineament"


@pytest.fixture(scope="module")
def aligner(weights):
    return FaceAligner.from_pretrained(weights, threads=1)


@pytest.fixture(scope="module")
def face(aligner):
    (face, *_) = aligner(read_image(PHOTO))
    return face


def test_its_run_says_what_it_is_and_has_the_figures_of_all_methods(run):
    figures = json.loads((run / "figures.json").read_text())
    shared = {"nme_percent", "nme_percent_0", "yaw_error_deg", "rotation_error_deg", "train_nme_percent"}
    assert shared <= set(figures)
    assert np.isfinite(list(figures.values())).all()
    assert json.loads((run / "run.json").read_text())["method"] == "toy"


def test_its_weights_are_a_bundle_with_constants(weights):
    bundle = Bundle.open(weights)
    assert bundle.manifest.method == "toy-map"
    assert int(bundle.arrays()["size"]) == 8
    assert "12 samples of noise" in bundle.manifest.data


def test_a_photo_gives_free_form_faces_with_the_nearest_coefficients(face):
    assert isinstance(face, FreeFormResult)
    assert np.isfinite(face.vertices_image).all()
    assert face.landmarks_image.shape == (68, 3)
    assert face.blendshapes
    assert face.fit_residual_mm > 0


def test_what_the_network_says_of_a_crop_becomes_the_vertices(aligner, weights, lfm):
    from toy_method.chart import skin_map

    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    (face,) = Predictor(aligner.method).predict(crop, [CropBox(center_xy=(16.0, 16.0), side=32.0, size=32)])
    said = Bundle.open(weights).network(threads=1)(crop=crop[None])["position_map"][0]
    wanted = skin_map(lfm, 8).vertices(32 * np.moveaxis(said, 0, -1))
    on_map = np.isfinite(wanted).all(axis=1)
    assert 0.8 < on_map.mean() < 1  # eyes and teeth have no place there
    np.testing.assert_allclose(face.vertices_image[on_map], wanted[on_map], atol=1e-3)


def test_every_file_that_align_writes_exists_or_is_named(weights, tmp_path):
    output = ran("align", PHOTO, "--weights", weights, "--out", tmp_path, "--format", ALL_FORMATS)
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert {".obj", ".ply", ".glb", ".npz", ".json"} <= written, output


def test_a_film_of_it_gives_an_overlay_a_head_and_a_table(weights, tmp_path):
    shared.package("cv2", extra="video")
    from lineament.video import VideoWriter

    photo = np.asarray(read_image(PHOTO))[::2, ::2]
    with VideoWriter(tmp_path / "film.avi", rate=25) as film:
        for number in range(4):
            film.write(number / 25, photo)
    ran("video", tmp_path / "film.avi", "--weights", weights, "--out", tmp_path / "out")
    written = {path.suffix for path in (tmp_path / "out").iterdir()}
    assert {film_suffix(), ".glb"} <= written


def test_it_is_evaluated_like_any_other(weights, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    points = rng.uniform(30, 90, (68, 2))
    Image.fromarray(rng.integers(0, 256, (120, 120, 3), np.uint8)).save(tmp_path / "a.png")
    lines = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in points)
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    ran(
        "eval",
        "pts",
        "--data",
        tmp_path,
        "--weights",
        weights,
        "--crops",
        "truth",
        "--out",
        tmp_path / "report",
    )
    (protocol,) = json.loads((tmp_path / "report" / "report.json").read_text())["protocols"][:1]
    (measured,) = protocol["measured"].values()
    assert measured["found"] == 1
    assert np.isfinite(measured["mean"])


def test_the_page_says_that_it_cannot_run_it(weights, tmp_path):
    status, output = call("view", "--export", tmp_path / "page", "--weights", weights)
    assert status == 1
    assert "runs morphable-regressor and close-up-regressor; toy.lineament is toy-map" in " ".join(
        output.split()
    )


def test_its_table_compares_the_variants_with_the_published_figure(folder):
    ran("ablate", "toy", "--config", folder / "table.toml", "--out", folder / "table", "--threads", 1)
    text = (folder / "table" / "ablation.md").read_text()
    assert "after 1 steps of 4 that all rows share" in text
    assert "| whole |" in text
    assert "| 9.99 |" in text
    assert "| no-depth |" in text
    before = (folder / "table" / "whole" / "1" / "log.jsonl").read_text()
    ran("ablate", "toy", "--config", folder / "table.toml", "--out", folder / "table")
    assert (folder / "table" / "whole" / "1" / "log.jsonl").read_text() == before
