"""Runs on a real session of Ray, on two cores: results, resuming, killed processes, its reports being off."""

import gc
import io
import os
import shutil
import signal
import sys
import tarfile
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import shared
from lineament.batch import AlignerOptions
from lineament.cli.main import app
from shared import ROOT

shared.package("ray", extra="batch")
import pyarrow.parquet as pq  # noqa: E402

from lineament.batch.cluster import QUIET, session  # noqa: E402
from lineament.batch.gathering import LOST  # noqa: E402
from lineament.batch.job import BatchConfig, run_batch  # noqa: E402

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX's signals"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Ray's own code
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FAST = AlignerOptions(weights="fast", threads=1)
DEADLY, DEADLY_ONCE = (250, 0, 0), (0, 250, 0)


@pytest.fixture(scope="module")
def ray():
    """One session; its folder has a short name, for paths of its sockets may have 107 bytes."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    options = {"num_cpus": 2, "object_store_memory": 150_000_000, "_temp_dir": folder}
    try:
        with session(**options) as found:
            found.cloudpickle.register_pickle_by_value(sys.modules[__name__])
            yield found
    finally:
        with warnings.catch_warnings():  # Ray leaves processes and files to the collector, which complains
            warnings.simplefilter("ignore")
            gc.collect()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Nine photographs, of which one is text; two have no face."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "inner").mkdir()
    face = Image.open(ROOT / "demo" / "photos" / "astronaut.jpg").convert("RGB").resize((200, 200))
    for number in range(5):
        face.rotate(3 * number).save(folder / ("inner" if number % 2 else ".") / f"{number}.jpg")
    shutil.copy(ROOT / "demo" / "photos" / "hopper.jpg", folder)
    Image.new("RGB", (64, 48), (9, 9, 9)).save(folder / "dark.png")
    Image.new("L", (48, 64), 200).save(folder / "inner" / "light.png")
    (folder / "inner" / "liar.jpg").write_text("I am no photo")
    return folder


def lineament(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def photos(out):
    return pq.read_table(out / "photos").to_pylist()


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*.parquet")}


@pytest.fixture(scope="module")
def whole(ray, album, tmp_path_factory):
    """The command's results of the album, and what it said."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return out, lineament("batch", album, "-o", out, "-w", "fast", "--part-photos", 4)


def test_reports_to_rays_makers_are_off_here_and_in_workers(ray):
    usage = pytest.importorskip("ray._common.usage.usage_lib")

    @ray.remote(num_cpus=0.1)
    def told():
        from ray._common.usage import usage_lib

        return {name: os.environ.get(name) for name in QUIET}, usage_lib.usage_stats_enabled()

    assert not usage.usage_stats_enabled()
    assert ray.get(told.remote()) == (QUIET, False)


def test_faces_are_those_of_align_to_the_bit(whole, album, tmp_path):
    out, (status, stdout, stderr) = whole
    lineament(
        "align", album, "-r", "-o", tmp_path, "-w", "fast", "-f", "parquet", "--overlay", "none", "-j", 1
    )
    found, wanted = pq.read_table(out / "faces"), pq.read_table(tmp_path / "faces.parquet")
    assert found.schema.equals(wanted.schema)
    assert repr(found.to_pylist()) == repr(wanted.to_pylist())  # in which NaN is NaN
    assert status == 1  # one is no photograph
    assert "3 parts" in stdout
    assert "9 photos, 6 faces, 2 without a face, 1 failed" in stdout
    (line,) = stderr.splitlines()
    assert "liar.jpg: error: " in line
    assert sorted(path.name for path in out.iterdir()) == [
        "faces",
        "lineament_batch.json",
        "photos",
        "plan.parquet",
    ]


def test_every_photograph_has_a_row_with_its_size_or_the_reason(whole, album):
    rows = photos(whole[0])
    assert len(rows) == 9
    assert [Path(row["source"]).relative_to(album).as_posix() for row in rows if row["error"]] == [
        "inner/liar.jpg"
    ]
    (dark,) = (row for row in rows if row["photo"] == "dark.png")
    assert (dark["height"], dark["width"], dark["faces"], dark["error"]) == (48, 64, 0, None)


def test_finished_parts_are_left_alone_and_other_options_are_an_error(whole, album):
    out, before = whole[0], contents(whole[0])
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    status, stdout, _ = lineament("batch", album, "-o", out, "-w", "fast", "--part-photos", 4)
    assert (status, contents(out)) == (0, before)
    assert "3 parts, 3 of them finished before" in stdout
    assert {
        path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()
    }.items() <= times.items()
    for change in (["-w", "open"], ["-w", "fast", "--passes", 1]):
        status, _, stderr = lineament("batch", album, "-o", out, *change)
        assert status == 1
        assert "was begun otherwise" in stderr
        assert "weights was" in stderr or "passes was 2, is 1" in stderr
    assert contents(out) == before


def test_a_run_that_was_broken_off_goes_on_by_part(whole, ray, album, tmp_path):
    out = tmp_path / "out"
    config = BatchConfig(sources=(str(album),), out=str(out), options=FAST, part_photos=4, concurrency=1)
    done = []
    for part in run_batch(config, is_stopped=lambda: bool(done)):
        done.append(part.number)
    assert len(done) == 1
    (out / "photos" / ".7-01234567.part").write_text("what a kill left")
    rest = [part.number for part in run_batch(config)]
    assert sorted([*done, *rest]) == [0, 1, 2]
    assert contents(out) == contents(whole[0])
    assert not list(out.rglob("*.part"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mortal(AlignerOptions):
    """An aligner whose process is killed by a picture of one colour; by another the first time it is seen."""

    folder: str = ""

    def open(self):
        return MortalAligner(FAST.open(), Path(self.folder))


class MortalAligner:
    def __init__(self, aligner, folder):
        self.aligner, self.folder = aligner, folder

    def align_many(self, pictures, *, batch):
        for picture in pictures:
            color, mark = tuple(np.asarray(picture)[0, 0].tolist()), self.folder / "killed"
            if color == DEADLY or (color == DEADLY_ONCE and not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.aligner.align_many(pictures, batch=batch)


def test_killed_processes_lose_nothing_and_what_kills_them_each_time_is_named(ray, album, tmp_path):
    folder, notes = tmp_path / "photos", tmp_path / "notes"
    notes.mkdir()
    shutil.copytree(album, folder)
    for number in range(4):
        shutil.copy(album / "0.jpg", folder / f"copy{number:02}.jpg")
    Image.new("RGB", (32, 32), DEADLY_ONCE).save(folder / "copy03.png")
    Image.new("RGB", (32, 32), DEADLY).save(folder / "deadly.png")
    config = BatchConfig(
        sources=(str(folder),),
        out=str(tmp_path / "out"),
        options=Mortal(weights="fast", threads=1, folder=str(notes)),
        part_photos=8,
        concurrency=2,
    )
    parts = list(run_batch(config))
    assert (notes / "killed").exists()
    assert [part.number for part in parts] in ([0, 1], [1, 0])
    rows = photos(tmp_path / "out")
    assert len(rows) == len({row["source"] for row in rows}) == 15
    errors = {row["photo"]: row["error"] for row in rows if row["error"]}
    assert sorted(errors) == ["deadly.png", "liar.jpg"]
    assert errors["deadly.png"] == LOST
    faces = pq.read_table(tmp_path / "out" / "faces").to_pylist()
    assert len(faces) == len({(row["source"], row["face"]) for row in faces}) == 10


def test_shards_and_tables_go_from_a_store_to_a_store(ray, album, tmp_path):
    import pyarrow as pa

    content = (album / "0.jpg").read_bytes()
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        about = tarfile.TarInfo("key.jpg")
        about.size = len(content)
        shard.addfile(about, io.BytesIO(content))
    pq.write_table(pa.table({"bytes": [content, b"none"]}), tmp_path / "t.parquet")
    (tmp_path / "list.txt").write_text(f"local://{album}/0.jpg\nlocal://{album}/gone.jpg\n")
    config = BatchConfig(
        sources=tuple(f"local://{tmp_path}/{name}" for name in ("s.tar", "t.parquet", "list.txt")),
        out=f"local://{tmp_path}/out",
        options=FAST,
        concurrency=1,
    )
    assert {part.number: (part.photos, part.faces, len(part.errors)) for part in run_batch(config)} == {
        0: (1, 1, 0),
        1: (4, 2, 2),
    }
    faces = pq.read_table(tmp_path / "out" / "faces").to_pylist()
    assert [row["photo"] for row in faces] == ["key.jpg", "t.parquet#0", "0.jpg"]
    assert {tuple(row["landmarks_image"]) for row in faces} == {tuple(faces[0]["landmarks_image"])}


def test_a_session_of_its_own_and_a_cluster_that_is_not_there_are_told_apart(ray):
    with session() as found:
        assert found.is_initialized()
    assert ray.is_initialized()  # what was there already stays
