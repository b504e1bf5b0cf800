import csv
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import shared
from faces import egg_face
from lineament.errors import ExportError
from lineament.export import export_csv, export_parquet, rewrite_weights
from shared import ROOT

FACES = [egg_face(yaw=0.1 * k, expression=0.2) for k in range(5)]


@pytest.fixture
def parquet():
    return shared.package("pyarrow.parquet", extra="parquet")


def test_a_row_a_face_with_its_photo_in_front(tmp_path, parquet):
    photos = [({"photo": "a.jpg"}, FACES[:2]), ({"photo": "none.jpg"}, []), ({"photo": "b.jpg"}, FACES[2:])]
    assert export_parquet(photos, tmp_path / "faces.parquet", rows_at_once=2) == 5
    rows = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    assert [(row["photo"], row["face"]) for row in rows] == [
        *(("a.jpg", k) for k in (0, 1)),
        *(("b.jpg", k) for k in range(3)),
    ]
    np.testing.assert_allclose([row["yaw"] for row in rows], [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)
    np.testing.assert_allclose(rows[4]["landmarks_image"], FACES[4].landmarks_image.ravel(), atol=1e-4)
    assert rows[0]["blendshape_jawOpen"] == pytest.approx(0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]


def test_weights_of_a_table_can_be_written_anew(tmp_path, parquet):
    path = tmp_path / "faces.parquet"
    export_parquet([({"person": k}, face) for k, face in enumerate(FACES)], path, rows_at_once=2)
    before = parquet.read_table(path)
    rewrite_weights(path, lambda row: {"jawOpen": 0.7} if row["person"] == 3 else None)
    after = parquet.read_table(path)
    assert after.schema == before.schema
    weights = after["blendshape_jawOpen"].to_pylist()
    assert weights == pytest.approx([0.2, 0.2, 0.2, 0.7, 0.2])
    other = ("blendshape_jawOpen", "uncertainty_mm")  # the latter is NaN, which nothing equals
    same = [name for name in before.column_names if name not in other]
    assert after.select(same) == before.select(same)
    assert [entry.name for entry in tmp_path.iterdir()] == ["faces.parquet"]


def test_faces_whose_uncertainty_is_not_known_stand_beside_others(tmp_path, parquet):
    faces = [egg_face(), replace(egg_face(), uncertainty_mm=1.5)]
    export_parquet([({"photo": "a.jpg"}, faces)], tmp_path / "faces.parquet", rows_at_once=1)
    rows = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    np.testing.assert_array_equal([row["uncertainty_mm"] for row in rows], [np.nan, 1.5])


def test_photos_without_any_face_make_an_empty_table(tmp_path, parquet):
    assert export_parquet([({"photo": "a"}, [])], tmp_path / "faces.parquet") == 0
    assert parquet.read_table(tmp_path / "faces.parquet").num_rows == 0


def test_rows_that_do_not_fit_together_are_an_error_and_lose_none_before_them(tmp_path, parquet):
    photos = [({"photo": "a"}, FACES[:1]), ({"photo": 3.5}, FACES[:1])]
    with pytest.raises(ExportError, match="rows"):
        export_parquet(photos, tmp_path / "faces.parquet", rows_at_once=1)
    assert parquet.read_table(tmp_path / "faces.parquet")["photo"].to_pylist() == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_a_table_survives_whatever_stops_the_photos(tmp_path, parquet, stop):
    def photos():
        for name in "abc":
            yield {"photo": name}, FACES[:1]
        raise stop

    with pytest.raises(stop):
        export_parquet(photos(), tmp_path / "faces.parquet", rows_at_once=2)
    assert parquet.read_table(tmp_path / "faces.parquet")["photo"].to_pylist() == ["a", "b", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]


def test_a_stop_before_the_first_row_keeps_the_table_that_was_there(tmp_path, parquet):
    export_parquet([({"photo": "old"}, FACES[:1])], tmp_path / "faces.parquet")

    def photos():
        yield {"photo": "none"}, []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_parquet(photos(), tmp_path / "faces.parquet")
    assert parquet.read_table(tmp_path / "faces.parquet")["photo"].to_pylist() == ["old"]


KILLED = """
import os, sys
from faces import egg_face
from lineament.export import export_parquet, rewrite_weights
def photos():
    for number in range(7):
        yield {"photo": str(number)}, [egg_face()]
    os.kill(os.getpid(), 9)
export_parquet(photos(), sys.argv[1], rows_at_once=3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_run_leaves_parts_that_are_a_table_and_the_next_run_takes_them_away(tmp_path, parquet):
    path = tmp_path / "faces.parquet"
    folders = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    subprocess.run([sys.executable, "-c", KILLED, str(path)], env=os.environ | {"PYTHONPATH": folders})
    assert not path.exists()
    left = parquet.read_table(tmp_path / "faces.parquet.parts")["photo"].to_pylist()
    assert left == ["0", "1", "2", "3", "4", "5"]
    export_parquet([({"photo": "a"}, FACES[:1])], path)
    assert [path.name for path in tmp_path.iterdir()] == ["faces.parquet"]


def test_rows_that_come_slowly_are_written_all_the_same(tmp_path, parquet, monkeypatch):
    monkeypatch.setattr("lineament.export.table.PARTS_EVERY_S", -1.0)
    seen = []

    def photos():
        for name in "ab":
            yield {"photo": name}, FACES[:1]
            seen.append(len(list((tmp_path / "faces.parquet.parts").iterdir())))

    export_parquet(photos(), tmp_path / "faces.parquet")
    assert seen == [1, 2]


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"lineament\[parquet\]"):
        export_parquet([], tmp_path / "faces.parquet")


def test_names_that_utf8_cannot_hold_do_not_lose_the_table(tmp_path, parquet):
    photos = [({"photo": "caf\udce9.jpg"}, FACES[:1]), ({"photo": "b.jpg"}, FACES[1:])]
    assert export_parquet(photos, tmp_path / "faces.parquet") == 5
    names = parquet.read_table(tmp_path / "faces.parquet")["photo"].to_pylist()
    assert names == ["caf?.jpg", *["b.jpg"] * 4]


def test_a_table_that_cannot_be_written_is_an_export_error(tmp_path, parquet):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match="Cannot write"):
        export_parquet([({"photo": "a"}, FACES)], tmp_path / "file" / "faces.parquet")


def test_tables_say_how_visible_each_landmark_is(tmp_path, parquet):
    half = egg_face(yaw=1.2)
    export_parquet([({"photo": "a.jpg"}, half)], tmp_path / "faces.parquet")
    (row,) = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    np.testing.assert_allclose(row["landmark_visibility"], half.landmark_visibility, atol=6e-3)
    assert min(row["landmark_visibility"]) == 0
    export_csv([({"photo": "a.jpg"}, half)], tmp_path / "faces.csv")
    with (tmp_path / "faces.csv").open(newline="") as stream:
        (cells,) = csv.DictReader(stream)
    found = [float(cells[f"landmark_{number}_visibility"]) for number in range(68)]
    np.testing.assert_allclose(found, half.landmark_visibility, atol=6e-3)
