"""Files here and in stores: what is read, what is written whole."""

import uuid

import pytest

import shared
from lineament.batch.places import Place
from lineament.errors import ConfigError, ExportError

shared.package("pyarrow", extra="batch")


@pytest.fixture(params=["path", "file", "local", "memory"])
def folder(request, tmp_path):
    """A folder of this machine, by path and by URL, and through fsspec, on the disk and in memory."""
    if request.param != "path":
        shared.package("fsspec", extra="batch")
    name = uuid.uuid4().hex
    return {
        "path": str(tmp_path),
        "file": f"file://{tmp_path}",
        "local": f"local://{tmp_path}",
        "memory": f"memory://{name}",
    }[request.param]


def test_what_is_written_is_read_listed_and_removed(folder):
    place = Place.of(folder)
    inner = place / "a" / "b.txt"
    assert not inner.exists()
    assert (place / "a").files() == []
    inner.write(b"one")
    inner.write(b"two")
    (place / "c.txt").write(b"three")
    assert inner.read() == b"two"
    assert [each.path for each in (place / "a").files()] == [inner.path]
    assert [each.read() for each in place.files(recursive=True)] == [b"two", b"three"]
    assert (place / "a").is_folder()
    assert not inner.is_folder()
    assert Place.of(inner.url).read() == b"two"
    inner.remove()
    assert not inner.exists()


def test_a_file_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    for text in (str(tmp_path), f"local://{tmp_path}"):
        place = Place.of(text) / "a.txt"
        place.write(b"before")
        with pytest.raises(ExportError, match="Cannot write"):
            place.write(3)
        assert place.read() == b"before"


def test_an_unknown_file_system_is_a_sentence():
    shared.package("fsspec", extra="batch")
    with pytest.raises(ConfigError, match="cannot be reached"):
        Place.of("carrier-pigeon://coop/a.jpg")


def test_stores_are_admitted_and_keep_their_options():
    place = Place.of("s3://bucket/album?region=eu-west-1") / "a.jpg"
    assert place.system.type_name == "s3"
    assert place.path == "bucket/album/a.jpg"
    assert place.url == "s3://bucket/album/a.jpg?region=eu-west-1"
    assert Place.of("gs://anonymous@bucket/a.jpg").system.type_name == "gcs"
