import hashlib
import zipfile

import numpy as np
import pytest

from damaged import NO_ARRAYS
from lineament.data.build.store import FORMAT, part_key, read_fits, write_fits
from lineament.data.fitting.collection_fits import PartFits, PhotoFit
from lineament.data.photographs.collection import PhotoEntry
from lineament.geometry.camera import WeakPerspective


@pytest.fixture(params=["folder", "zip"])
def album(request, tmp_path):
    """album(name, content) -> a folder or zip that holds one file."""

    def write(name, content):
        folder = tmp_path / "album"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        if request.param == "folder":
            return folder
        with zipfile.ZipFile(tmp_path / "album.zip", "w") as file:
            file.write(folder / name, name)
        return tmp_path / "album.zip"

    return write


@pytest.mark.parametrize("name", ["a.pts", "a.mat"])
def test_a_key_changes_with_what_a_label_file_holds(album, name):
    entry = PhotoEntry("a.png", "album/a", label_file=name)
    first, again, changed = (
        part_key(album(name, content), [entry], "rules") for content in (b"1 2", b"1 2", b"1 3")
    )
    assert first == again
    assert first != changed


def test_a_label_file_that_cannot_be_read_stops_nothing_and_changes_the_key_when_it_comes(album):
    entry = PhotoEntry("a.png", "album/a", label_file="a.pts")
    root = album("other.pts", b"1 2")
    assert part_key(root, [entry], "rules") != part_key(album("a.pts", b"1 2"), [entry], "rules")


def test_without_label_files_the_collection_stays_closed_and_keys_are_what_they_were(tmp_path):
    key = part_key(tmp_path / "gone.zip", [PhotoEntry("a.png", "album/a")], "rules")
    assert key == hashlib.sha256(f"{FORMAT}\nrules\na.png\nalbum/a\n\n".encode()).hexdigest()


def fits_of_one_face():
    camera = WeakPerspective(np.eye(3), 1.0, np.zeros(3))
    fit = PhotoFit("a.png", "album/a", 0, camera, np.zeros(4), np.zeros(3), 0.01, "", 0, 0.02)
    return PartFits((fit,), (("b.png", "no face"),))


def test_fits_come_back_under_their_own_key_alone(tmp_path):
    write_fits(tmp_path / "a.npz", fits_of_one_face(), "key")
    found = read_fits(tmp_path / "a.npz", "key")
    assert (found.failed, found.faces[0].photo) == ((("b.png", "no face"),), "a.png")
    assert read_fits(tmp_path / "a.npz", "other") is None
    assert read_fits(tmp_path / "none.npz", "key") is None


@pytest.mark.parametrize("kind", NO_ARRAYS)
def test_damaged_fits_are_made_again(tmp_path, kind):
    (tmp_path / "a.npz").write_bytes(NO_ARRAYS[kind])
    assert read_fits(tmp_path / "a.npz", "key") is None


def test_fits_of_which_something_is_missing_are_made_again(tmp_path):
    write_fits(tmp_path / "a.npz", fits_of_one_face(), "key")
    content = (tmp_path / "a.npz").read_bytes()
    for length in range(0, len(content), 37):
        (tmp_path / "a.npz").write_bytes(content[:length])
        assert read_fits(tmp_path / "a.npz", "key") is None
