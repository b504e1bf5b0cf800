import os

import pytest

from lineament.batch.journal import Journal, JournalEntry, key_of

FIRST = JournalEntry("a.jpg", 10, 20, "k", "a", 2, (".json",))
SECOND = JournalEntry("caf\udce9.jpg", 10, 20, "k", "b", 0)


def test_what_was_added_is_there_when_the_journal_is_opened_again(tmp_path):
    with Journal(tmp_path / "state") as journal:
        journal.add(FIRST)
        journal.add(SECOND)
    with Journal(tmp_path / "state") as journal:
        assert journal.get("a.jpg") == FIRST
        assert journal.get("caf\udce9.jpg") == SECOND
        assert journal.get("none") is None


def test_a_journal_cut_anywhere_has_the_whole_lines_before_the_cut(tmp_path):
    path = tmp_path / "state"
    with Journal(path) as journal:
        journal.add(FIRST)
        journal.add(SECOND)
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        with Journal(path) as journal:
            whole = content[:length].count(b"\n") - 1
            assert len(journal) in (max(whole, 0), max(whole, 0) + 1)  # a line may lack its end alone
            journal.add(FIRST)
        with Journal(path) as journal:
            assert journal.get("a.jpg") == FIRST


def test_a_file_of_somebody_else_is_replaced_and_anew_forgets(tmp_path):
    (tmp_path / "state").write_text("hello\n")
    with Journal(tmp_path / "state") as journal:
        assert len(journal) == 0
        journal.add(FIRST)
    with Journal(tmp_path / "state", anew=True) as journal:
        assert len(journal) == 0
    with Journal(tmp_path / "state") as journal:
        assert len(journal) == 0
    assert os.listdir(tmp_path) == ["state"]


def test_the_newest_entry_of_a_photo_counts_and_others_go(tmp_path):
    newer = JournalEntry("a.jpg", 11, 21, "k", "a", 1)
    with Journal(tmp_path / "state") as journal:
        journal.add(FIRST)
        journal.add(newer)
    with Journal(tmp_path / "state") as journal:
        assert journal.get("a.jpg") == newer
    assert (tmp_path / "state").read_bytes().count(b"\n") == 2


def test_keys_tell_values_apart_whatever_their_order():
    assert key_of({"a": 1, "b": 2.5}) == key_of({"b": 2.5, "a": 1}) != key_of({"a": 1, "b": 2})


ODD_LINES = [
    b'{"source":["a"],"size":1,"time_ns":2,"key":"k","target":"a","faces":0,"files":[]}',
    b'{"source":"a.jpg","size":1,"time_ns":2,"key":"k","target":"a","faces":"two","files":[]}',
    b'{"source":"a.jpg","size":1,"time_ns":2,"key":"k","target":"a","faces":0,"files":7}',
    b"[" * 100_000,
    b"1" * 10_000,
    b"\xff\x00",
    b"[1]",
]


@pytest.mark.parametrize("place", ["first", "later"])
@pytest.mark.parametrize("line", ODD_LINES, ids=range(len(ODD_LINES)))
def test_of_a_damaged_journal_the_photos_of_damaged_lines_are_not_done(tmp_path, line, place):
    path = tmp_path / "state"
    with Journal(path) as journal:
        journal.add(FIRST)
    head, entry = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([line, entry] if place == "first" else [head, line, entry]) + b"\n")
    with Journal(path) as journal:
        assert len(journal) == (place == "later")
        assert journal.get("a.jpg") == (FIRST if place == "later" else None)
