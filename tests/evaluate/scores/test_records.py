import numpy as np
import pytest

from lineament.evaluate.scores.records import Record, RecordFile

RNG = np.random.default_rng(0)


def record(name):
    return Record(
        name=name,
        landmarks=RNG.uniform(0, 400, (68, 3)).round(3),
        rotation=RNG.normal(size=(3, 3)).round(6),
        measures={"dense-3d": 3.25, "reconstruction": float("nan")},
    )


def assert_same(first, second):
    assert first.name == second.name
    for field in ("landmarks", "rotation", "visibility"):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    assert first.measures == pytest.approx(second.measures, nan_ok=True)


def test_a_record_comes_back_from_its_line():
    for one in (record("a"), Record.nothing("b")):
        assert_same(Record.from_line(one.line()), one)
    assert not Record.from_line(Record.nothing("b").line()).found


def test_a_line_cut_short_is_made_again_and_spoils_nothing(tmp_path):
    file = RecordFile.of(tmp_path, "tool", {})
    first, second, third = (record(name) for name in "abc")
    file.append([first, second])
    file.path.write_bytes(file.path.read_bytes()[:-40])
    assert list(file.read()) == ["a"]
    file.append([second, third])
    found = file.read()
    assert list(found) == ["a", "b", "c"]
    assert_same(found["b"], second)


def test_another_recipe_has_another_file(tmp_path):
    paths = {RecordFile.of(tmp_path, "My Tool!", {"sha256": s}).path.name for s in ("a", "b")}
    assert len(paths) == 2
    assert all(path.startswith("my-tool-") for path in paths)


def test_a_file_that_is_not_there_holds_nothing(tmp_path):
    assert RecordFile(tmp_path / "none.jsonl").read() == {}


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe", b"[" * 100_000, b"1" * 10_000, b"[1]", b'{"name":"a","measures":[1]}', b'{"case":"a"}'],
)
def test_a_damaged_line_is_made_again_and_spoils_nothing(tmp_path, line):
    file = RecordFile.of(tmp_path, "tool", {})
    first, second = record("a"), record("b")
    file.append([first, second])
    lines = file.path.read_bytes().splitlines()
    file.path.write_bytes(b"\n".join([lines[0], line, lines[1]]) + b"\n")
    assert list(file.read()) == ["a", "b"]
