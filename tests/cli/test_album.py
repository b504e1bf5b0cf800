"""A folder's run in several processes: kills at any moment, Ctrl+C. With the built-in fast weights."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import shared
from lineament.cli.main import app
from lineament.result import AlignedPhoto
from shared import ROOT

PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"
COMMAND = [sys.executable, "-c", "from lineament.cli.main import main; main()", "align"]
OPTIONS = ["-w", "fast", "-f", "json,parquet,csv", "--overlay", "none"]
STATE = "lineament_align.jsonl"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX's signals")


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Twelve photos in two folders, one of which is text."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "inner").mkdir()
    face = Image.open(PHOTO).convert("RGB").resize((160, 160))
    for number in range(11):
        place = folder / "inner" if number % 2 else folder
        face.rotate(2 * number).save(place / f"{number:02}.jpg")
    (folder / "inner" / "liar.jpg").write_text("I am no photo")
    return folder


def start(*words, **options):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [*COMMAND, *map(str, words)]
    return subprocess.Popen(
        words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def run(*words):
    process = start(*words)
    stdout, stderr = process.communicate(timeout=300)
    assert "Traceback" not in stderr
    return process.returncode, stdout, stderr


def contents(folder: Path) -> dict[str, bytes]:
    """Results by name, without the journal, which has times of files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != STATE
    }


def made(folder: Path) -> int:
    """How many photos have results; the folder changes meanwhile."""
    names = [name for place, _, names in os.walk(folder) if ".part" not in place for name in names]
    return sum(name.endswith(".json") for name in names)


@pytest.fixture(scope="module")
def unbroken(album, tmp_path_factory):
    """The results of one process that nothing disturbs, and what it said."""
    shared.package("pyarrow", extra="parquet")
    out = tmp_path_factory.mktemp("unbroken") / "out"
    done = run(album, "--recursive", "-o", out, *OPTIONS, "--jobs", 1)
    return out, done


def test_results_mirror_the_folders_and_the_summary_counts_reasons(unbroken):
    out, (status, stdout, stderr) = unbroken
    assert status == 1
    assert "12 photos, 11 faces, 0 without a face, 1 failed" in stdout
    assert "failed: inner/liar.jpg" in stderr
    names = {name for name in contents(out) if name.endswith(".json")}
    assert names == {f"{'inner/' if k % 2 else ''}{k:02}.json" for k in range(11)}


def test_two_processes_give_what_one_gives_to_the_bit_and_say_it_in_the_same_order(unbroken, album, tmp_path):
    out, done = unbroken
    again = run(album, "--recursive", "-o", tmp_path / "out", *OPTIONS, "--jobs", 2)
    assert [text.replace(str(tmp_path), str(out.parent)) for text in again[1:]] == list(done[1:])
    assert contents(tmp_path / "out") == contents(out)


def test_a_run_that_is_killed_twice_and_resumed_equals_an_unbroken_one(unbroken, album, tmp_path):
    out, _ = unbroken
    mine = tmp_path / "out"
    words = (album, "--recursive", "-o", mine, *OPTIONS, "--jobs", 2, "--log", tmp_path / "log")
    for photos in (2, 6):
        process = start(*words)
        begun = time.monotonic()
        while made(mine) < photos and time.monotonic() - begun < 120:
            time.sleep(0.03)
        process.kill()
        process.communicate()
    assert not (mine / "faces.parquet").exists()
    status, stdout, _ = run(*words)
    assert status == 1  # because of liar.jpg
    assert "12 photos, 11 faces" in stdout
    assert contents(mine) == contents(out)
    assert "inner/liar.jpg: error" in (tmp_path / "log").read_text()


def test_ctrl_c_finishes_what_is_in_hand_and_says_how_to_go_on(unbroken, album, tmp_path):
    out, _ = unbroken
    mine = tmp_path / "out"
    words = (album, "--recursive", "-o", mine, *OPTIONS, "--jobs", 2)
    process = start(*words, start_new_session=True)
    begun = time.monotonic()
    while not made(mine) and time.monotonic() - begun < 120:
        time.sleep(0.03)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "run the same command again to go on" in stderr
    assert "Traceback" not in stderr
    assert not list(mine.rglob("*.part*"))
    run(*words)
    assert contents(mine) == contents(out)


def test_what_is_done_is_left_alone_until_file_options_or_results_change(album, tmp_path, monkeypatch):
    seen = []

    class Aligner:
        def __call__(self, image, boxes=None):
            seen.append(Path(image.filename).name if getattr(image, "filename", "") else "photo")
            return []

        def align_together(self, photos):
            return [AlignedPhoto(photo, self(photo)) for photo in photos]

    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", lambda *_, **__: Aligner())
    mine = tmp_path / "album"
    mine.mkdir()
    for name in "abc":
        Image.new("RGB", (64, 64)).save(mine / f"{name}.png")
    out = tmp_path / "out"

    def aligned(*words):
        seen.clear()
        CliRunner().invoke(app, ["align", str(mine), "-o", str(out), *words])
        return len(seen)

    assert (aligned(), aligned()) == (3, 0)
    Image.new("RGB", (65, 64)).save(mine / "b.png")
    (out / "c.json").unlink()
    assert aligned() == 2
    assert aligned("--min-face", "30") == 3
    assert aligned("--min-face", "30", "--overwrite") == 3
    torn = (out / STATE).read_bytes()
    (out / STATE).write_bytes(torn[:-5])  # as a loss of power may leave it
    assert aligned("--min-face", "30") == 1
    assert json.loads((out / STATE).read_text().splitlines()[-1])["faces"] == 0


def test_tables_of_a_folder_without_a_face_have_their_columns(unbroken, tmp_path):
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (96, 64), "gray").save(tmp_path / "walls" / "a.png")
    done = CliRunner().invoke(app, ["align", f"{tmp_path}/walls", "-o", f"{tmp_path}/out", *OPTIONS])
    assert done.exit_code == 0, done.output
    with_faces, _ = unbroken
    header, *more = (tmp_path / "out" / "faces.csv").read_text().splitlines()
    assert (header, more) == ((with_faces / "faces.csv").read_text().splitlines()[0], [])
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    found, usual = (parquet.read_table(folder / "faces.parquet") for folder in (tmp_path / "out", with_faces))
    assert (found.schema, len(found)) == (usual.schema, 0)


def test_quiet_prints_errors_alone_and_the_log_has_all(album, tmp_path):
    done = CliRunner().invoke(
        app,
        ["align", f"{album}/inner/liar.jpg", "-o", str(tmp_path), "-q", "--log", f"{tmp_path}/log"],
    )
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "liar.jpg: error" in done.stderr
    assert "liar.jpg: error" in (tmp_path / "log").read_text()
