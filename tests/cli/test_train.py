import json
import shutil

import pytest
from typer.testing import CliRunner

from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.files import working_folder

pytest.importorskip("torch")


def call(*arguments):
    return CliRunner().invoke(app, [str(word) for word in arguments])


def run(*arguments):
    return call("train", *arguments)


def test_what_can_be_trained_is_said(tmp_path):
    done = run("nothing", "--config", tmp_path / "c.toml", "--out", tmp_path)
    assert done.exit_code == 1
    assert "choose from closeup, " in done.output


def test_who_asks_train_for_a_table_is_told_the_command_that_makes_it(tmp_path):
    done = run("ablation", "--config", tmp_path / "c.toml", "--out", tmp_path)
    assert done.exit_code == 1
    assert "lineament ablate synergynet --config FILE --out FOLDER" in " ".join(done.output.split())


def test_a_wrong_key_is_named_and_nothing_is_written(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[loop]\nstep = 3\n")
    done = run("regressor", "--config", config, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert "c.toml: loop has a key 'step'" in done.output
    assert not (tmp_path / "run").exists()


def test_a_file_and_changes_become_a_run(tmp_path):
    from tests.train.detector.test_training import write_mosaics

    folder = write_mosaics(tmp_path / "canvases")
    config = tmp_path / "c.toml"
    config.write_text(f"mosaics = '{folder}'\nvalidation = '{folder}'\nworkers = 0\n[loop]\nbatch = 2\n")
    done = run("detector", "-c", config, "-o", tmp_path / "run", "--set", "loop.steps=1", "--threads", 1)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "config.json").read_text())["loop"]["steps"] == 1
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == {"method": "detector"}
    done = call("export", tmp_path / "run", "--out", tmp_path / "detector.lineament")
    assert done.exit_code == 0, done.output
    assert Bundle.open(tmp_path / "detector.lineament").manifest.method == "detector"


@pytest.fixture
def config(tmp_path):
    """Of a detector's run of a step."""
    from tests.train.detector.test_training import write_mosaics

    folder = write_mosaics(tmp_path / "canvases")
    config = tmp_path / "c.toml"
    config.write_text(
        f"mosaics = '{folder}'\nvalidation = '{folder}'\nworkers = 0\n[loop]\nbatch = 2\nsteps = 1\n"
    )
    return config


def test_two_runs_do_not_write_into_one_folder(tmp_path, config):
    with working_folder(tmp_path / "run"):
        done = run("detector", "-c", config, "-o", tmp_path / "run")
    assert done.exit_code == 1
    assert "another run is writing into this folder. Wait for it" in " ".join(done.output.split())
    assert not (tmp_path / "run").exists()


def test_data_that_cannot_be_read_leave_no_folder(tmp_path, config):
    shutil.rmtree(tmp_path / "canvases")
    done = run("detector", "-c", config, "-o", tmp_path / "run")
    assert done.exit_code == 1
    assert "There are no mosaics in" in done.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a checkpoint", b"\x80\x02}q\x00."])
def test_a_damaged_checkpoint_is_named_and_kept(tmp_path, config, content):
    (tmp_path / "run").mkdir()
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    checkpoint.write_bytes(content)
    done = run("detector", "-c", config, "-o", tmp_path / "run")
    assert done.exit_code == 1
    assert "checkpoint.pt cannot be gone on from" in " ".join(done.output.split())
    assert checkpoint.read_bytes() == content


def test_a_folder_that_is_no_run_is_named(tmp_path):
    done = call("export", tmp_path, "--out", tmp_path / "mine.lineament")
    assert done.exit_code == 1
    assert "is no run folder: run.json cannot be read" in " ".join(done.output.split())


def test_an_old_run_asks_for_its_method(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    done = call("export", tmp_path, "--out", tmp_path / "mine.lineament")
    assert done.exit_code == 1
    assert "name it with --method" in done.output


def test_a_method_without_variants_has_no_table(tmp_path):
    done = call("ablate", "detector", "--config", tmp_path / "c.toml", "--out", tmp_path)
    assert done.exit_code == 1
    assert "detector has no variants to compare" in done.output


def test_what_can_be_imported_is_said(tmp_path):
    done = call(
        "import", "something", tmp_path / "a.pth", "--bfm", tmp_path, "--out", tmp_path / "a.lineament"
    )
    assert done.exit_code == 1
    assert "choose from dsfnet-checkpoint, sadrnet-checkpoint, synergynet-checkpoint" in " ".join(
        done.output.split()
    )
