"""Folders, lists, Parquet and shards as parts, and their photographs."""

import io
import tarfile

import pytest
from PIL import Image

import shared
from lineament.batch.places import Place
from lineament.batch.sources import list_parts, photos_of
from lineament.errors import ConfigError


def jpeg(value):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (value, 0, 0)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def album(tmp_path):
    """Five photos, two of them in a folder, among other things."""
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg", "in/d.jpg", "in/e.jpg", "x.json", ".h/f.jpg")):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return tmp_path / "album"


def read(source, count=2):
    parts = list_parts(str(source), photos_a_part=count)
    assert [part.number for part in parts] == list(range(len(parts)))
    return [[(photo.source, photo.content) for photo in photos_of(part)] for part in parts]


def test_a_folder_is_its_photos_and_those_of_folders_in_it_by_name(album):
    found = read(album)
    assert [len(part) for part in found] == [2, 2, 1]
    names = [source for part in found for source, _ in part]
    assert names == [str(album / name) for name in ("a.jpg", "b.jpg", "c.jpg", "in/d.jpg", "in/e.jpg")]
    assert found[2][0][1] == jpeg(4)


def test_a_list_of_paths_is_taken_in_its_order_and_what_is_gone_says_so(album, tmp_path):
    (tmp_path / "list.txt").write_text(f"{album}/c.jpg\n\n{album}/gone.jpg\n{album}/a.jpg\n")
    parts = list_parts(str(tmp_path / "list.txt"), photos_a_part=2)
    photos = [photo for part in parts for photo in photos_of(part)]
    assert [photo.content for photo in photos] == [jpeg(2), None, jpeg(0)]
    assert "gone.jpg cannot be fetched" in photos[1].error


@pytest.mark.parametrize("groups", [2, 100])
def test_parquet_gives_bytes_or_paths_wherever_its_row_groups_end(album, tmp_path, groups):
    pyarrow = shared.package("pyarrow", extra="parquet")
    import pyarrow.parquet as parquet

    values = [jpeg(number) for number in range(5)]
    table = pyarrow.table({"path": [f"p{k}" for k in range(5)], "bytes": values, "other": [0] * 5})
    parquet.write_table(table, tmp_path / "bytes.parquet", row_group_size=groups)
    assert read(tmp_path / "bytes.parquet", 3) == [
        [(f"p{k}", values[k]) for k in range(3)],
        [(f"p{k}", values[k]) for k in (3, 4)],
    ]
    parquet.write_table(pyarrow.table({"url": [str(album / "b.jpg")]}), tmp_path / "paths.parquet")
    assert read(tmp_path / "paths.parquet") == [[(str(album / "b.jpg"), jpeg(1))]]
    parquet.write_table(pyarrow.table({"age": [3]}), tmp_path / "none.parquet")
    with pytest.raises(ConfigError, match="has the columns age"):
        read(tmp_path / "none.parquet")


def test_shards_are_a_part_each_and_their_other_members_are_left_out(album, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for name, members in (("0.tar", ("a.jpg", "x.json")), ("1.tar", ("b.jpg", "c.jpg"))):
        with tarfile.open(folder / name, "w") as shard:
            for member in members:
                shard.add(album / member, member)
    assert read(folder) == [
        [(f"{folder}/0.tar/a.jpg", jpeg(0))],
        [(f"{folder}/1.tar/b.jpg", jpeg(1)), (f"{folder}/1.tar/c.jpg", jpeg(2))],
    ]


def test_a_shard_that_is_cut_short_gives_what_it_has_and_says_so(album, tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w") as shard:
        for member in ("a.jpg", "b.jpg"):
            shard.add(album / member, member)
    (tmp_path / "0.tar").write_bytes((tmp_path / "0.tar").read_bytes()[:2000])
    (part,) = list_parts(str(tmp_path / "0.tar"), photos_a_part=9)
    first, *others = photos_of(part)
    assert first.content == jpeg(0)
    assert others[-1].content is None
    assert "cannot be read to its end" in others[-1].error


def test_addresses_are_opened_by_fsspec(album, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'lineament[batch]'")
    found = read(f"file://{album}")
    assert [content for part in found for _, content in part] == [jpeg(k) for k in range(5)]
    (Place.of(f"file://{tmp_path}/out") / "x").write_whole(b"content")
    assert Place.of(f"file://{tmp_path}/out").names() == ["x"]
    assert (tmp_path / "out" / "x").read_bytes() == b"content"


def test_a_source_without_photos_or_that_is_not_there_is_refused(tmp_path):
    for source in (tmp_path, tmp_path / "gone"):
        with pytest.raises(ConfigError, match="There "):
            list_parts(str(source), photos_a_part=2)
