import json
import shutil

import pytest
from typer.testing import CliRunner

from lineament import __version__
from lineament.cli.info import collections_of
from lineament.cli.main import app
from lineament.errors import WeightsError
from lineament.weights import WeightsEntry, WeightsPackage, find


def package(folder, **changes):
    """A package whose one file is missing."""
    values = {
        "name": "tiny-regressor",
        "path": folder / "no-such-file.lineament",
        "size_bytes": 1_500_000,
        "sha256": "0" * 64,
        "sha256_ends": "0" * 64,
        "method": "morphable-regressor",
        "licence": "Apache-2.0",
        "data": "drawn discs",
        "research": False,
        "package": "tiny",
        "version": "3",
    }
    entry = WeightsEntry(**values)
    return WeightsPackage("tiny", "3", {entry.name: entry}, {"small": entry.name}, **changes)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """What is installed."""
    broken = WeightsPackage("torn", "4", problem="The list of weights is missing.")
    found = [package(tmp_path), WeightsPackage("lineament-papers", "0.1.0"), broken]
    monkeypatch.setattr("lineament.weights.installed", lambda: found)
    return found


def test_info_tells_versions_licences_and_what_networks_were_trained_on(packages):
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 0
    assert f"lineament {__version__}, Apache-2.0" in done.stdout
    assert "ICT-FaceKit (MIT" in done.stdout
    assert "ONNX Runtime can use" in done.stdout
    assert "weights tiny-regressor, small: morphable-regressor, NOT INSTALLED, from tiny 3" in done.stdout
    assert "licence: Apache-2.0" in done.stdout
    assert "trained on drawn discs" in done.stdout
    assert "lineament-papers 0.1.0: no weights yet" in done.stdout
    assert "weights of torn 4 cannot be used: The list of weights is missing." in done.stdout


def test_info_as_json_has_all_of_it(packages):
    table = json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)
    assert table["lineament"] == __version__
    assert "CPUExecutionProvider" in table["providers"]
    tiny, papers, torn = table["packages"]
    assert tiny["weights"][0].pop("at_work").startswith("Yes")
    assert tiny["weights"][0] == {
        "name": "tiny-regressor",
        "aliases": ["small"],
        "method": "morphable-regressor",
        "size_bytes": 1_500_000,
        "is_present": False,
        "licence": "Apache-2.0",
        "data": "drawn discs",
        "research": False,
        "keys_not_measured": [],
    }
    assert (papers["weights"], papers["problem"]) == ([], None)
    assert "missing" in torn["problem"]


def test_info_of_a_name_is_of_these_weights_alone():
    done = CliRunner().invoke(app, ["info", "fast"])
    (line,) = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert line.startswith("weights lfm-regressor-fast, fast: morphable-regressor, ")
    assert "licence: Apache-2.0" in done.stdout
    table = json.loads(CliRunner().invoke(app, ["info", "open", "default", "--json"]).stdout)
    assert [row["aliases"] for package in table["packages"] for row in package["weights"]] == [
        ["default"],
        ["open"],
    ]
    assert "files" not in table


def test_info_of_a_file_is_what_it_says_of_itself(tmp_path):
    path = tmp_path / "mine.lineament"
    shutil.copy(find("fast").path, path)
    (row,) = json.loads(CliRunner().invoke(app, ["info", str(path), "--json"]).stdout)["files"]
    (installed,) = json.loads(CliRunner().invoke(app, ["info", "fast", "--json"]).stdout)["packages"]
    assert row == installed["weights"][0] | {"name": str(path), "aliases": []}
    lines = CliRunner().invoke(app, ["info", str(path)]).stdout.splitlines()
    assert lines[0] == f"weights {path}: morphable-regressor, {path.stat().st_size / 1e6:.1f} MB"


@pytest.mark.parametrize(
    ("name", "says"), [("best", "no weights named 'best'"), ("x.onnx", "no weights at x")]
)
def test_info_of_what_nobody_knows_is_one_line_and_status_1(name, says):
    done = CliRunner().invoke(app, ["info", "fast", name])
    assert (done.exit_code, done.stdout) == (1, "")
    assert says in done.stderr


def test_a_damaged_index_is_one_line_and_status_1(monkeypatch):
    def installed():
        raise WeightsError("The list of weights is damaged.")

    monkeypatch.setattr("lineament.weights.installed", installed)
    for command in (["info"], ["weights", "list"], ["weights", "verify"]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 1
        assert done.stderr == "error: The list of weights is damaged.\n"


def test_what_was_trained_on_is_named_once_whoever_saw_it():
    whole = "whole face: 115,155 samples of ytf (57 files), lfw (40 files); 9 samples of 9 faces"
    begun = "begun with weights that were trained on 7 samples of lfw (40 files), cfp (36 files)"
    told = collections_of(f"{whole}; {begun}; frames of films, some grey; eye: 3 samples of ytf (57 files)")
    assert told == ("ytf (57 files), lfw (40 files), 9 faces, cfp (36 files), frames of films, some grey")
    assert collections_of("drawn discs") == "drawn discs"
