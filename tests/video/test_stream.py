import sys

import numpy as np
import pytest

import shared
from lineament.errors import ConfigError, ExportError, ImageError
from lineament.video import VideoWriter, read_video


@pytest.fixture(autouse=True)
def cv2():
    return shared.package("cv2", extra="video")


def picture(value):
    return np.full((64, 96, 3), (value, 255 - value, 30), np.uint8)


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_a_film_comes_back_with_its_pictures_and_times(tmp_path, suffix):
    with VideoWriter(tmp_path / f"film{suffix}", rate=20) as film:
        for number in range(10):
            film.write(number / 20, picture(20 * number))
    frames = list(read_video(tmp_path / f"film{suffix}"))
    assert [frame.number for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 20, atol=0.002)
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(
            frame.picture.mean(axis=(0, 1)), [20 * number, 255 - 20 * number, 30], atol=12
        )
    assert [path.name for path in tmp_path.iterdir()] == [f"film{suffix}"]


def test_a_picture_is_shown_until_the_next_ones_time(tmp_path):
    with VideoWriter(tmp_path / "film.mp4", rate=10) as film:
        for time_s, value in ((0.0, 0), (0.5, 250)):
            film.write(time_s, picture(value))
    means = [frame.picture[..., 0].mean() for frame in read_video(tmp_path / "film.mp4")]
    np.testing.assert_allclose(means, [0] * 5 + [250], atol=12)


def test_a_film_that_is_broken_off_leaves_no_file(tmp_path):
    film = VideoWriter(tmp_path / "film.mp4", rate=10)
    film.write(0, picture(0))
    film.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    for name in ("text.mp4", "missing.mp4"):
        with pytest.raises(ImageError):
            list(read_video(tmp_path / name))
    with pytest.raises(ExportError, match=r"\.webm"):
        VideoWriter(tmp_path / "film.gif", rate=10)


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"lineament\[video\]"):
        list(read_video("film.mp4"))
