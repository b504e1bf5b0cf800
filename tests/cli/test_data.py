import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lineament.cli import wings
from lineament.cli.main import app
from lineament.data.build.builder import BuildProgress
from lineament.data.samples.sample import Kind
from lineament.data.samples.store import SampleStore
from lineament.files import working_folder
from lineament.image import read_image
from samples import fill

DEMO = Path(__file__).parents[2] / "demo" / "photos"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Nine small samples in three shards."""
    folder = tmp_path_factory.mktemp("samples")
    fill(folder)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_help_names_every_command():
    done = run("--help")
    assert done.exit_code == 0
    for command in ("build", "faces", "fit", "mosaics", "preview", "verify"):
        assert command in done.stdout


def test_verify_tells_what_a_whole_set_is_and_names_a_damaged_shard(folder, tmp_path):
    done = run("verify", folder)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "9 samples in 3 shards, all whole")
    assert "licence: research" in done.stdout
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "ytf_00001.tar").write_bytes(b"nothing")
    done = run("verify", copy)
    assert done.exit_code == 1
    assert "ytf_00001.tar" in done.stderr


def test_preview_writes_one_page_that_needs_nothing_else(folder, tmp_path):
    page = tmp_path / "look.html"
    assert run("preview", folder, "--count", 4, "--out", page).exit_code == 0
    text = page.read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    table = json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    assert len(table["samples"]) == 4
    assert len(table["samples"][0]["points"]) == 68


def test_preview_writes_a_sheet_of_four_pictures_a_sample(folder, tmp_path):
    assert run("preview", folder, "-n", 3, "-o", tmp_path / "sheet.png").exit_code == 0
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet.shape == (400, 1600, 3)
    assert np.ptp(sheet[:, :1200]) > 200
    assert (sheet[:, 1202:] == 255).all()  # no fourth sample


def test_a_wrong_kind_lists_the_right_ones(folder):
    done = run("preview", folder, "--kind", "painted")
    assert done.exit_code == 1
    assert "choose photographed, turned, rendered" in done.stderr


def test_build_makes_a_set_of_a_folder_of_photographs(tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text("[rotated]\ncount = 1\nsize = 64\nface = 40\n[occluded]\nprobability = 0\n")
    photos = tmp_path / "album"
    photos.mkdir()
    shutil.copy(DEMO / "astronaut.jpg", photos)
    (photos / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    arguments = ["build", "-p", photos, "-o", tmp_path / "set", "-r", recipe, "--processes", 1]
    done = run(*arguments, "--licence", "mine alone")
    assert done.exit_code == 0, done.stderr
    assert "2 samples are in" in done.stdout
    assert "licence: mine alone" in done.stdout
    assert "torn.jpg" in (tmp_path / "set" / "left_out.csv").read_text()
    done = run(*arguments, "--licence", "everybody's")
    assert done.exit_code == 1
    assert "another recipe" in done.stderr


def test_a_recipe_of_rendered_faces_needs_no_photographs(tmp_path):
    recipe = tmp_path / "rendered.toml"
    recipe.write_text(
        "backgrounds = 'photos'\n[rendered]\ncount = 2\nsize = 64\n[occluded]\nprobability = 1\n"
    )
    done = run("build", "-o", tmp_path / "set", "-r", recipe, "--processes", 1)
    assert done.exit_code == 0, done.stderr
    assert "2 samples are in" in done.stdout
    assert "licence: rendered faces alone" in done.stdout
    store = SampleStore(tmp_path / "set", kinds=[Kind.RENDERED])
    assert [store[number].size_hw for number in range(2)] == [(64, 64)] * 2
    assert store.recipe.source == "2 rendered faces"
    done = run("fit", "-o", tmp_path / "fits", "-r", recipe)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no photographs to fit" in done.stderr


def test_a_recipe_of_nothing_says_what_is_missing(tmp_path):
    recipe = tmp_path / "nothing.toml"
    recipe.write_text("seed = 2\n")
    done = run("build", "-o", tmp_path / "set", "-r", recipe)
    assert done.exit_code == 1
    assert "names no collections and renders no faces" in done.stderr


def test_two_fits_do_not_write_into_one_folder(tmp_path):
    with working_folder(tmp_path / "fits"):
        done = run("fit", "-p", DEMO, "-o", tmp_path / "fits", "--processes", 1)
    assert done.exit_code == 1
    assert "another run is writing into this folder" in done.output


def test_fit_writes_a_line_for_every_face(tmp_path):
    done = run("fit", "-p", DEMO, "-o", tmp_path, "--processes", 1)
    assert done.exit_code == 0
    assert "faces kept" in done.stdout
    lines = (tmp_path / "fits.csv").read_text().splitlines()
    assert lines[0].startswith("photo,face,person,residual")
    assert any(line.startswith("astronaut.jpg,0,") for line in lines[1:])


def test_photographs_that_are_not_there_are_one_line(tmp_path):
    done = run("build", "-p", tmp_path / "nowhere", "-o", tmp_path / "set")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert "neither a folder nor a zip" in done.stderr


def test_a_missing_extra_says_what_to_install(monkeypatch, folder):
    def missing(*_args, **_kwargs):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr("lineament.data.samples.store.verify", missing)
    monkeypatch.setattr(wings, "find_spec", lambda name: None)
    done = run("verify", folder)
    assert done.exit_code == 1
    assert "pip install 'lineament[data]'" in done.stderr


def test_shards_that_are_made_again_are_told_once(monkeypatch, tmp_path):
    def build(config, processes):
        yield BuildProgress(1, 3, 3, 0, outdated=2)
        yield BuildProgress(3, 3, 9, 0, outdated=2)

    monkeypatch.setattr("lineament.data.build.builder.build", build)
    done = run("build", "--photos", DEMO, "--out", tmp_path)
    assert done.exit_code == 0
    assert done.stdout.count("2 shards are made again: landmarks, people or the face model have changed") == 1
