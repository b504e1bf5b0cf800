"""The hostile campaign itself: what it takes for a fault, and what for a result."""

import importlib
import json
import random

import pytest

from lineament.errors import LineamentError
from shared import ROOT

KINDS = (
    *("picture", "boxes", "people", "landmarks", "pts", "archive", "shard", "index", "manifest", "recipe"),
    *("model.npz", "model.pkl", "model.obj", "model.mat"),
)
WEIGHTS = ("graph", "bundle", "detector", "checkpoint", "config", "model.h5", "face pack")
NASTY = {
    "nothing": b"",
    "zeros": bytes(700),
    "no UTF-8": b"\xff\xfe{a\xe9,1\n\x80",
    "nested": b"[" * 100_000,
    "nested TOML": b"a = " + b"[" * 20_000,
    "an archive cut short": b"PK\x03\x04" + bytes(40),
    "huge numbers": b"photo,x1,y1,x2,y2\na.jpg,1e400,-1e308,nan,99999999999999999999999\n",
    "one endless line": b"9" * 300_000,
    "a path outside": b'{"format": "lineament-samples-1", "shards": [{"name": "../victim"}]}',
}
MUTATED = 25  # of each kind; the campaign tries thousands
MESH = "v 0 0 0\nf 1 1 1\n"


@pytest.fixture
def hostile(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("hostile")


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    pytest.importorskip("scipy", reason="SciPy (extra 'models') is not installed")
    return importlib.import_module("hostile_reader")


def test_all_kinds_of_files_are_tried(reader):
    assert set(KINDS) == set(reader.KINDS) == set(reader.readers()) == set(reader.seed_files())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_whatever_a_file_holds_it_is_read_or_refused_in_a_line_of_ours(reader, tmp_path, kind):
    rng, seeds, read = random.Random(kind), reader.seed_files()[kind], reader.readers()[kind]
    contents = NASTY | {
        f"mutated {number}": reader.mutated(rng.choice(seeds), seeds, rng) for number in range(MUTATED)
    }
    refused = {}
    for number, (name, content) in enumerate(contents.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "file").write_bytes(content)
        try:
            read(folder / "file")
        except LineamentError as error:
            refused[name] = str(error)
    assert {name: line for name, line in refused.items() if "\n" in line or len(line) > 1000} == {}
    assert len(refused) >= 3 or kind == "index", "which is made again"


@pytest.mark.parametrize("kind", WEIGHTS)
def test_readers_of_weights_open_files_that_lie_or_refuse_them(reader, tmp_path, kind):
    weights = reader.hostile_weights
    assert weights.KINDS == WEIGHTS
    needed = {"checkpoint": "torch", "config": "torch", "model.h5": "h5py", "graph": "onnx", "bundle": "onnx"}
    pytest.importorskip(needed.get(kind, "numpy"), reason="the package that reads it is not installed")
    reader._warm_up(weights.readers()[kind], weights.seeds(kind)[0], tmp_path)


def test_a_reader_that_dies_is_a_fault_with_its_last_words(hostile):
    findings = hostile.Findings()
    hostile.read_files("no such kind", "1", 1.0, findings)
    assert findings.faults == ["no such kind: died with 1 between files: KeyError: 'no such kind'"]


def write_result(out, *, mesh="a_face0.obj", content=MESH):
    (out / "a_face0.obj").write_text(content)
    (out / "a.json").write_text(json.dumps({"faces": [{"mesh": mesh}]}))


def faults_of(hostile, out):
    findings = hostile.Findings(kept=out / "kept")
    hostile._judge_results(out, findings)
    return findings.faults


def test_whole_results_of_a_killed_run_are_no_fault(hostile, tmp_path):
    write_result(tmp_path)
    assert faults_of(hostile, tmp_path) == []


@pytest.mark.parametrize("mesh", ["gone.obj", None])
def test_a_mesh_that_is_not_there_is_a_fault(hostile, tmp_path, mesh):
    write_result(tmp_path, mesh=mesh)
    [fault] = faults_of(hostile, tmp_path)
    assert "missing" in fault


def test_half_a_mesh_and_half_a_json_are_faults(hostile, tmp_path):
    write_result(tmp_path, content=MESH[:9])
    (tmp_path / "b.json").write_text('{"faces": [')
    assert len(faults_of(hostile, tmp_path)) == 2
    assert (tmp_path / "kept" / "b.json").is_file()


def test_readers_are_judged_by_trace_time_and_memory(hostile, tmp_path):
    findings = hostile.Findings(kept=tmp_path)
    well = {"ends": "a_1", "trace": "", "took_s": 0.1, "peak": 10**6}
    for said in (well, well | {"trace": "KeyError: 'a'"}, well | {"took_s": 11}, well | {"peak": 2 * 10**9}):
        hostile._judge("a", said, tmp_path, findings)
    assert [fault.split(": ", 1)[1] for fault in findings.faults] == [
        "a_1: KeyError: 'a'",
        "a_1 took 11 s",
        "a_1 took 2.0 GB",
    ]


def test_both_halves_of_the_campaign_have_its_whole_time(hostile, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(hostile, "read_files", lambda kind, seed, seconds, _: asked.append((kind, seconds)))
    monkeypatch.setattr(hostile, "kill_runs", lambda seed, seconds, _: asked.append(("kills", seconds)))
    monkeypatch.setattr(
        hostile, "try_for", lambda seconds, seed: asked.append(("films", seconds)) or (3, ["a film: hangs"])
    )
    monkeypatch.setattr("sys.argv", ["hostile.py", "--minutes", "2", "--seed", "4"])
    assert hostile.main() == 1
    assert "FAULT 1 x a film: hangs" in capsys.readouterr().out
    seconds = dict(asked)
    assert seconds.pop("kills") + seconds.pop("films") == pytest.approx(120)
    assert sum(seconds.values()) == pytest.approx(120)
    assert set(seconds) == {*hostile.KINDS, *hostile.WEIGHTS}
