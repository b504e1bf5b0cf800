"""Films by the system's ffmpeg: pictures, sound, sections. Skipped where there is none."""

import shutil
import subprocess

import numpy as np
import pytest

import shared
from lineament.errors import ConfigError, ExportError
from lineament.video import Section, Sound, VideoWriter, find_encoder, read_video


@pytest.fixture
def ffmpeg():
    shared.package("cv2", extra="video")
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed: apt-get install ffmpeg")
    return program


def picture(value, *, height=64, width=96):
    return np.full((height, width, 3), (value, 255 - value, 30), np.uint8)


def written(path, encoder, count, *, sound=None, shape=(64, 96)):
    with VideoWriter(path, rate=20, encoder=encoder, sound=sound) as film:
        for number in range(count):
            film.write(number / 20, picture(4 * number, height=shape[0], width=shape[1]))
    return film


def streams(program, path):
    """What ffmpeg says of a file's streams."""
    said = subprocess.run([program, "-hide_banner", "-i", str(path)], capture_output=True, text=True).stderr
    return [line for line in said.splitlines() if "Stream #" in line]


@pytest.fixture
def with_a_tone(ffmpeg, tmp_path):
    """A film of three seconds with a tone."""
    plain, path = tmp_path / "plain.mp4", tmp_path / "tone.mp4"
    written(plain, find_encoder("h264"), 60)
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=3")
    words = [ffmpeg, "-y", "-i", str(plain), *tone, "-c:v", "copy", "-c:a", "aac", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


@pytest.mark.parametrize("codec", ["h264", "vp9"])
@pytest.mark.parametrize("shape", [(64, 96), (65, 97)])
def test_a_film_comes_back_with_its_pictures_and_times(ffmpeg, tmp_path, codec, shape):
    encoder = find_encoder(codec)
    path = tmp_path / f"film{encoder.suffix}"
    assert not written(path, encoder, 60, shape=shape).has_sound
    frames = list(read_video(path))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(60) / 20, atol=0.002)
    for number, frame in enumerate(frames):
        assert frame.picture.shape == (64, 96, 3)
        np.testing.assert_allclose(
            frame.picture.mean(axis=(0, 1)), [4 * number, 255 - 4 * number, 30], atol=14
        )
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_sound_is_copied_or_encoded_so_that_the_file_can_hold_it(ffmpeg, with_a_tone, tmp_path, codec):
    encoder = find_encoder(codec)
    path = tmp_path / f"film{encoder.suffix}"
    film = written(path, encoder, 40, sound=Sound(str(with_a_tone), 0.5))
    assert film.has_sound
    video, audio = streams(ffmpeg, path)
    assert "Video" in video
    assert ("aac" if codec == "h264" else "opus") in audio
    assert len(list(read_video(path))) == 40


def test_a_source_without_sound_or_a_film_with_a_cut_has_none(ffmpeg, with_a_tone, tmp_path):
    encoder = find_encoder("h264")
    silent = written(tmp_path / "a.mp4", encoder, 20, sound=Sound(str(tmp_path / "plain.mp4")))
    assert not silent.has_sound
    with VideoWriter(tmp_path / "b.mp4", rate=20, encoder=encoder, sound=Sound(str(with_a_tone))) as film:
        for time_s in (0.0, 0.05, 3600.0):
            film.write(time_s, picture(9))
    assert not film.has_sound


def test_an_error_on_the_way_leaves_nothing(ffmpeg, tmp_path):
    film = VideoWriter(tmp_path / "a.mp4", rate=20, encoder=find_encoder())
    film.write(0, picture(0))
    assert len(list(tmp_path.iterdir())) == 1
    film.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_is_the_encoders(ffmpeg, tmp_path):
    with pytest.raises(ExportError, match=r"\.mp4"):
        VideoWriter(tmp_path / "a.webm", rate=20, encoder=find_encoder("h264"))


def test_what_is_not_there_is_said_only_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert find_encoder() is None
    with pytest.raises(ConfigError, match="ffmpeg is not installed"):
        find_encoder("h264")
    with pytest.raises(ConfigError, match="auto, h264, vp9"):
        find_encoder("mpeg2")


def test_a_section_has_the_numbers_and_times_of_the_whole(tmp_path):
    shared.package("cv2", extra="video")
    with VideoWriter(tmp_path / "film.avi", rate=20) as film:
        for number in range(60):
            film.write(number / 20, picture(4 * number))
    frames = list(read_video(tmp_path / "film.avi", section=Section(1.0, 2.0, 3)))
    assert [frame.number for frame in frames] == list(range(20, 40, 3))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(20, 40, 3) / 20, atol=0.002)
    for frame in frames:
        assert frame.picture[..., 0].mean() == pytest.approx(4 * frame.number, abs=12)


@pytest.mark.parametrize("section", [(0.0, 1.0, 0), (2.0, 1.0, 1), (-1.0, 1.0, 1)])
def test_a_section_without_frames_is_refused(section):
    with pytest.raises(ConfigError, match="stride"):
        Section(*section)
