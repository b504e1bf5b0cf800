import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.data.formats.files import open_files
from lineament.data.photographs.collection import collection_name, evenly_limited, read_photo_collection
from lineament.data.photographs.landmark_files import read_label_file
from lineament.data.photographs.people import PeopleFrom, PeopleRule
from lineament.errors import DataError

NAMES = ("Ann_Lee_0001.png", "Ann_Lee_0002.png", "Bo_Ray_0001.PNG")


@pytest.fixture
def album(tmp_path):
    """A folder of three tiny photographs, one in a folder of its own, beside files that are none."""
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    for name in NAMES[:2]:
        Image.new("RGB", (20, 10)).save(folder / name)
    Image.new("RGB", (20, 10)).save(folder / "more" / NAMES[2], "PNG")
    (folder / "notes.txt").write_text("no photograph")
    (folder / ".hidden.png").write_bytes(b"nor this")
    return folder


def zipped(folder):
    """The same files as a zip."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder).as_posix())
    return archive


def test_a_folder_and_its_zip_hold_the_same_photographs(album):
    one, two = (read_photo_collection(root) for root in (album, zipped(album)))
    assert [entry.photo for entry in one.entries] == [*NAMES[:2], f"more/{NAMES[2]}"]
    assert [entry.photo for entry in two.entries] == [entry.photo for entry in one.entries]
    assert one.name == two.name == "album"


def test_names_like_those_of_labeled_faces_tell_who_it_is_and_cameras_names_do_not(album):
    Image.new("RGB", (20, 10)).save(album / "IMG_0001.png")
    people = [entry.person for entry in read_photo_collection(album).entries]
    assert people == ["album/Ann_Lee", "album/Ann_Lee", "album/IMG_0001", "album/Bo_Ray"]


def test_only_what_the_user_says_of_people_lets_photographs_share_an_identity(album):
    assert not read_photo_collection(album).people_known
    assert read_photo_collection(album, people=PeopleRule(PeopleFrom.FOLDERS)).people_known


@pytest.mark.parametrize(
    ("source", "person"),
    [(PeopleFrom.FOLDERS, "more"), (PeopleFrom.NAMES, "Bo_Ray"), (PeopleFrom.NOBODY, "more/Bo_Ray_0001")],
)
def test_people_can_be_told_by_folders_by_names_or_not_at_all(album, source, person):
    last = read_photo_collection(album, people=PeopleRule(source)).entries[-1]
    assert last.person == f"album/{person}"
    assert last.is_of_one_person == (source is not PeopleFrom.NOBODY)


def test_a_table_can_tell_who_is_on_a_photograph(album):
    table = album.with_name("people.csv")
    table.write_text("photo,person\nAnn_Lee_0002.png,Ann\nmore/Bo_Ray_0001.PNG,Bo\n")
    people = [
        entry.person for entry in read_photo_collection(album, people=PeopleRule.of_text(str(table))).entries
    ]
    assert people == ["album/Ann_Lee_0001", "album/Ann", "album/Bo"]


def test_a_table_of_landmarks_may_lie_beside_or_inside(album):
    points = np.arange(2 * 68 * 2, dtype=float).reshape(2, 68, 2)
    np.savez(album.with_name("album_landmarks.npz"), names=NAMES[:2], points=points, scheme="300w-lp")
    beside = read_photo_collection(album)
    np.testing.assert_array_equal(beside.entries[1].landmarks.points_image, points[1])
    assert beside.entries[1].landmarks.scheme == "300w-lp"
    assert beside.entries[2].landmarks is None
    np.savez(album / "landmarks.npz", names=NAMES[:1], points=points[:1, :21])
    assert read_photo_collection(album).entries[0].landmarks.scheme == "aflw-21"


def test_labels_without_a_photograph_are_told(album):
    np.savez(album / "landmarks.npz", names=["gone.png"], points=np.zeros((1, 68, 2)))
    with pytest.raises(DataError, match=r"lacks 1 .*'gone\.png'"):
        read_photo_collection(album)


def test_lines_of_numbers_are_a_table_too(album):
    numbers = ",".join(str(number / 2) for number in range(42))
    (album / "landmarks.csv").write_text(f"photo,x1,y1\n{NAMES[1]},{numbers}\n")
    landmarks = read_photo_collection(album).entries[0].landmarks
    np.testing.assert_array_equal(landmarks.points_image[20], [20.0, 20.5])


def test_a_pts_file_beside_a_photograph_is_read_when_its_turn_comes(album):
    lines = "\n".join(f"{number + 0.5} {number + 1.5}" for number in range(68))
    (album / "Ann_Lee_0001.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    entry = read_photo_collection(album).entries[0]
    assert (entry.landmarks, entry.label_file) == (None, "Ann_Lee_0001.pts")
    with open_files(album) as files:
        landmarks = read_label_file(files, entry.label_file)
    np.testing.assert_array_equal(landmarks.points_image[3], [3.0, 4.0])
    assert landmarks.scheme == "68-outline"


def test_a_folder_without_photographs_is_told(tmp_path):
    with pytest.raises(DataError, match="holds no photographs"):
        read_photo_collection(tmp_path)


def test_parts_keep_a_persons_photographs_together_and_lose_none(album):
    for number in range(10):
        Image.new("RGB", (8, 8)).save(album / f"Cy_Dee_{number:04d}.png")
    collection = read_photo_collection(album)
    parts = list(collection.parts(2))
    assert sorted(entry.photo for part in parts for entry in part) == sorted(
        e.photo for e in collection.entries
    )
    anns = [part for part in parts if any("Ann" in entry.person for entry in part)]
    assert len(anns) == 1
    assert max(len(part) for part in parts) <= 5  # many of one person are divided after all


def test_a_limit_takes_from_all_collections_in_proportion(album):
    one = read_photo_collection(album)
    few = evenly_limited([one, read_photo_collection(album, name="other")], 2)
    assert [len(collection.entries) for collection in few] == [1, 1]
    assert one.limited(99).entries == one.entries


def test_a_collections_name_is_fit_for_files(tmp_path):
    assert collection_name(tmp_path / "my photos (2024).zip") == "my_photos__2024_"


@pytest.fixture
def published(tmp_path, write_fit):
    """A folder as 300W-LP is unpacked: a photograph, its turned and mirrored copies, other .mat files."""
    points = np.arange(136.0).reshape(2, 68)
    for folder, name in (("AFW", "AFW_1_1_0"), ("AFW", "AFW_1_1_3"), ("AFW_Flip", "AFW_1_1_3")):
        write_fit(tmp_path / folder / name, pt2d=points)
    write_fit(tmp_path / "AFLW" / "image00002", pt3d_68=np.arange(204.0).reshape(3, 68), pt2d=points[:, :21])
    (tmp_path / "landmarks" / "AFW").mkdir(parents=True)
    (tmp_path / "landmarks" / "AFW" / "AFW_1_1_3_pts.mat").write_bytes(b"of the set's own reader")
    return tmp_path


def test_published_sets_are_collections_as_they_are_unpacked(published):
    collection = read_photo_collection(published, people=PeopleRule(PeopleFrom.NAMES))
    assert [entry.photo for entry in collection.entries] == [
        "AFLW/image00002.jpg",
        "AFW/AFW_1_1_0.jpg",
        "AFW/AFW_1_1_3.jpg",
        "AFW_Flip/AFW_1_1_3.jpg",
    ]
    with open_files(published) as files:
        labels = [read_label_file(files, entry.label_file) for entry in collection.entries]
    assert [label.scheme for label in labels] == ["300w-lp", "68-outline", "68-outline", "68-outline"]
    # Matlab's first pixel has its centre at 1, ours at a half; depth grows away from the viewer.
    np.testing.assert_array_equal(labels[0].points_image[1], [0.5, 68.5, -137])
    np.testing.assert_array_equal(labels[1].points_image[1], [0.5, 68.5])


def test_turned_copies_of_one_photograph_stay_on_one_side_of_the_split(published):
    collection = read_photo_collection(published, people=PeopleRule(PeopleFrom.NAMES))
    people = [entry.person.split("/")[1] for entry in collection.entries]
    assert people == ["image00002", "AFW_1_1", "AFW_1_1", "AFW_1_1"]


def test_a_folder_is_a_collection_from_inside_too_and_keeps_the_whole_of_its_name(album, monkeypatch):
    monkeypatch.chdir(album)
    assert read_photo_collection(Path()).name == collection_name(album)
    (album.parent / "trip.2023").mkdir()
    assert collection_name(album.parent / "trip.2023") == "trip_2023"
