"""From chunks to parts without a cluster: what comes twice, what never comes, what is tried too often."""

import pytest
from PIL import Image

import shared
from discs import disc_aligner, picture_of
from lineament.batch import AlignerOptions
from lineament.batch.actors import TRIES, PartReader, PhotoAligner, Tries
from lineament.batch.gathering import LOST, Gathering, finished_parts, remove_parts
from lineament.batch.parts import cut, packed
from lineament.batch.places import Place
from lineament.batch.reading import table_of
from lineament.batch.sources import pieces_of
from lineament.errors import ConfigError, ExportError

shared.package("pyarrow", extra="batch")
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

IDENTITY = {"weights": "discs"}


@pytest.fixture(autouse=True)
def discs(monkeypatch):
    monkeypatch.setattr(AlignerOptions, "open", lambda _: disc_aligner())
    monkeypatch.setattr(AlignerOptions, "identity", lambda _: IDENTITY)


@pytest.fixture
def parts(tmp_path):
    """Twelve photographs, ten and two: two faces, none, one, none, ...; the last is text."""
    folder = tmp_path / "album"
    folder.mkdir()
    both, one = picture_of(red=(60, 60), blue=(300, 100)), picture_of(green=(100, 100))
    pictures = [both, picture_of(), one, picture_of()]
    for number in range(11):
        Image.fromarray(pictures[number % 4]).save(folder / f"{number:02}.png")
    (folder / "11.png").write_text("no photograph")
    return list(cut(pieces_of([str(folder)]), 10))


def read(parts, begin=None, *, careful=False, done=None):
    """All chunks of parts, as a cluster gives them to an actor."""
    begin = Tries().begin if begin is None else begin
    reader = PartReader(begin, careful, done or {})
    return [chunk for part in parts for chunk in reader(pa.Table.from_pylist([packed(part)]))]


def aligner(begin=None):
    begin = Tries().begin if begin is None else begin
    return PhotoAligner(begin, AlignerOptions(weights="fast"), "arkit", IDENTITY)


def test_parts_are_written_whole_in_the_order_of_the_photographs_whatever_comes_first(parts, tmp_path):
    folder = Place.of(str(tmp_path / "out"))
    gathering = Gathering(folder, parts)
    outcomes = [aligner()(chunk) for chunk in read(parts)]
    assert [row["total"] for table in outcomes for row in table.to_pylist()] == [None, 10, 2]
    (last,) = gathering.add(outcomes[2])
    assert (last.number, last.photos, last.faces, last.without) == (1, 2, 1, 0)
    assert [source.rpartition("/")[2] for source, _ in last.errors] == ["11.png"]
    assert list(gathering.add(outcomes[1])) == []
    assert finished_parts(folder) == {1}
    assert not (folder / "photos" / "000000.parquet").exists()
    assert list(gathering.add(outcomes[1])) == []  # again, for its process was lost after it had answered
    assert gathering.done_of(0) == {8, 9}
    (first,) = gathering.add(outcomes[0])
    assert (first.photos, first.faces, first.without, first.errors) == (10, 8, 5, ())
    assert finished_parts(folder) == {0, 1}
    assert gathering.unfinished == []
    assert list(gathering.add(outcomes[0])) == []
    faces = pq.read_table(tmp_path / "out" / "faces").to_pylist()
    assert [(row["photo"], row["face"]) for row in faces] == [
        (f"{number:02}.png", face)
        for number in range(0, 11, 2)
        for face in range(2 if number % 4 == 0 else 1)
    ]
    assert "index" not in faces[0]
    remove_parts(folder)
    assert finished_parts(folder) == set()


@pytest.mark.parametrize("careful", [False, True])
def test_photographs_are_aligned_alike_decoded_before_or_not(parts, careful):
    def faces(chunks):
        tables = [
            table_of(row["faces"]) for chunk in chunks for row in aligner()(chunk).to_pylist() if row["faces"]
        ]
        return repr(pa.concat_tables(tables).to_pylist())  # in which NaN is NaN

    chunks = read(parts[:1], careful=careful)
    assert len(chunks) == (10 if careful else 2)
    assert faces(chunks) == faces(read(parts[:1]))


def test_a_part_whose_reader_was_lost_is_sent_without_being_decoded(parts):
    tries = Tries()
    first, again = (read(parts[:1], tries.begin) for _ in range(2))
    assert [chunk["first"].to_pylist() for chunk in first] == [chunk["first"].to_pylist() for chunk in again]
    heights = [
        table_of(chunks[0]["photos"][0].as_buffer())["height"].to_pylist() for chunks in (first, again)
    ]
    assert heights == [[200] * 8, [0] * 8]


def test_what_is_tried_too_often_is_left_out_and_named_in_the_end(parts, tmp_path):
    tries = Tries()
    chunks = read(parts)
    for _ in range(TRIES):
        tries.begin(("align", 0, 8))  # whose process was lost as often
    gathering = Gathering(Place.of(str(tmp_path / "out")), parts)
    worker = aligner(tries.begin)
    finished = [part.number for chunk in chunks for part in gathering.add(worker(chunk))]
    assert finished == [1]
    assert [part.number for part in gathering.unfinished] == [0]
    (rest,) = read(gathering.unfinished, careful=True, done={0: gathering.done_of(0) | {8}})
    assert rest["first"].to_pylist() == [9]
    assert list(gathering.add(aligner()(rest))) == []
    (part,) = gathering.give_up()
    assert [(source.rpartition("/")[2], why) for source, why in part.errors] == [("08.png", LOST)]
    rows = pq.read_table(tmp_path / "out" / "photos").to_pylist()
    assert [row["photo"] for row in rows] == [f"{number:02}.png" for number in range(12)]


def test_a_node_with_other_weights_says_so():
    with pytest.raises(ConfigError, match="not those of the machine"):
        PhotoAligner(Tries().begin, AlignerOptions(weights="fast"), "arkit", {"weights": "other"})


def test_a_part_that_cannot_be_written_is_an_error(parts, tmp_path):
    (tmp_path / "out").write_text("no folder")
    gathering = Gathering(Place.of(str(tmp_path / "out")), parts)
    (chunk,) = read(parts[1:])
    with pytest.raises(ExportError, match="Cannot write"):
        list(gathering.add(aligner()(chunk)))
