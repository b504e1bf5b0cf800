"""One worker without Ray, by the built-in fast weights."""

import shutil

import pytest
from PIL import Image

import shared
from lineament.batch import AlignerOptions
from lineament.batch.part_worker import PartWorker
from lineament.batch.sources import list_parts
from shared import ROOT

PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"


@pytest.fixture
def album(tmp_path):
    """A face, text, no face, and a face again."""
    folder = tmp_path / "album"
    folder.mkdir()
    shutil.copy(PHOTO, folder / "a.jpg")
    (folder / "b.jpg").write_text("I am no photo")
    Image.new("RGB", (64, 64)).save(folder / "c.png")
    Image.open(PHOTO).convert("RGB").resize((200, 200)).save(folder / "d.png")
    return folder


def test_every_photo_is_a_row_at_least_and_a_bad_one_says_why(album, tmp_path):
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    work = PartWorker(AlignerOptions(weights="fast", threads=1), str(tmp_path / "out"), batch=3, decoders=2)
    parts = list_parts(str(album), photos_a_part=3)
    done = [work(part) for part in parts]
    assert [(each.photos, each.faces, each.failed) for each in done] == [(3, 1, 1), (1, 1, 0)]
    first, second = (parquet.read_table(tmp_path / "out" / f"part-00000{k}.parquet") for k in (0, 1))
    assert first.schema == second.schema
    rows = [*first.to_pylist(), *second.to_pylist()]
    assert [(row["photo"], row["faces"], row["face"]) for row in rows] == [
        ("a.jpg", 1, 0),
        ("b.jpg", 0, None),
        ("c.png", 0, None),
        ("d.png", 1, 0),
    ]
    assert "b.jpg is not a photo" in rows[1]["error"]
    assert [row["error"] for row in (rows[0], rows[2], rows[3])] == [None] * 3
    assert len(rows[0]["landmarks_image"]) == 204


def test_a_part_of_bad_photos_alone_has_the_same_columns(tmp_path):
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        (folder / "x.jpg").write_text("no photo")
    shutil.copy(PHOTO, tmp_path / "b" / "y.jpg")
    work = PartWorker(AlignerOptions(weights="fast", threads=1), str(tmp_path / "out"), batch=8, decoders=1)
    schemas = []
    for name in "ab":
        (part,) = list_parts(str(tmp_path / name), photos_a_part=9)
        work(part)
        schemas.append(parquet.read_schema(tmp_path / "out" / "part-000000.parquet"))
    assert schemas[0] == schemas[1]
