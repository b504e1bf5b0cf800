"""`lineament batch` without a cluster: what it says when something is missing."""

import sys

import pytest
from typer.testing import CliRunner

import shared
from lineament.cli.main import app
from shared import ROOT

PHOTOS = str(ROOT / "demo" / "photos")


def test_without_ray_the_command_says_what_to_install(tmp_path, monkeypatch):
    shared.package("pyarrow", extra="batch")
    monkeypatch.setitem(sys.modules, "ray", None)
    done = CliRunner().invoke(app, ["batch", PHOTOS, "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert done.stderr == "error: A cluster needs one more package: pip install 'lineament[batch]'.\n"
    assert not (tmp_path / "out").exists()


def test_without_pyarrow_it_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = CliRunner().invoke(app, ["batch", PHOTOS, "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "pip install 'lineament[batch]'" in done.stderr


@pytest.mark.parametrize("words", [["--targets", "none"], ["--part-photos", "0"], ["--gpu-share", "2"]])
def test_what_cannot_be_is_a_usage_error(tmp_path, words):
    assert CliRunner().invoke(app, ["batch", PHOTOS, "-o", str(tmp_path / "out"), *words]).exit_code == 2
