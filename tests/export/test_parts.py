import csv

import numpy as np
import pytest

import shared
from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_csv
from lineament.export.parts import PartsTable
from lineament.export.rows import photo_rows

FACES = [egg_face(yaw=0.1 * k, expression=0.2) for k in range(3)]


def rows(name, faces=FACES):
    return photo_rows({"photo": name, "source": f"album/{name}"}, faces)


@pytest.fixture(params=["parquet", "csv"])
def kind(request):
    if request.param == "parquet":
        shared.package("pyarrow", extra="parquet")
    return request.param


def read(path):
    """Photo and yaw of each row."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [(row["photo"], round(float(row["yaw"]), 3)) for row in csv.DictReader(file)]
    import pyarrow.parquet as parquet

    return [(row["photo"], round(row["yaw"], 3)) for row in parquet.read_table(path).to_pylist()]


def expected(*names, count=3):
    return [(name, round(0.1 * k, 3)) for name in names for k in range(count)]


def test_rows_are_there_in_the_order_asked_for_wherever_they_were(tmp_path, kind):
    path = tmp_path / f"faces.{kind}"
    table = PartsTable(path, kind, rows_at_once=2)
    for name in "dba":
        table.add(rows(name))
        assert table.is_due
        table.flush()
    table = PartsTable(path, kind, rows_at_once=2)  # as after a kill
    assert [table.rows_of(f"album/{name}") for name in "abcd"] == [3, 3, 0, 3]
    table.add(rows("c"))
    assert table.finish([f"album/{name}" for name in "abcd"]) == 12
    assert read(path) == expected("a", "b", "c", "d")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_table_in_parts_equals_one_made_at_once_to_the_bit(tmp_path, kind):
    first, second = tmp_path / f"first.{kind}", tmp_path / f"second.{kind}"
    table = PartsTable(first, kind)
    for name in "abc":
        table.add(rows(name))
    table.finish([f"album/{name}" for name in "abc"])
    table = PartsTable(second, kind)
    for name in "cab":
        table.add(rows(name))
        table.flush()
    table.finish([f"album/{name}" for name in "cab"])
    table = PartsTable(second, kind)  # a further run, which only orders anew
    table.finish([f"album/{name}" for name in "abc"])
    assert first.read_bytes() == second.read_bytes()


def test_newer_rows_of_a_photo_replace_older_ones(tmp_path, kind):
    path = tmp_path / f"faces.{kind}"
    table = PartsTable(path, kind)
    table.add(rows("a"))
    table.finish(["album/a"])
    table = PartsTable(path, kind)
    table.add(rows("a", FACES[:1]))
    table.finish(["album/a"])
    assert read(path) == expected("a", count=1)


def test_a_table_without_rows_is_a_file_all_the_same(tmp_path, kind):
    path = tmp_path / f"faces.{kind}"
    assert PartsTable(path, kind).finish([]) == 0
    assert path.exists()
    assert PartsTable(path, kind).rows_of("album/a") == 0


def columns(path):
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return next(csv.reader(file))
    import pyarrow.parquet as parquet

    return parquet.read_schema(path)


def test_a_table_without_rows_has_the_columns_that_it_would_have(tmp_path, kind):
    full, empty = tmp_path / f"full.{kind}", tmp_path / f"empty.{kind}"
    table = PartsTable(full, kind)
    table.add(rows("a"))
    table.finish(["album/a"], like=rows("b")[0])
    assert read(full) == expected("a")
    assert PartsTable(empty, kind).finish([], like=rows("b")[0]) == 0
    assert columns(empty) == columns(full)
    assert read(empty) == []


def test_what_cannot_be_written_is_an_export_error(tmp_path, kind):
    (tmp_path / "file").touch()
    table = PartsTable(tmp_path / "file" / f"faces.{kind}", kind)
    table.add(rows("a"))
    with pytest.raises(ExportError, match="Cannot write"):
        table.flush()


def test_csv_has_a_cell_a_number_under_a_name_that_says_which(tmp_path):
    photos = [({"photo": 'a, "b".jpg'}, FACES[:2]), ({"photo": "none.jpg"}, []), ({"photo": "c"}, FACES[2])]
    assert export_csv(photos, tmp_path / "faces.csv") == 3
    with (tmp_path / "faces.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
        first = 'a, "b".jpg'
    assert [(row["photo"], row["face"]) for row in found] == [(first, "0"), (first, "1"), ("c", "0")]
    landmark = [float(found[1][f"landmark_30_{axis}"]) for axis in "xyz"]
    np.testing.assert_allclose(landmark, FACES[1].landmarks_image[30], rtol=1e-6)
    assert float(found[0]["box_left"]) == pytest.approx(float(FACES[0].detection.box_xyxy[0]))
    assert float(found[2]["yaw"]) == pytest.approx(0.2)
