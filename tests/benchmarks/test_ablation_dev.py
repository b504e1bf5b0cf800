import json

import pytest

from benchmarks import ablation_dev
from benchmarks.ablation_dev import COLUMNS, DEV
from lineament.train.runs.ablation import ROWS


def figures(value):
    return dict.fromkeys(COLUMNS, value)


@pytest.fixture
def folder(tmp_path):
    """Two rows, one with two seeds, and what is no row: a pretraining, and a run that is not finished."""
    for name in ("both/1", "both/2", "both/3", "baseline/1", "pretraining"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text('{"loop": {"steps": 9}}')
        step = 4 if name == "both/3" else 9
        (tmp_path / name / "figures.json").write_text(json.dumps({"step": step}))
    (tmp_path / ROWS).write_text(json.dumps({"rows": {"both": {}, "baseline": {}}}))
    return tmp_path


def call(monkeypatch, folder):
    monkeypatch.setattr("sys.argv", ["ablation_dev", str(folder), "--data", "anywhere"])
    return ablation_dev.main()


def test_each_run_is_measured_once_and_the_table_has_means_and_every_seed(folder, monkeypatch, capsys):
    measured = []

    def measure(run, data):
        measured.append(f"{run.parent.name}/{run.name}")
        return figures({"baseline": 5.0, "both": 3.0}[run.parent.name] + int(run.name) / 10)

    monkeypatch.setattr(ablation_dev, "load_aflw2000", lambda path: path)
    monkeypatch.setattr(ablation_dev, "dev_figures", measure)
    assert call(monkeypatch, folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| both | 3.15 (3.10, 3.20) |")  # the table's order, not the folder's
    assert lines[3].startswith("| baseline | 5.10 |")
    assert measured == ["both/1", "both/2", "baseline/1"]
    assert json.loads((folder / "both/2" / DEV).read_text()) == figures(3.2)
    assert call(monkeypatch, folder) == 0
    assert len(measured) == 3


def test_a_folder_without_rows_is_refused(tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, tmp_path) == 1
    assert "has no finished runs of an ablation" in capsys.readouterr().err
