import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from typer.testing import CliRunner

from lineament.cli.candidates import shown_names
from lineament.cli.main import app
from lineament.files import working_folder
from shared import ROOT

runner = CliRunner()


@pytest.fixture
def photos(tmp_path):
    """Two photographs with 68 points each, and predictions that are off by (3, 4) px on the first."""
    folder = tmp_path / "photos"
    folder.mkdir()
    points = np.random.default_rng(0).uniform(30, 90, (2, 68, 2))
    for name, face in zip("ab", points, strict=True):
        Image.new("RGB", (120, 120)).save(folder / f"{name}.png")
        lines = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in face)
        (folder / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    found = points.copy()
    found[0] += (3, 4)
    np.savez(tmp_path / "theirs.npz", names=np.array(["a.png", "b.png"]), landmarks=found)
    return tmp_path, points


def test_a_file_of_predictions_is_evaluated_in_one_command(photos):
    folder, points = photos
    arguments = ["eval", "pts", "--data", str(folder / "photos"), "--out", str(folder / "report")]
    arguments += ["--predictions", str(folder / "theirs.npz")]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "interocular-51, theirs: mean" in done.output
    content = json.loads((folder / "report" / "report.json").read_text())
    measured = content["protocols"][0]["measured"]["theirs"]
    expected = 100 * 5 / np.linalg.norm(points[0, 36] - points[0, 45]) / 2
    assert measured["mean"] == pytest.approx(expected, rel=1e-3)
    assert measured["found"] == 2
    first = {path.name: path.read_bytes() for path in (folder / "report").glob("report.*")}
    assert set(first) == {"report.json", "report.md", "report.html"}
    assert runner.invoke(app, arguments).exit_code == 0
    assert first == {path.name: path.read_bytes() for path in (folder / "report").glob("report.*")}


def test_two_evaluations_do_not_write_into_one_folder(photos):
    folder, _ = photos
    arguments = ["eval", "pts", "--data", str(folder / "photos"), "--out", str(folder / "report")]
    arguments += ["--predictions", str(folder / "theirs.npz")]
    with working_folder(folder / "report"):
        done = runner.invoke(app, arguments)
    assert done.exit_code == 1
    assert "another run is writing into this folder" in done.output


def test_what_can_be_evaluated_is_listed():
    output = runner.invoke(app, ["eval", "list"]).output
    for name in ("aflw2000-3d", "rendered-scans", "mediapipe", "dsfnet-table1"):
        assert name in output


WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
from lineament.cli.main import app
app(["eval", "list"])
"""


def test_the_list_needs_no_scipy():
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "aflw2000-3d" in done.stdout


@pytest.mark.parametrize("option", ["--baseline", "--peer"])  # the second is what it was called before
def test_another_method_is_named_by_either_option(photos, option):
    arguments = ["eval", "pts", "--data", str(photos[0] / "photos"), "--out", str(photos[0] / "report")]
    done = runner.invoke(app, [*arguments, option, "nonsense"])
    assert done.exit_code == 1
    assert "There is no baseline 'nonsense'" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eval", "pts"], "--data and --out"),
        (["eval", "nonsense", "--data", ".", "--out", "x"], "nonsense"),
        (["eval", "pts", "--data", "/nowhere/at/all", "--out", "x"], "neither a folder nor a zip"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, words):
    done = runner.invoke(app, arguments)
    assert done.exit_code != 0
    assert words in done.output
    assert "Traceback" not in done.output


def test_files_of_one_name_in_two_folders_are_rows_of_two_names():
    names = shown_names(["default", "a/regressor.onnx", "b/regressor.onnx", "theirs.npz"])
    assert names == {
        "default": None,
        "a/regressor.onnx": "a/regressor.onnx",
        "b/regressor.onnx": "b/regressor.onnx",
        "theirs.npz": None,
    }


@pytest.fixture
def damaged(tmp_path):
    """AFLW2000-3D of two faces, the picture of the first damaged."""
    folder = tmp_path / "aflw2000"
    folder.mkdir()
    points = np.random.default_rng(0).uniform(30, 90, (2, 3, 68))
    for name, face in zip(("image1", "image2"), points, strict=True):
        content = {
            "Shape_Para": np.zeros((199, 1)),
            "Exp_Para": np.zeros((29, 1)),
            "Tex_Para": np.zeros((199, 1)),
            "Color_Para": np.ones((1, 7)),
            "Illum_Para": np.zeros((1, 10)),
            "Pose_Para": np.ones((1, 7)) / 9,
            "roi": np.ones((1, 4)),
            "pt3d_68": face,
            "pt2d": np.ones((2, 21)),
        }
        savemat(folder / f"{name}.mat", content)
        Image.new("RGB", (120, 120), (90, 90, 90)).save(folder / f"{name}.jpg")
    (folder / "image1.jpg").write_bytes(b"cut short")
    return folder


def test_a_damaged_picture_is_named_counts_as_not_found_and_the_rest_is_evaluated(damaged, tmp_path):
    arguments = ["eval", "aflw2000-3d", "--data", str(damaged), "--out", str(tmp_path / "report")]
    done = runner.invoke(app, [*arguments, "--protocol", "sadrnet-table1-mean", "--passes", "1"])
    assert done.exit_code == 1
    assert "(1 of 2)" in done.output
    assert "image1" in done.output
    assert "image1.jpg is not a photo" in done.output
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    (score,) = content["protocols"][0]["measured"].values()
    assert (score["found"], score["expected"]) == (1, 2)
    assert [item for _, item, _ in content["failed"]] == ["image1"]
