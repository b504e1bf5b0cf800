import zipfile

import pytest
from PIL import Image

from benchmarks import endurance
from benchmarks.folders_and_films import Run, portraits, row
from lineament.cli.album import JOURNAL


def test_what_starting_took_is_left_out_of_a_row():
    line = row("JSON", (10, Run(2.0, 1.5)), (110, Run(4.0, 3.5)))
    assert line == "| JSON | 50.0 | 27.5 | 20.0 |"


def test_portraits_are_the_first_of_a_zip_cut_to_squares(tmp_path):
    for name, size in (("b.png", (40, 60)), ("a.png", (60, 40))):
        Image.new("RGB", size, "red" if name == "a.png" else "blue").save(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("b.png", "a.png"):
            archive.write(tmp_path / name, name)
        archive.writestr("notes.txt", "no picture")
    out = tmp_path / "out"
    out.mkdir()
    (first,) = portraits(tmp_path / "set.zip", out, count=1, side=20)
    with Image.open(first) as picture:
        assert picture.size == (20, 20)
        assert picture.getpixel((9, 9))[0] > 200
    with pytest.raises(SystemExit, match="has 2 photographs, and 3 are wanted"):
        portraits(tmp_path / "set.zip", out, count=3, side=20)


def test_results_are_compared_without_the_journal(tmp_path):
    for folder, journal in (("one", "1"), ("other", "2")):
        (tmp_path / folder / "inner").mkdir(parents=True)
        (tmp_path / folder / "inner" / "a.json").write_text("{}")
        (tmp_path / folder / JOURNAL).write_text(journal)
    assert endurance.hashes(tmp_path / "one") == endurance.hashes(tmp_path / "other")
    (tmp_path / "other" / "inner" / "a.json").write_text("[]")
    assert endurance.hashes(tmp_path / "one") != endurance.hashes(tmp_path / "other")


def test_memory_is_told_by_tenths(capsys):
    endurance.print_memory([float(k) for k in range(20)])
    assert capsys.readouterr().out.endswith("1, 3, 5, 7, 9, 11, 13, 15, 17, 19\n")
