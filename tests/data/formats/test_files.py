import zipfile

import numpy as np
import pytest

from lineament.data.formats.files import PhotoFile, open_files
from lineament.errors import DataError, ImageError


@pytest.fixture
def twice(tmp_path, write_photo):
    """The same files as a folder and as a zip."""
    folder = tmp_path / "set"
    write_photo(folder / "part" / "b.jpg")
    write_photo(folder / "a.png", (30, 20))
    (folder / "a.txt").write_text("a")
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as files:
        for name in ("part/b.jpg", "a.png", "a.txt"):
            files.write(folder / name, name)
    return folder, archive


def test_a_folder_and_a_zip_of_it_are_the_same(twice):
    pictures = []
    for root in twice:
        with open_files(root) as files:
            assert files.names(".png") == ["a.png"]
            assert files.names(".jpg") == ["part/b.jpg"]
            assert files.read("a.txt") == b"a"
            assert "a.png" in files
            assert "c.png" not in files
            photo = files.photo("part/b")
            assert files.photo_height(photo) == 40
        pictures.append(photo.read())
    np.testing.assert_array_equal(*pictures)
    assert pictures[0].shape == (40, 60, 3)


def test_what_is_missing_is_named(twice, tmp_path):
    for root in twice:
        with open_files(root) as files:
            with pytest.raises(DataError, match=r"c\.txt"):
                files.read("c.txt")
            with pytest.raises(DataError, match=r"no picture c\.jpg"):
                files.photo("c")
            with pytest.raises(DataError, match=r"a\.txt is no picture"):
                files.photo_height(PhotoFile(root, "a.txt"))
        with pytest.raises(ImageError, match=r"a\.txt"):
            PhotoFile(root, "a.txt").read()
    with pytest.raises(DataError, match="neither a folder nor a zip"), open_files(tmp_path / "none"):
        pass


def test_an_encrypted_archive_is_one_clear_line(twice):
    _, archive = twice
    content = bytearray(archive.read_bytes())
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(start)
        while at >= 0:
            content[at + place] |= 1  # the flag of encryption
            at = content.find(start, at + 1)
    archive.write_bytes(content)
    with open_files(archive) as files, pytest.raises(DataError, match=r"a\.txt .*encrypted"):
        files.read("a.txt")


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.data.formats.files.MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pts", bytes(1001))
        archive.writestr("b.pts", bytes(1000))
    with open_files(tmp_path / "a.zip") as files:
        assert len(files.read("b.pts")) == 1000
        with pytest.raises(DataError, match=r"a\.pts holds more than"):
            files.read("a.pts")
