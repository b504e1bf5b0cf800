import os
import subprocess
import sys

import numpy as np
import pytest

import shared
from lineament.errors import ExportError
from lineament.video import VideoWriter, read_video
from shared import ROOT


@pytest.fixture(autouse=True)
def cv2():
    return shared.package("cv2", extra="video")


def picture(value, *, height=64, width=96):
    return np.full((height, width, 3), (value, 255 - value, 30), np.uint8)


def reds(path):
    return [frame.picture[..., 0].mean() for frame in read_video(path)]


@pytest.mark.parametrize("suffix", [".webm", ".mp4", ".avi"])
def test_a_film_comes_back_with_its_pictures_and_times(tmp_path, suffix):
    with VideoWriter(tmp_path / f"film{suffix}", rate=20) as film:
        for number in range(60):
            film.write(number / 20, picture(4 * number))
    frames = list(read_video(tmp_path / f"film{suffix}"))
    assert [frame.number for frame in frames] == list(range(60))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(60) / 20, atol=0.002)
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(
            frame.picture.mean(axis=(0, 1)), [4 * number, 255 - 4 * number, 30], atol=12
        )
    assert [path.name for path in tmp_path.iterdir()] == [f"film{suffix}"]


def test_a_folder_may_have_a_name_that_is_no_text(tmp_path):
    folder = tmp_path / "caf\udce9"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk has no such names")
    with VideoWriter(folder / "film.webm", rate=20) as film:
        film.write(0, picture(0))
    assert len(reds(folder / "film.webm")) == 1


def test_a_picture_is_shown_until_the_next_ones_time(tmp_path):
    with VideoWriter(tmp_path / "film.mp4", rate=10) as film:
        for time_s, value in ((0.0, 0), (0.5, 250)):
            film.write(time_s, picture(value))
    np.testing.assert_allclose(reds(tmp_path / "film.mp4"), [0] * 5 + [250], atol=12)


def test_a_hole_in_the_times_is_a_cut(tmp_path):
    with VideoWriter(tmp_path / "film.mp4", rate=10) as film:
        for time_s, value in ((1e6, 0), (1e6 + 0.1, 0), (1e6 + 3600.0, 250), (1e6 + 3600.1, 250), (1e12, 90)):
            film.write(time_s, picture(value))
    np.testing.assert_allclose(reds(tmp_path / "film.mp4"), [0, 0, 250, 250, 90], atol=12)


def test_times_that_are_no_numbers_are_refused(tmp_path):
    with pytest.raises(ExportError, match="finite"), VideoWriter(tmp_path / "film.mp4", rate=10) as film:
        film.write(float("inf"), picture(0))
    assert list(tmp_path.iterdir()) == []


def test_who_stops_does_not_wait_for_a_gap_to_be_filled(tmp_path):
    with VideoWriter(tmp_path / "film.mp4", rate=100, is_stopped=lambda: True) as film:
        film.write(0, picture(0))
        film.write(4, picture(250))
    assert len(reds(tmp_path / "film.mp4")) == 2


def test_pictures_of_other_shapes_are_fitted_into_the_first_ones(tmp_path):
    with VideoWriter(tmp_path / "film.mp4", rate=10) as film:
        film.write(0.0, picture(250))
        film.write(0.1, picture(250, height=128, width=64))
    [_, tall] = [frame.picture for frame in read_video(tmp_path / "film.mp4")]
    np.testing.assert_allclose(tall[:, 34:62, 0].mean(), 250, atol=12)
    np.testing.assert_allclose(tall[:, :28].mean(), 0, atol=12)


def test_a_film_that_is_broken_off_leaves_no_file(tmp_path):
    film = VideoWriter(tmp_path / "film.mp4", rate=10)
    film.write(0, picture(0))
    film.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert list(tmp_path.iterdir()) == []


def test_a_film_is_written_in_formats_that_are_known(tmp_path):
    with pytest.raises(ExportError, match=r"\.webm"):
        VideoWriter(tmp_path / "film.gif", rate=10)


FULL_DISK = """
import resource, sys
import numpy as np
from lineament.errors import ExportError
from lineament.video import VideoWriter
rng = np.random.default_rng(0)
for limit in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    try:
        with VideoWriter(sys.argv[1], rate=25) as film:
            for number in range(40 if limit > 1000 else 10):
                film.write(number / 25, rng.integers(0, 256, (120, 160, 3), np.uint8))
    except ExportError as error:
        print(error)
    else:
        print("whole")
"""
LIMITS = (0, 100, 20_000, 70_000)  # bytes


def run(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
@pytest.mark.parametrize("suffix", [".webm", ".mp4", ".avi"])
def test_a_film_on_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, suffix):
    (tmp_path / f"film{suffix}").write_text("old")
    done = run(FULL_DISK, tmp_path / f"film{suffix}", *LIMITS)
    said = done.stdout.splitlines()
    assert len(said) == len(LIMITS), (said, done.stderr)
    assert all("Cannot write" in line for line in said), (said, done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == [f"film{suffix}"]
    assert (tmp_path / f"film{suffix}").read_text() == "old"
    assert "Traceback" not in done.stderr


def test_a_film_that_is_well_is_written_without_a_word(tmp_path):
    done = run(FULL_DISK, tmp_path / "film.webm", -1)
    assert (done.stdout, done.stderr) == ("whole\n", "")
