"""Points that people set, in tables beside landmarks of another kind."""

import numpy as np
import pytest
from PIL import Image

from lineament.data.photographs.collection import read_photo_collection
from lineament.data.photographs.known import KNOWN
from lineament.data.photographs.landmark_files import read_table
from lineament.data.samples.face_labels import PointSource
from lineament.errors import DataError

HEADER = "photo:300w-lp,x36,y36,x45,y45\n"


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10)).save(folder / name)
    return folder


def test_a_csv_may_name_the_points_of_a_scheme_that_it_has():
    found = read_table((HEADER + "a.png,1,2,3,4\n").encode(), name="points.csv")["a.png"]
    assert found.scheme == "300w-lp"
    assert np.flatnonzero(found.present).tolist() == [36, 45]
    assert found.points_image[45].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("photo:300w-lp,x36,y37\na.png,1,2\n", "pairs xN,yN"),
        ("photo:300w-lp,x99,y99\na.png,1,2\n", "from 0 to 67"),
        (HEADER + "a.png,1,2\n", "names 2"),
        ("photo:mine,x1,y1\na.png,1,2\n", "mine"),
    ],
)
def test_a_header_that_names_no_points_says_what_is_expected(text, words):
    with pytest.raises(DataError, match=words):
        read_table(text.encode(), name="points.csv")


def test_points_lie_beside_landmarks_and_are_told_apart(album):
    mesh = np.full((2, 478, 3), -32768, np.int16)
    mesh[0] = 32
    np.savez(album / "landmarks.npz", names=["a.png", "b.png"], mesh478_q32=mesh)
    np.savez(album / "points.npz", names=["b.png"], points=np.ones((1, 30, 2)), scheme="cfp-30", sigma_px=2.5)
    first, second = sorted(read_photo_collection(album).entries, key=lambda entry: entry.photo)
    assert first.landmarks.scheme == "mesh478"
    assert not first.points
    assert second.landmarks is None  # no face was found there
    assert (second.points[0].scheme, second.points[0].sigma_px) == ("cfp-30", 2.5)
    assert second.points[0].source is PointSource.HAND


def test_landmarks_may_lie_in_a_folder_of_their_own(album, tmp_path):
    elsewhere = tmp_path / "labels"
    elsewhere.mkdir()
    np.savez(elsewhere / "album_landmarks.npz", names=["a.png"], mesh478_q32=np.ones((1, 478, 3), np.int16))
    entries = read_photo_collection(album, landmarks_folder=elsewhere).entries
    assert [entry.landmarks is not None for entry in entries] == [True, False]


def test_a_known_collection_says_whose_points_they_are_and_who_is_neutral(tmp_path):
    folder = tmp_path / "london"
    folder.mkdir()
    for name in ("neutral_front_001_03.png", "smiling_front_001_08.png"):
        Image.new("RGB", (20, 10)).save(folder / name)
    np.savez(tmp_path / "london_points.npz", names=["neutral_front_001_03.png"], points=np.ones((1, 189, 2)))
    entries = read_photo_collection(folder, known=KNOWN["london"]).entries
    assert {entry.person for entry in entries} == {"london/front_001"}
    assert [(entry.is_neutral, len(entry.points)) for entry in entries] == [(True, 1), (False, 0)]
    assert entries[0].points[0].scheme == "london-189"
