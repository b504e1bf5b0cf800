import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lineament.cli.photos import read_boxes
from lineament.config_file import read_table as read_toml
from lineament.data.formats.files import open_files
from lineament.data.photographs.people import read_people
from lineament.errors import LineamentError
from lineament.files import (
    bounded_content,
    check_plain_file,
    is_locked,
    locked_file,
    locked_folder,
    remove_leftovers,
    whole_file,
    working_folder,
)
from lineament.models import load_model
from shared import ROOT


def test_after_an_error_what_was_there_is_kept(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("old")

    def break_off():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_other_name_has_the_suffix_that_tells_the_format(tmp_path):
    with whole_file(tmp_path / "a.webm", suffix=".webm") as temporary:
        assert temporary.suffix == ".webm"


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, seen = tmp_path / "checkpoint.pt", []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.exists()))
    with whole_file(path, durable=True) as temporary:
        temporary.write_text("weights")
    assert seen[:1] == [False]
    assert path.read_text() == "weights"


def run_until_ready(program, folder):
    """Another process that runs `program` and says when it is ready."""
    other = subprocess.Popen(
        [sys.executable, "-c", f"{PRELUDE}\n{program}", str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
    )
    assert other.stdout.readline() == b"ready\n"
    return other


def test_a_working_folder_is_one_runs_and_goes_again_if_nothing_was_made(tmp_path):
    folder = tmp_path / "runs" / "first"
    with working_folder(folder), pytest.raises(BlockingIOError, match="another run"), working_folder(folder):
        pass
    assert not folder.exists()
    with working_folder(folder):
        (folder / "made").touch()
    assert [path.name for path in folder.iterdir()] == ["made"]


PRELUDE = """
import sys, time
from pathlib import Path
from lineament.files import locked_folder, whole_file
folder = Path(sys.argv[1])
def wait():
    print("ready", flush=True)
    time.sleep(60)
"""


def end(process, number=signal.SIGKILL):
    process.send_signal(number)
    process.wait()
    process.stdout.close()


def test_what_a_killed_run_left_is_removed_by_the_next_and_nothing_else_is(tmp_path):
    mine = [tmp_path / ".holiday.2019.webm", tmp_path / "1-00000000.part", tmp_path / ".12-0000000.part"]
    for path in mine:
        path.write_text("of the user")
    program = "with whole_file(folder / 'film.webm', suffix='.webm') as temporary: wait()"
    other = run_until_ready(program, tmp_path)
    assert remove_leftovers(tmp_path) == 0, "a living run lost its file"
    assert len(list(tmp_path.iterdir())) == 4
    end(other)
    assert remove_leftovers(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    assert remove_leftovers(tmp_path / "none") == 0


def test_one_run_at_a_time_writes_into_a_folder_and_a_killed_one_bars_nobody(tmp_path):
    other = run_until_ready("with locked_folder(folder): wait()", tmp_path)
    with pytest.raises(BlockingIOError, match="another run"), locked_folder(tmp_path):
        pass
    end(other)
    with locked_folder(tmp_path), pytest.raises(BlockingIOError), locked_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_locked_as_long_as_somebody_holds_it(tmp_path):
    with locked_file(tmp_path / "mark"):
        assert is_locked(tmp_path / "mark")
    assert not is_locked(tmp_path / "mark")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a device without an end")
def test_what_has_no_end_is_not_read_for_ever():
    for read in (
        lambda path: bounded_content(path, 1000),
        check_plain_file,
        read_toml,
        read_boxes,
        read_people,
        load_model,
        lambda path: open_files(path).__enter__(),
    ):
        with pytest.raises((ValueError, LineamentError)):
            read(Path("/dev/zero"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_texts_may_come_through_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "boxes")
    writer = threading.Thread(target=(tmp_path / "boxes").write_text, args=("a.jpg,1,2,30,40\n",))
    writer.start()
    assert read_boxes(tmp_path / "boxes")["a.jpg"].tolist() == [[1, 2, 30, 40]]
    writer.join()
