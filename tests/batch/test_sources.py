"""What sources name, how it is cut into parts, and what is read of it."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import shared
from lineament.batch.parts import cut, packed, read_plan, unpacked, write_plan
from lineament.batch.places import Place
from lineament.batch.reading import chunks_of, photos_of, pixels_of, table_of
from lineament.batch.sources import Piece, pieces_of
from lineament.cli.photos import find_photos
from lineament.errors import ConfigError

shared.package("pyarrow", extra="batch")
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402


def encoded(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), (value, 0, 0)).save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def album(tmp_path):
    """Two photographs, one in a folder of the folder, and what is none."""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    (folder / "b.png").write_bytes(encoded(1))
    (folder / "inner" / "a.png").write_bytes(encoded(2))
    (folder / "b_overlay.png").write_bytes(encoded(3))
    (folder / "notes.md").write_text("none")
    return folder


def shard(path, members):
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            file.addfile(about, io.BytesIO(content))


def read(source, **options):
    """Source, first value and error of everything a source has."""
    (part,) = cut(pieces_of([str(source)], **options), 100)
    rows = []
    for photo in photos_of(part):
        value = None
        if photo.content is not None:
            value = int(
                np.asarray(
                    Image.open(
                        photo.content if isinstance(photo.content, Path) else io.BytesIO(photo.content)
                    )
                )[0, 0, 0]
            )
        rows.append((photo.source, value, photo.error))
    return rows


def test_a_folder_has_the_photographs_of_align_in_its_order(album):
    assert [piece.source for piece in pieces_of([str(album)])] == [
        str(photo.path) for photo in find_photos([str(album)], recursive=True)
    ]
    assert read(album) == [(str(album / "b.png"), 1, None), (str(album / "inner" / "a.png"), 2, None)]


def test_a_folder_in_a_store_has_the_same(album):
    shared.package("fsspec", extra="batch")
    found = read(f"local://{album}")
    assert found == [(f"local://{album}/b.png", 1, None), (f"local://{album}/inner/a.png", 2, None)]


def test_a_photograph_in_memory_is_read_by_its_url():
    shared.package("fsspec", extra="batch")
    Place.of("memory://lineament-test/a.png").write(encoded(5))
    (row,) = read("memory://lineament-test/a.png")
    assert row == ("memory://lineament-test/a.png", 5, None)


def test_a_list_has_its_lines_once(album, tmp_path):
    (tmp_path / "list.txt").write_text(f"# mine\n{album}/b.png\n\n{album}/gone.png\n{album}/b.png\n")
    assert [piece.source for piece in pieces_of([str(tmp_path / "list.txt")])] == [
        f"{album}/b.png",
        f"{album}/gone.png",
    ]


def test_a_table_of_paths_is_the_paths(album, tmp_path):
    pq.write_table(pa.table({"n": [1], "path": [f"{album}/b.png"]}), tmp_path / "paths.parquet")
    assert read(tmp_path / "paths.parquet") == [(f"{album}/b.png", 1, None)]


def test_a_table_of_bytes_is_read_by_row_groups(tmp_path):
    path = tmp_path / "bytes.parquet"
    rows = [encoded(k) for k in range(4)] + [None]
    pq.write_table(pa.table({"image": rows, "path": ["a", "b", "c", "", "e"]}), path, row_group_size=2)
    pieces = list(pieces_of([str(path)], rows=3))
    assert [(piece.first, piece.last, piece.count) for piece in pieces] == [(0, 2, 4), (2, 3, 1)]
    found = read(path, rows=3)
    assert [(source, value) for source, value, _ in found] == [
        ("a", 0), ("b", 1), ("c", 2), (f"{path}#3", 3), ("e", None)
    ]  # fmt: skip
    assert found[-1][2] == f"Row 4 of {path} has no bytes."


def test_a_table_of_hugging_face_is_read(tmp_path):
    rows = pa.array([{"bytes": encoded(7), "path": "x.png"}])
    pq.write_table(pa.table({"image": rows, "label": [0]}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [("x.png", 7, None)]


def test_a_table_without_photographs_names_its_columns(tmp_path):
    pq.write_table(pa.table({"age": [1], "picture": ["a.png"]}), tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match="columns are age, picture"):
        list(pieces_of([str(tmp_path / "a.parquet")]))
    (piece,) = pieces_of([str(tmp_path / "a.parquet")], column="picture")
    assert piece.source == "a.png"


def test_shards_are_read_in_order_and_a_torn_one_says_so_after_what_it_has(tmp_path):
    members = {"0.json": b"{}", "0.png": encoded(8), "sub/1.png": encoded(9)}
    shard(tmp_path / "s-00.tar", members)
    shard(tmp_path / "s-01.tar", members)
    first = str(tmp_path / "s-00.tar")
    assert [(source, value) for source, value, _ in read(first)] == [
        (f"{first}/0.png", 8),
        (f"{first}/sub/1.png", 9),
    ]
    pieces = list(pieces_of([str(tmp_path / "s-{00..01}.tar")]))
    assert [piece.source[-7:] for piece in pieces] == ["-00.tar", "-01.tar"]
    assert [piece.kind for piece in pieces_of([str(tmp_path)])] == ["shard", "shard"]
    assert [len(part.pieces) for part in cut(pieces, 100)] == [1, 1]
    torn = tmp_path / "torn.tar"
    torn.write_bytes((tmp_path / "s-00.tar").read_bytes()[:2600])  # in the header of the third
    found = read(torn)
    assert found[0][:2] == (f"{torn}/0.png", 8)
    assert "cannot be read" in found[-1][2]


@pytest.mark.parametrize("source", ["empty", "nothing*.png"])
def test_a_source_without_photographs_is_an_error(tmp_path, source):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"Nothing fits|no photographs"):
        list(pieces_of([str(tmp_path / source)]))


def test_parts_have_so_many_photographs_and_survive_the_plan(tmp_path):
    files = [Piece("file", f"/{k}.png", f"{k}.png") for k in range(5)]
    big = Piece("rows", "/a.parquet", "a.parquet", "image", 0, 3, 9)
    parts = list(cut([*files, big, Piece("shard", "/s.tar", "s.tar", count=-1), files[0]], 2))
    assert [[piece.kind for piece in part.pieces] for part in parts] == [
        ["file", "file"], ["file", "file"], ["file"], ["rows"], ["shard"], ["file"]
    ]  # fmt: skip
    folder = Place.of(str(tmp_path))
    assert read_plan(folder) == []
    write_plan(folder, parts)
    assert read_plan(folder) == parts
    assert unpacked(packed(parts[3])) == parts[3]


@pytest.mark.parametrize("decode", [True, False])
def test_chunks_have_the_same_photographs_decoded_or_not(album, decode):
    (album / "c.png").write_text("no photograph")
    (part,) = cut(pieces_of([str(album)]), 100)
    chunks = list(chunks_of(part, decode=decode, size=2))
    assert [(chunk.first, chunk.total) for chunk in chunks] == [(0, None), (2, 3)]
    tables = [table_of(chunk.photos) for chunk in chunks]
    assert [table["index"].to_pylist() for table in tables] == [[0, 1], [2]]
    assert tables[0]["height"].to_pylist() == ([3, 0] if decode else [0, 0])
    if decode:
        pixels = pixels_of(tables[0]["content"][0], 3, 4)
        assert pixels.shape == (3, 4, 3)
        assert (pixels == [1, 0, 0]).all()
        assert "c.png" in tables[0]["error"].to_pylist()[1]
    (rest,) = chunks_of(part, decode=decode, size=2, done=frozenset({0, 1}))
    assert table_of(rest.photos)["index"].to_pylist() == [2]
    assert rest.total == 3
