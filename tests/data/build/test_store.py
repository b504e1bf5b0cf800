import hashlib
import zipfile

import pytest

from lineament.data.build.store import FORMAT, part_key
from lineament.data.photographs.collection import PhotoEntry


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
