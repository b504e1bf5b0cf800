import os
from pathlib import Path

import numpy as np
import pytest

from lineament.cli.photos import boxes_of, find_photos, is_album, read_boxes
from lineament.errors import ConfigError


@pytest.fixture
def album(tmp_path):
    """A folder with two photographs among other things."""
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "a_overlay.png", "inner/c.jpg"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


def test_a_folder_stands_for_its_photographs_by_name(album):
    assert [photo.path.name for photo in find_photos([str(album)])] == ["a.PNG", "b.jpg"]


def test_a_pattern_may_reach_into_folders(album):
    found = find_photos([f"{album}/**/*.jpg"])
    assert {photo.path.name for photo in found} == {"b.jpg", "c.jpg"}


def test_a_photo_named_twice_is_taken_once_where_it_came_first(album):
    found = find_photos([str(album / "b.jpg"), str(album), str(album / ".." / "album" / "b.jpg")])
    assert [photo.path.name for photo in found] == ["b.jpg", "a.PNG"]


def test_a_file_is_taken_whatever_its_name_even_when_it_is_missing(album):
    names = ["notes.txt", "gone.jpg"]
    assert [photo.path.name for photo in find_photos([str(album / name) for name in names])] == names


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path):
    (tmp_path / "me[1].jpg").touch()
    assert [photo.path.name for photo in find_photos([str(tmp_path / "me[1].jpg")])] == ["me[1].jpg"]


@pytest.mark.parametrize("argument", ["", "*.jpg"])
def test_a_folder_or_pattern_without_photographs_is_refused(tmp_path, argument):
    with pytest.raises(ConfigError):
        find_photos([f"{tmp_path}/{argument}"])


def test_results_are_named_after_their_photos_and_never_alike(tmp_path):
    names = ("me.jpg", "Me.png", "me_2.jpg", "you.tar.jpg")
    photos = find_photos([str(tmp_path / name) for name in names])
    assert [str(photo.target) for photo in photos] == ["me", "Me_2", "me_2_2", "you.tar"]
    assert [photo.shown for photo in photos] == list(names)


def test_photos_of_several_folders_keep_them(tmp_path):
    photos = find_photos([str(tmp_path / name) for name in ("a/me.jpg", "b/me.jpg", "b/c/me.jpg")])
    assert [photo.target.as_posix() for photo in photos] == ["a/me", "b/me", "b/c/me"]
    assert [photo.shown for photo in photos] == ["a/me.jpg", "b/me.jpg", "b/c/me.jpg"]


def test_boxes_are_read_by_photo_in_the_order_of_their_lines(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text('photo,x1,y1,x2,y2\na.jpg,1,2,3,4\n\n"b, c.jpg", 5.5,6,7,8\na.jpg,9,10,11,12\n')
    boxes = read_boxes(path)
    np.testing.assert_array_equal(boxes["a.jpg"], [[1, 2, 3, 4], [9, 10, 11, 12]])
    photos = find_photos([str(tmp_path / name) for name in ("a.jpg", "b, c.jpg")])
    np.testing.assert_array_equal(boxes_of(photos, boxes)[tmp_path / "b, c.jpg"], [[5.5, 6, 7, 8]])


@pytest.mark.parametrize("line", ["a.jpg,1,2,3", "a.jpg,1,2,3,x", "a.jpg 1 2 3 4", "1,2,3,4"])
def test_a_line_that_is_no_box_is_named(tmp_path, line):
    path = tmp_path / "boxes.csv"
    path.write_text(f"a.jpg,1,2,3,4\n{line}\n")
    with pytest.raises(ConfigError, match=r"boxes.csv, line 2"):
        read_boxes(path)


def test_a_missing_file_of_boxes_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_boxes(tmp_path / "none.csv")


def test_a_line_fits_one_photo_or_is_an_error(tmp_path):
    photos = find_photos([str(tmp_path / name) for name in ("one/a.jpg", "two/a.jpg")])
    box = np.zeros((1, 4))
    assert list(boxes_of(photos, {"two/a.jpg": box})) == [tmp_path / "two" / "a.jpg"]
    with pytest.raises(ConfigError, match=r"lines for 'a\.jpg'.*fits several: .*Write as much of the path"):
        boxes_of(photos, {"a.jpg": box})
    with pytest.raises(ConfigError, match=r"lines for 'b\.jpg'.*fits none"):
        boxes_of(photos, {"b.jpg": box})


def test_where_some_give_photographs_the_others_are_told(tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "a.jpg").touch()
    given = [str(tmp_path / name) for name in ("none", "*.png", "a.jpg")]
    told = []
    assert [photo.shown for photo in find_photos(given, on_problem=told.append)] == ["a.jpg"]
    assert ["There are no photographs" in told[0], "Nothing fits the pattern" in told[1]] == [True, True]
    with pytest.raises(ConfigError, match="There are no photographs"):
        find_photos(given[:2], on_problem=told.append)
    assert len(told) == 2  # an error is not told as well


def test_folders_that_cannot_be_listed_are_told_once_each_and_the_rest_is_taken(tmp_path, monkeypatch):
    for name in ("open", "locked", "open/locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()
    listed, scanned = Path.iterdir, os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", lambda path: refuse(path) or listed(path))
    monkeypatch.setattr(os, "scandir", lambda path: refuse(path) or scanned(path))
    told = []
    photos = find_photos([str(tmp_path)], recursive=True, on_problem=told.append)
    assert [photo.shown for photo in photos] == ["open/a.jpg"]
    assert sorted(line.split(" cannot be listed")[0] for line in told) == [
        f"The folder {tmp_path / 'locked'}",
        f"The folder {tmp_path / 'open' / 'locked'}",
    ]
    with pytest.raises(ConfigError, match="locked cannot be listed"):
        find_photos([str(tmp_path)], recursive=True)


def test_a_file_that_may_not_be_looked_at_is_taken(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(Path, "stat", refuse)
    assert [photo.shown for photo in find_photos(["locked/a.jpg"])] == ["a.jpg"]
    assert not is_album(["locked/a.jpg"])
