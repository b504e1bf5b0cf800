import json
import logging
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

import shared
from lineament.errors import DataError
from lineament.train.engine.loop import LoopConfig, Run
from lineament.train.engine.run_folder import (
    CONFIG,
    DATA,
    RunFolder,
    about_training,
    commit_of_checkout,
    read_table,
)


def folder(samples, source, licence):
    return {"folder": "anywhere", "samples": samples, "recipe": {"source": source, "licence": licence}}


def test_weights_say_what_their_run_was_trained_on(tmp_path):
    folders = [folder(1200, "congress (100 photographs)", "public domain"), folder(50, "mine", "internal")]
    (tmp_path / DATA).write_text(json.dumps({"folders": folders}))
    about = about_training(tmp_path)
    assert about["trained_on"] == "1,200 samples of congress (100 photographs); 50 samples of mine"
    assert "public domain; internal" in about["licence"]


def test_a_licence_shared_by_folders_is_said_once(tmp_path):
    (tmp_path / DATA).write_text(
        json.dumps({"folders": [folder(1, "a", "research"), folder(2, "b", "research")]})
    )
    assert about_training(tmp_path)["licence"].count("research") == 1


def test_weights_also_say_what_the_weights_they_began_with_saw(tmp_path):
    start = {"weights": "old", "trained_on": "three portraits", "licence": "mine"}
    content = {"folders": [folder(7, "a", "research")], "start": start}
    (tmp_path / DATA).write_text(json.dumps(content))
    about = about_training(tmp_path)
    assert about["trained_on"] == "7 samples of a; begun with weights that were trained on three portraits"
    assert about["licence"].endswith("research; mine")


def test_trainings_that_repeat_what_they_began_with_are_said_once(tmp_path):
    again = "7 samples of a; begun with weights that were trained on 2 samples of b"
    content = {
        "folders": [folder(7, "a", "research")],
        "start": {"weights": "old", "trained_on": again, "licence": "mine | research"},
    }
    (tmp_path / DATA).write_text(json.dumps(content))
    about = about_training(tmp_path)
    assert about["trained_on"] == again
    assert about["licence"].endswith("research; mine")


def test_folders_without_a_recipe_are_not_passed_over(tmp_path):
    folders = [folder(7, "a", "research"), {"folder": "b", "samples": 9}]
    (tmp_path / DATA).write_text(json.dumps({"folders": folders}))
    about = about_training(tmp_path)
    assert about["trained_on"] == "7 samples of a; 9 samples of a folder without a recipe"
    assert about["licence"].endswith("research; not stated")


def test_a_run_that_does_not_say_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not say what was trained on"):
        about_training(tmp_path)


class Writer:
    """Stands in for TensorBoard's."""

    def __init__(self, folder):
        self.folder, self.scalars, self.is_closed = folder, [], False

    def add_scalar(self, name, value, step):
        assert not self.is_closed
        self.scalars.append((name, value, step))

    def close(self):
        self.is_closed = True


@pytest.fixture
def writers(monkeypatch):
    """The writers made from now on."""
    made = []
    fake = SimpleNamespace(SummaryWriter=lambda folder: made.append(Writer(folder)) or made[-1])
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    return made


def test_what_is_logged_is_drawn_by_tensorboard_but_for_what_is_not_finite(tmp_path, writers):
    folder = RunFolder(tmp_path, tensorboard=True)
    folder.log({"step": 3, "loss": 0.5, "rate": float("nan")})
    folder.figures(4, {"nme_percent": 2.0})
    (writer,) = writers
    assert writer.folder == str(tmp_path / "events")
    assert writer.scalars == [("loss", 0.5, 3), ("nme_percent", 2.0, 4)]


def test_a_run_closes_its_event_file_also_where_it_fails(tmp_path, writers):
    config = LoopConfig(steps=2, batch=1, log_every=1, tensorboard=True)
    run = Run(tmp_path / "good", torch.nn.Linear(2, 1), config)
    run.train([torch.ones(1, 2)] * 2, lambda network, batch: {"loss": network(batch).sum()})
    assert [step for name, _, step in writers[0].scalars if name == "loss"] == [1, 2]
    assert writers[0].is_closed
    run = Run(tmp_path / "bad", torch.nn.Linear(2, 1), config)
    with pytest.raises(KeyError):
        run.train([torch.ones(1, 2)], lambda network, batch: {})
    assert writers[1].is_closed


def test_without_tensorboard_training_goes_on_and_says_how_to_get_it(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.INFO, logger="lineament.train.engine.run_folder"):
        folder = RunFolder(tmp_path, tensorboard=True)
    folder.log({"step": 1, "loss": 0.5})
    assert "lineament[tensorboard]" in caplog.text
    assert not (tmp_path / "events").exists()
    assert (tmp_path / "log.jsonl").exists()


def test_event_files_are_what_tensorboard_reads(tmp_path):
    shared.package("tensorboard", extra="tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = RunFolder(tmp_path, tensorboard=True)
    for step in (1, 2):
        folder.log({"step": step, "loss": 1 / step})
    folder.close()
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 0.5)]


def test_a_file_that_could_not_be_written_leaves_the_old_one(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write("figures.json", {"step": 1})
    with pytest.raises(TypeError):
        folder.write("figures.json", {"step": object()})
    assert folder.read("figures.json") == {"step": 1}


def git(folder, *arguments):
    words = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_is_that_of_our_own_checkout_or_none(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    places = [
        ours / "src" / "lineament",
        theirs / "env" / "lib" / "lineament",  # installed inside of somebody's repository
        theirs / "vendor" / "src" / "lineament",  # a copy in there
    ]
    for place in places:
        place.mkdir(parents=True)
        (place / "a.py").write_text("1")
    for root in (ours, theirs, theirs / "vendor"):
        (root / "pyproject.toml").write_text("")
    for root in (ours, theirs):
        git(root, "init")
        git(root, "add", "-A")
        git(root, "commit", "-m", "first")
    commits = [commit_of_checkout(place) for place in places]
    assert commits == [git(ours, "rev-parse", "HEAD"), None, None]
    (places[0] / "a.py").write_text("2")
    assert commit_of_checkout(places[0]) == commits[0] + "+changes"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), ("{", "cannot be read"), ("[]", "no JSON object")]
)
def test_what_is_no_run_folder_says_which_file_is_wrong(tmp_path, content, reason):
    if content is not None:
        (tmp_path / CONFIG).write_text(content)
    with pytest.raises(DataError, match=f"is no run folder: config.json .*{reason}"):
        read_table(tmp_path, CONFIG)
