import json

import pytest
from typer.testing import CliRunner

from lineament.cli.main import app

pytest.importorskip("torch")


def run(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_what_can_be_trained_is_said(tmp_path):
    done = run("nothing", "--config", tmp_path / "c.toml", "--out", tmp_path)
    assert done.exit_code == 1
    assert "choose from ablation, detector, regressor, synergynet" in done.output


def test_a_wrong_key_is_named_and_nothing_is_written(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[loop]\nstep = 3\n")
    done = run("regressor", "--config", config, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert "c.toml: loop has a key 'step'" in done.output
    assert not (tmp_path / "run").exists()


def test_a_file_and_changes_become_a_run(tmp_path):
    from tests.train.detector.test_training import write_canvases

    folder = write_canvases(tmp_path / "canvases")
    config = tmp_path / "c.toml"
    config.write_text(f"canvases = '{folder}'\nvalidation = '{folder}'\nworkers = 0\n[loop]\nbatch = 2\n")
    done = run("detector", "-c", config, "-o", tmp_path / "run", "--set", "loop.steps=1", "--threads", 1)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "config.json").read_text())["loop"]["steps"] == 1
    assert (tmp_path / "run" / "face_detector.onnx").exists()
