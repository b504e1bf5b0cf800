import io
import json
import os
import re
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import shared
from discs import DiscEstimate, disc_aligner, picture_of
from faces import egg_face, mesh_alone
from glb_files import read_glb
from lineament.cli.main import app
from shared import film_suffix, shared_path


@pytest.fixture(autouse=True)
def discs(monkeypatch):
    """An aligner that sees discs in place of the one with weights."""
    shared.package("cv2", extra="video")
    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", lambda *_, **__: disc_aligner())


@pytest.fixture
def clip(tmp_path):
    """A film in which one is there all the time and another only at the end."""
    from lineament.video import VideoWriter

    path = tmp_path / "clip.avi"
    with VideoWriter(path, rate=25) as film:
        for number in range(20):
            guests = {} if number < 10 else {"blue": (300, 150)}
            film.write(number / 25, picture_of(red=(60 + number, 60), **guests))
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["video", *map(str, arguments)])


def test_a_film_gives_an_overlay_a_head_a_person_and_a_table(clip, tmp_path):
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    done = run(clip, "--out", tmp_path / "out", "-f", "film,glb,parquet", "--no-smooth")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clip.parquet", f"clip_overlay{film_suffix()}", "clip_person1.glb", "clip_person2.glb"]
    assert "person 1: in 20 of 20 frames" in done.stdout
    rows = parquet.read_table(tmp_path / "out" / "clip.parquet").to_pylist()
    of_first = [row for row in rows if row["person"] == 1]
    assert [row["frame"] for row in of_first] == list(range(20))
    np.testing.assert_allclose([row["time_s"] for row in of_first], np.arange(20) / 25, atol=0.002)
    np.testing.assert_allclose([row["translation"][0] for row in of_first], 60 + np.arange(20), atol=1.5)
    assert min(row["frame"] for row in rows if row["person"] == 2) in range(10, 16)


@pytest.mark.parametrize(("neutral", "rest"), [("auto", 0.31), ("4", 0.34), ("none", 0.0)])
def test_a_persons_own_rest_is_subtracted_in_head_and_table(clip, tmp_path, monkeypatch, neutral, rest):
    parquet = shared.package("pyarrow.parquet", extra="parquet")

    def moving(*, center_xy, scale):
        return egg_face(center_xy=center_xy, scale=scale, expression=0.3 + 0.01 * (center_xy[0] - 60))

    monkeypatch.setattr("discs.egg_face", moving)
    out = tmp_path / "out"
    done = run(clip, "--out", out, "-f", "glb,parquet", "--no-smooth", "--no-texture", "--neutral", neutral)
    assert done.exit_code == 0, done.output
    table = parquet.read_table(out / "clip.parquet").to_pylist()
    rows = [row for row in table if row["person"] == 1]
    given = np.array([row["expression"][0] for row in rows])
    np.testing.assert_allclose(given, 0.3 + 0.01 * np.arange(20), atol=0.01)
    expected = (given - rest) / (1 - rest)
    found = [row["blendshape_jawOpen"] for row in rows]
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=0.01)
    document, array = read_glb(out / "clip_person1.glb")
    animation = document["animations"][0]
    (number,) = (c["sampler"] for c in animation["channels"] if c["target"]["path"] == "weights")
    weights = array(animation["samplers"][number]["output"])
    np.testing.assert_allclose(weights, expected, atol=0.015)
    told = "person 2 is not in frame 4" in done.stdout
    assert told == (neutral == "4")


def test_a_rest_that_is_no_frame_is_a_usage_error(clip, tmp_path):
    assert run(clip, "--out", tmp_path / "out", "--neutral", "soon").exit_code == 2
    assert run(clip, "--out", tmp_path / "out", "--targets", "ARKit").exit_code == 2


def test_heads_have_the_colours_of_their_people_unless_they_are_not_wanted(clip, tmp_path):
    done = run(clip, "--out", tmp_path / "out", "-f", "glb", "--no-smooth")
    assert done.exit_code == 0, done.output
    for person, strongest in ((1, 0), (2, 2)):
        picture = texture_of(tmp_path / "out" / f"clip_person{person}.glb")
        assert np.argmax(np.median(picture, axis=(0, 1))) == strongest
    run(clip, "--out", tmp_path / "plain", "-f", "glb", "--no-smooth", "--no-texture")
    assert b'"images"' not in (tmp_path / "plain" / "clip_person1.glb").read_bytes()


def test_heads_that_cannot_be_animated_are_named_and_the_film_and_table_are_made(clip, tmp_path, monkeypatch):
    whole = DiscEstimate.result
    monkeypatch.setattr(DiscEstimate, "result", lambda *one, **at: mesh_alone(whole(*one, **at)))
    done = run(clip, "--out", tmp_path / "out", "-f", "film,glb,parquet")
    assert done.exit_code == 1
    assert "person 1: no glb, which needs coefficients" in done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clip.parquet", f"clip_overlay{film_suffix()}"]
    assert "person 1: in 20 of 20 frames" in done.stdout


def texture_of(path):
    """The picture inside of a GLB file."""
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document = glb_document(path)
    [image] = document["images"]
    view = document["bufferViews"][image["bufferView"]]
    start = 28 + length + view["byteOffset"]
    return np.array(Image.open(io.BytesIO(content[start : start + view["byteLength"]])))


def test_only_what_is_asked_for_is_written_and_only_so_long(clip, tmp_path):
    done = run(clip, "--out", tmp_path / "out", "-f", "glb", "--seconds", "0.2")
    assert "person 1: in 5 of 5 frames" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["clip_person1.glb"]


def test_a_file_that_is_no_film_is_one_line_and_status_1(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    done = run(tmp_path / "text.mp4", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "cannot be opened as a video" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_a_usage_error(clip, tmp_path):
    assert run(clip, "--out", tmp_path / "out", "-f", "gif").exit_code == 2


def glb_document(path):
    content = path.read_bytes()
    return json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])


def test_who_comes_later_is_not_there_before(clip, tmp_path):
    run(clip, "--out", tmp_path / "out", "-f", "glb", "--no-texture")
    for person, is_late in ((1, False), (2, True)):
        document = glb_document(tmp_path / "out" / f"clip_person{person}.glb")
        animation = document["animations"][0]
        sizes = [
            animation["samplers"][channel["sampler"]]
            for channel in animation["channels"]
            if channel["target"]["path"] == "scale"
        ]
        assert len(sizes) == is_late
        for size in sizes:
            times = document["accessors"][size["input"]]
            assert times["min"] == [0.0]
            assert 0.35 < times["max"][0] < 0.7


def test_ctrl_c_ends_a_film_and_keeps_what_was_seen(clip, tmp_path, monkeypatch):
    from lineament.video import FaceTracker

    seen, step = [], FaceTracker.step

    def step_and_stop(tracker, time_s, picture):
        seen.append(time_s)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return step(tracker, time_s, picture)

    monkeypatch.setattr(FaceTracker, "step", step_and_stop)
    before = signal.getsignal(signal.SIGINT)
    done = run(clip, "--out", tmp_path / "out", "-f", "film,glb")
    assert done.exit_code == 0, done.output
    assert "stopped" in done.stdout
    assert "person 1: in 5 of 5 frames" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_is_heeded_as_ctrl_c(clip, tmp_path, monkeypatch):
    from lineament.video import FaceTracker

    step = FaceTracker.step

    def step_and_stop(tracker, time_s, picture):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(tracker, time_s, picture)

    monkeypatch.setattr(FaceTracker, "step", step_and_stop)
    before = signal.getsignal(signal.SIGTERM)
    done = run(clip, "--out", tmp_path / "out", "-f", "film")
    assert done.exit_code == 0, done.output
    assert "person 1: in 1 of 1 frames" in done.stdout
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_name_of_digits_is_a_file_and_cameras_have_an_option(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    missing = run("0", "--out", "out")
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
    assert "--camera 0" in missing.stderr
    clip.rename(tmp_path / "0")
    assert run("0", "--out", "out", "-f", "film").exit_code == 0
    assert (tmp_path / "out" / f"0_overlay{film_suffix()}").is_file()
    assert run("0", "--camera", "1", "--out", "out").exit_code == 2
    assert run("--out", "out").exit_code == 2


def test_an_address_needs_leave(tmp_path):
    done = run("http://127.0.0.1:9/film.mp4", "--out", tmp_path)
    assert done.exit_code == 1
    assert "--allow-network" in done.stderr


def test_a_gap_of_hours_is_a_cut_in_the_film(tmp_path):
    from lineament.video import read_video

    for name in ("gap_of_an_hour.mkv", "hostile/time_jump.mp4"):
        source = shared_path("cases") / name
        done = run(source, "--out", tmp_path, "-f", "film,glb")
        assert done.exit_code == 0, done.output
        assert len(list(read_video(tmp_path / f"{source.stem}_overlay{film_suffix()}"))) == 25


def test_a_new_size_in_mid_film_is_one_line_and_the_film_goes_on(tmp_path):
    from films import film_of_two_sizes
    from lineament.video import read_video

    first, second = (
        picture_of(red=(60, 60)),
        np.ascontiguousarray(picture_of(red=(60, 60)).transpose(1, 0, 2)),
    )
    film_of_two_sizes(tmp_path / "film.avi", first, second)
    done = run(tmp_path / "film.avi", "--out", tmp_path / "out", "-f", "film,glb")
    assert done.exit_code == 0, done.output
    (height, width), (tall, narrow) = first.shape[:2], second.shape[:2]
    assert f"from 0.20 s on pictures are {narrow} x {tall} px; they were {width} x {height}\n" in done.stdout
    shapes = {frame.picture.shape for frame in read_video(tmp_path / "out" / f"film_overlay{film_suffix()}")}
    assert shapes == {first.shape}


def test_what_a_killed_run_left_is_removed_by_the_next(clip, tmp_path):
    (tmp_path / "out").mkdir()
    left = tmp_path / "out" / ".123-0123abcd.part.webm"
    left.write_text("half a film")
    run(clip, "--out", tmp_path / "out", "-f", "glb")
    assert not left.exists()


def test_a_part_of_a_film_has_the_numbers_and_times_of_the_whole(clip, tmp_path):
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    part = ("--start", "0.2", "--end", "0.6", "--stride", "3")
    done = run(clip, "--out", tmp_path / "out", "-f", "film,parquet", "--no-smooth", *part)
    assert done.exit_code == 0, done.output
    assert "person 1: in 4 of 4 frames" in done.stdout
    rows = parquet.read_table(tmp_path / "out" / "clip.parquet").to_pylist()
    of_first = [row for row in rows if row["person"] == 1]
    assert [row["frame"] for row in of_first] == [5, 8, 11, 14]
    np.testing.assert_allclose([row["time_s"] for row in of_first], np.array([5, 8, 11, 14]) / 25, atol=0.002)


def test_on_a_terminal_the_time_that_is_left_is_said(clip, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("lineament.cli.film_job.sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setattr("lineament.cli.film_job.PROGRESS_FRAMES", 10)
    done = run(clip, "--out", tmp_path / "out", "-f", "none")
    assert done.exit_code == 0, done.output
    lines = terminal.getvalue().split("\r")[1:]
    assert len(lines) == 2
    assert re.fullmatch(r"10 frames, \d+ a second, 0 s of film of 1, 0:0\d left\x1b\[K", lines[0])


def test_a_film_that_ends_before_it_says_so_is_named(tmp_path):
    from lineament.video import VideoWriter

    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    with VideoWriter(whole, rate=10) as film:
        for number in range(30):
            film.write(number / 10, picture_of(red=(60 + number, 60)))
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    options = ("--out", tmp_path / "out", "-f", "glb", "--no-texture")
    assert "ends after" not in run(whole, *options).stderr
    done = run(cut, *options)
    assert done.exit_code == 0
    assert re.search(r"cut\.avi ends after \d\.\d s, but states 3\.0 s", done.stderr)
    assert "ends after" not in run(cut, *options, "--end", "1").stderr  # no more was asked for


def test_an_empty_file_and_one_that_may_not_be_read_say_so_and_leave_no_folder(tmp_path, monkeypatch):
    empty = tmp_path / "empty.mp4"
    empty.touch()
    done = run(empty, "--out", tmp_path / "out")
    assert (done.exit_code, "is an empty file" in done.stderr) == (1, True)
    monkeypatch.setattr("lineament.video.stream.os.access", lambda *_: False)
    done = run(empty, "--out", tmp_path / "out")
    assert "permission denied" in done.stderr
    assert not (tmp_path / "out").exists()
