"""Every verb in surroundings that fail it: one sentence, a status, no traceback, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import shared
from discs import disc_aligner, picture_of
from lineament.cli.door import sentence
from lineament.cli.main import app
from lineament.image import write_image
from samples import fill
from shared import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX's streams and limits")

COMMAND = """
import resource, sys
from discs import disc_aligner
from lineament.aligner import FaceAligner
from lineament.cli.main import main
FaceAligner.from_pretrained = classmethod(lambda *_, **__: disc_aligner())
limit = int(sys.argv.pop(1))
if limit >= 0:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""
RECIPE = "backgrounds = 'photos'\n[rendered]\ncount = {count}\nsize = 64\n[occluded]\nprobability = 0\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the verbs work on: photographs, a film, samples, a recipe, a file where a folder is wanted."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "album").mkdir()
    for name in "ab":
        write_image(folder / "album" / f"{name}.png", picture_of(red=(60, 60)))
    (folder / "tiny.toml").write_text(RECIPE.format(count=1))
    (folder / "file").write_text("not a folder")
    fill(folder / "set")
    write_points(folder)
    write_mosaics(folder / "mosaics")
    (folder / "train.toml").write_text(TRAINING.format(mosaics=folder / "mosaics"))
    return folder


def write_points(folder):
    """Two photographs with 68 points each, and predictions of them."""
    points = np.random.default_rng(0).uniform(20, 100, (2, 68, 2))
    (folder / "points").mkdir()
    for name, face in zip("ab", points, strict=True):
        write_image(folder / "points" / f"{name}.png", picture_of(red=(60, 60)))
        lines = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in face)
        (folder / "points" / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    np.savez(folder / "theirs.npz", names=np.array(["a.png", "b.png"]), landmarks=points + 1)


def write_mosaics(folder):
    """Four black mosaics of 64 px without a face, for a detector of one step."""
    folder.mkdir()
    np.save(folder / "shard_0.npy", np.zeros((4, 64, 64, 3), np.uint8))
    np.save(folder / "shard_0.labels.npy", np.zeros((4, 24, 8), np.float32))


@pytest.fixture(scope="module")
def clip(place):
    shared.package("cv2", extra="video")
    from lineament.video import VideoWriter

    with VideoWriter(place / "clip.avi", rate=25) as film:
        for number in range(5):
            film.write(number / 25, picture_of(red=(60, 60)))
    return place / "clip.avi"


def started(*words, limit=-1, environment=None, **streams):
    folders = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(limit), *map(str, words)],
        env={**os.environ, "PYTHONPATH": folders, **(environment or {})},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams,
    )


def run(*words, **options):
    """Status and what was said of errors."""
    process = started(*words, **options)
    _, errors = process.communicate(timeout=300)
    assert "Traceback" not in errors
    return process.returncode, errors


READING = {
    "info": ["info"],
    "list": ["eval", "list"],
    "help": ["--help"],
    "verify": ["data", "verify", "SET"],
}
WRITING = {
    "align": ["align", "ALBUM", "-f", "json,glb,parquet", "-o", "OUT"],
    "video": ["video", "CLIP", "-f", "film,glb,parquet", "-o", "OUT"],
    "view": ["view", "--export", "OUT"],
    "build": ["data", "build", "-r", "RECIPE", "--processes", "1", "-o", "OUT"],
    "preview": ["data", "preview", "SET", "-n", "1", "-o", "OUT/a.html"],
    "eval": ["eval", "pts", "--data", "POINTS", "--predictions", "PREDICTIONS", "-o", "OUT"],
}
SLOW = {  # tried on full disks and with a file in place of the folder
    "fit": ["data", "fit", "-p", "PHOTOS", "--limit", "1", "--processes", "1", "-o", "OUT"],
    "train": ["train", "detector", "-c", "TRAINING", "--threads", "1", "-o", "OUT"],
}
TRAINING = "mosaics = '{mosaics}'\nvalidation = '{mosaics}'\nworkers = 0\n[loop]\nsteps = 1\nbatch = 2\n"


def filled(words, place, out):
    names = {
        "ALBUM": place / "album",
        "CLIP": place / "clip.avi",
        "RECIPE": place / "tiny.toml",
        "SET": place / "set",
        "POINTS": place / "points",
        "PREDICTIONS": place / "theirs.npz",
        "PHOTOS": ROOT / "demo" / "photos",
        "TRAINING": place / "train.toml",
        "OUT": out,
    }
    return [
        str(names.get(word.split("/")[0], word.split("/")[0])) + "".join(f"/{w}" for w in word.split("/")[1:])
        for word in words
    ]


@pytest.mark.parametrize("verb", READING)
def test_what_cannot_be_printed_is_a_sentence_and_a_status(place, verb):
    words = filled(READING[verb], place, place)
    with open("/dev/full", "w") as full:
        status, errors = run(*words, stdout=full)
    assert (status, errors.count("\n")) == (1, 1), errors
    assert "full" in errors
    reading, writing = os.pipe()
    os.close(reading)
    status, errors = run(*words, stdout=writing)
    os.close(writing)
    assert status == 1
    assert errors.count("\n") <= 1
    status, errors = run(*words, stdout=None, preexec_fn=lambda: os.close(1))
    assert (status, errors) == (0, "")


@pytest.mark.parametrize("verb", WRITING)
def test_results_are_written_whether_or_not_anybody_listens(place, clip, tmp_path, verb):
    (tmp_path / "out").mkdir()
    words = filled(WRITING[verb], place, tmp_path / "out")
    status, errors = run(*words, stdout=None, preexec_fn=lambda: os.close(1))
    assert (status, errors) == (0, "")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names
    assert not [name for name in names if name.startswith(".") or ".part" in name]


@pytest.mark.parametrize("verb", [*WRITING, *SLOW])
def test_a_full_disk_is_a_line_each_and_leaves_nothing_half_written(place, clip, tmp_path, verb):
    (tmp_path / "out").mkdir()
    limit = 300 if verb in SLOW else 3000
    status, errors = run(*filled((WRITING | SLOW)[verb], place, tmp_path / "out"), limit=limit)
    assert status == 1
    assert 1 <= errors.count("\n") <= 5, errors
    assert len(errors) < 1000
    left = [path.name for path in (tmp_path / "out").rglob("*.part*")]
    assert not [name for name in left if name.startswith(".")], left


@pytest.fixture
def here(monkeypatch):
    """Runs a command in this process, with an aligner that sees discs: status and what was said of errors."""
    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", lambda *_, **__: disc_aligner())

    def said(words):
        done = CliRunner().invoke(app, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stderr

    return said


@pytest.mark.parametrize("verb", [*WRITING, *SLOW])
def test_a_file_where_a_folder_is_wanted_is_a_sentence(place, clip, here, verb):
    status, errors = here(filled((WRITING | SLOW)[verb], place, place / "file"))
    assert (status, errors.count("\n")) == (1, 1), errors
    assert str(place / "file") in errors
    assert "Errno" not in errors
    assert (place / "file").read_text() == "not a folder"


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a folder where nobody may write")
@pytest.mark.parametrize("verb", [*WRITING, *SLOW])
def test_where_nobody_may_write_is_a_sentence(place, clip, here, verb):
    status, errors = here(filled((WRITING | SLOW)[verb], place, Path("/sys/kernel/results")))
    assert (status, errors.count("\n")) == (1, 1), errors
    assert "/sys/kernel" in errors
    assert "Errno" not in errors
    assert "Check the " in errors  # permissions, or folder


@pytest.mark.parametrize("verb", ["align", "view"])
def test_without_home_and_temporary_folder_the_work_is_done(place, clip, tmp_path, verb):
    nowhere = {"HOME": "", "TMPDIR": str(tmp_path / "none")}
    assert run(*filled(WRITING[verb], place, tmp_path / "out"), environment=nowhere) == (0, "")


def test_without_any_place_for_temporary_files_serving_says_what_to_do(monkeypatch, tmp_path):
    from lineament.errors import ConfigError
    from lineament.view.temporary import serving_folder

    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.raises(ConfigError, match="TMPDIR"), serving_folder():
        pass


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_build_ends_at_a_signal_in_a_word(tmp_path, number, status):
    (tmp_path / "long.toml").write_text(RECIPE.format(count=3000))
    words = ["data", "build", "-r", tmp_path / "long.toml", "-o", tmp_path / "set", "--processes", 2]
    process = started(*words, start_new_session=True)
    assert process.stdout is not None
    assert "0/6 shards" in process.stdout.readline()
    time.sleep(0.5)  # while its processes start
    begun = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (status, "stopped\n")
    assert time.monotonic() - begun < 10


def test_sentences_say_what_to_do():
    assert "Make room" in sentence(OSError(28, "No space left on device", "a.png"))
    assert "choose another folder" in sentence(PermissionError(13, "Permission denied", "out"))
    assert "memory is full" in sentence(MemoryError())
    assert "ends too early" in sentence(EOFError("shard"))
