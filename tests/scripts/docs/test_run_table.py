import json

import pytest

from scripts.docs.run_table import main, read_log, table

LOG = [
    {"step": 50, "skipped": 0, "samples_a_second": 90, "loss": 4.0, "minutes_left": 8},
    {"step": 100, "skipped": 1, "samples_a_second": 10, "loss": 2.0, "minutes_left": 7},
    {"step": 100, "validation": {"total": 3.5}},
    {"step": 150, "skipped": 1, "samples_a_second": 100, "loss": 1.0, "lids": 0.25, "time": "01:02:03"},
    {"step": 200, "skipped": 1, "samples_a_second": 102, "loss": 0.5},
    {"step": 200, "validation": {"total": 2.5}},
    {"calibration": [1, 2, 3]},
]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, LOG)))
    return path


def test_a_row_has_mean_losses_median_rates_last_steps_and_the_validation_after_them(log):
    first, second = table(read_log(log), rows=2)
    assert first == {
        "step": 100,
        "skipped": 1,
        "samples_a_second": 50,
        "loss": 3,
        "validation_total": 3.5,
    }
    assert (second["step"], second["loss"], second["lids"], second["validation_total"]) == (
        200,
        0.75,
        0.25,
        2.5,
    )


def test_a_log_shorter_than_the_table_has_a_row_a_line(log):
    assert [row["step"] for row in table(read_log(log), rows=20)] == [50, 100, 150, 200]


def test_the_file_leaves_empty_what_a_row_lacks(log, tmp_path, capsys):
    main([str(log), "--out", str(tmp_path / "run.csv")])
    lines = (tmp_path / "run.csv").read_text().splitlines()
    assert lines[0] == "step,skipped,samples_a_second,loss,lids,validation_total"
    assert lines[1] == "50,0,90,4,,"
    assert lines[3] == "150,1,100,1,0.25,"
    assert "200 steps, 95 samples a second (median)" in capsys.readouterr().out
