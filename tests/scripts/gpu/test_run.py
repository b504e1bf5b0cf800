"""The round trip to a lent machine, with scratch folders as the machines and all limits as they are there."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch

from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from scripts.gpu import run as gpu_run
from scripts.gpu.checkpoint_compression import split_checkpoint
from tests.scripts.gpu.test_photo_pack import sample

ROOT = Path(__file__).parents[3]
MIB = 2**20
CONFIG = """
face_swap = 0.0
standardisation_crops = 8
validation_crops = 2
augment.crop_size = 32
data.samples = [".gpu_work/photos"]
workers = 0
network = {width = 0.25, crop_size = 32}
[loop]
steps = 3
batch = 4
log_every = 1
precision = "float32"
"""
RECIPE = """
photos_a_shard = 2
photos.min_face = 10
rotated = {count = 1, size = 64, face = 40}
occluded.probability = 0.0
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, lfm):
    """A set with three photographs, one of a person held out."""
    shards = ShardFolder(
        tmp_path_factory.mktemp("set"), Recipe("three photographs", "none", 0, "test", "lfm")
    )
    three = [sample(lfm, number) for number in range(3)]
    shards.add(write_shard(shards.folder, "all", three, shards.recipe.storage))
    return shards.folder


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """machine(name): a folder under git with the files of a run, in which commands run from now on."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))

    def enter(name):
        folder = tmp_path / name
        if not folder.exists():
            folder.mkdir()
            subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
            (folder / ".gitignore").write_text(".gpu*\n")
            (folder / "train.toml").write_text(CONFIG)
            (folder / "recipe.toml").write_text(RECIPE)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("OUT", str(folder / "out"))
        return folder

    return enter


def call(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["gpu_run", *map(str, words)])
    return gpu_run.main()


def piece(monkeypatch, *, minutes):
    words = ["--make", "photos=recipe.toml", "--train", "synergynet:train.toml", "--processes", 1]
    return call(monkeypatch, "piece", *words, "--minutes", minutes)


def carried(home, there):
    """What the tool for lent machines does with the carried folder."""
    subprocess.run(["cp", "-r", home / ".gpu", there / ".gpu"], check=True)


def network_of(folder):
    return torch.load(folder / ".gpu_work/train/checkpoint.pt", weights_only=True)["network"]


def test_a_run_in_pieces_on_two_fresh_machines_ends_bit_for_bit_like_one_on_one(
    photographs, machine, monkeypatch
):
    home = machine("home")
    assert call(monkeypatch, "pack", "--samples", photographs, "--side", 80) == 0

    first = machine("first")
    carried(home, first)
    assert piece(monkeypatch, minutes=0) == 0  # to the first step that is logged
    back = [file for file in (first / "out").rglob("*") if file.is_file()]
    sizes = {str(file.relative_to(first / "out")): file.stat().st_size for file in back}
    assert {"train/checkpoint.00", "train/checkpoint.01", "records.zip"} <= set(sizes)
    assert len(back) <= 8
    assert max(sizes.values()) <= 16 * MIB
    assert sum(sizes.values()) <= 64 * MIB

    machine("home")
    assert call(monkeypatch, "keep", "--back", first / "out") == 0
    assert 0 < gpu_run.room(Path(".gpu")) < 64 * MIB - sum(sizes.values())

    second = machine("second")
    carried(home, second)
    assert piece(monkeypatch, minutes=60) == 0
    assert json.loads((second / ".gpu_work/train/sessions.json").read_text())[-1]["step"] == 1
    log = (second / ".gpu_work/train/log.jsonl").read_text()
    assert [json.loads(line)["step"] for line in log.splitlines() if "loss" in line] == [1, 2, 3]

    (first / ".gpu_work/train/checkpoint.pt").unlink()
    machine("first")  # still warm, but asked to begin anew and not interrupted
    assert piece(monkeypatch, minutes=60) == 0
    whole, parted = network_of(first), network_of(second)
    assert all(torch.equal(tensor, parted[name]) for name, tensor in whole.items())


def test_a_run_is_given_as_many_steps_as_there_is_time_for_once(tmp_path):
    assert gpu_run._ending(tmp_path, 60) == []  # nothing is known of its pace yet
    (tmp_path / "config.json").write_text('{"loop": {"batch": 20}}')
    lines = [{"step": 50, "samples_a_second": 10}, {"step": 100, "samples_a_second": 200}] * 2
    lines += [{"step": 150, "samples_a_second": 200}, {"step": 150, "validation_nme_percent": 3.0}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert gpu_run._ending(tmp_path, 0) == []
    assert gpu_run._ending(tmp_path, 60) == ["loop.steps=750"]
    assert gpu_run._ending(tmp_path, 999) == ["loop.steps=750"]
    assert gpu_run._ending(tmp_path, 0) == ["loop.steps=750"]


def write_back(folder, size):
    """A checkpoint of a given number of weights, as a machine sends it back."""
    (folder / "back").mkdir(parents=True)
    network, average = ({"w": torch.arange(size, dtype=torch.float32)} for _ in range(2))
    state = {"network": network, "average": average, "optimiser": None, "step": 7, "skipped": 0}
    torch.save(state, folder / "whole.pt")
    split_checkpoint(folder / "whole.pt", folder / "back" / "train", budget=10**9)
    with zipfile.ZipFile(folder / "back" / "records.zip", "w") as records:
        records.writestr("train/steps.json", "7")
    return folder / "back"


def test_what_there_is_no_room_for_is_kept_less_exactly_and_that_is_said(
    machine, monkeypatch, capsys, tmp_path
):
    home = machine("home")
    back = write_back(tmp_path / "one", 100_000)  # twice 400 kB
    (home / "tree.bin").write_bytes(bytes(1000))
    monkeypatch.setattr(gpu_run, "MAX_THERE", 600_000)
    assert call(monkeypatch, "keep", "--back", back) == 0
    assert "level half: there was room for no more" in capsys.readouterr().out
    assert 0 <= gpu_run.room(Path(".gpu")) < 250_000
    assert (home / ".gpu/checkpoints/records.zip").exists()
    monkeypatch.setattr(gpu_run, "MAX_THERE", 100_000)
    assert call(monkeypatch, "keep", "--back", back) == 1
    assert "the budget is" in capsys.readouterr().err


def test_runs_that_did_not_come_back_stay_and_nothing_is_lost_where_there_is_no_room(
    machine, monkeypatch, tmp_path
):
    home = machine("home")
    assert call(monkeypatch, "keep", "--back", write_back(tmp_path / "one", 1000)) == 0
    other = write_back(tmp_path / "two", 1000)
    (other / "train").rename(other / "other")
    with zipfile.ZipFile(other / "records.zip", "w") as records:
        records.writestr("other/steps.json", "8")
    assert call(monkeypatch, "keep", "--back", other) == 0
    parts = home / ".gpu" / "checkpoints"

    def kept():
        return {str(file.relative_to(parts)): file.read_bytes() for file in parts.rglob("*.0*")}

    before = kept()
    assert set(before) == {"train/checkpoint.00", "other/checkpoint.00"}
    assert set(zipfile.ZipFile(parts / "records.zip").namelist()) == {"train/steps.json", "other/steps.json"}
    monkeypatch.setattr(gpu_run, "MAX_THERE", 10_000)
    assert call(monkeypatch, "keep", "--back", write_back(tmp_path / "three", 10_000)) == 1
    assert kept() == before
    assert not (home / ".gpu" / "checkpoints.new").exists()


def test_a_pack_that_is_missing_and_two_runs_of_one_name_are_errors(machine, monkeypatch, capsys):
    machine("home")
    words = ["--train", "synergynet:train.toml", "--processes", 1]
    assert call(monkeypatch, "piece", "--make", "photos=open", *words) == 1
    assert "photos.npz is missing" in capsys.readouterr().err
    assert call(monkeypatch, "piece", "--train", "regressor:b/train.toml", *words) == 1
    assert "the same name" in capsys.readouterr().err


def test_a_folder_without_a_checkpoint_is_refused_and_the_kept_one_stays(machine, monkeypatch, tmp_path):
    home = machine("home")
    kept = home / ".gpu" / "checkpoints" / "train"
    kept.mkdir(parents=True)
    (kept / "checkpoint.00").write_bytes(b"old")
    (tmp_path / "empty").mkdir()
    assert call(monkeypatch, "keep", "--back", tmp_path / "empty") == 1
    assert (kept / "checkpoint.00").read_bytes() == b"old"
