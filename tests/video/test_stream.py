import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

import shared
from lineament.errors import ConfigError, ImageError
from lineament.image.av1 import sequence_size
from lineament.video import VideoReader, VideoWriter, read_video
from shared import shared_path

cv2 = shared.package("cv2", extra="video")

from films import element, film_of_two_sizes, packets, projection, with_matrix, with_video_elements  # noqa: E402

ALL_EIGHT = [
    np.diag(signs) @ turn
    for turn in (np.eye(2), np.array([[0, 1], [1, 0]]))
    for signs in itertools.product((1, -1), repeat=2)
]


def corners():
    """(64, 96, 3) another colour in each corner: red, green, blue and white, row by row."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:] = (250, 0, 0), (0, 250, 0)
    picture[32:, :48], picture[32:, 48:] = (0, 0, 250), (250, 250, 250)
    return picture


def film_of(path, picture, *, count=5, rate=25):
    with VideoWriter(path, rate=rate) as film:
        for number in range(count):
            film.write(number / rate, picture)
    return path


def is_like(found, expected):
    """Whether two pictures are the same but for compression."""
    return found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 12


def shown_by(matrix, picture):
    """The picture with each pixel where the matrix puts it, by the definition."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    x, y = np.tensordot(np.asarray(matrix, int), np.stack([columns, rows]), 1)
    shown = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1, 3), np.uint8)
    shown[y - y.min(), x - x.min()] = picture
    return shown


@pytest.mark.parametrize("matrix", ALL_EIGHT, ids=lambda matrix: str(matrix.astype(int).tolist()))
def test_a_film_lies_as_its_display_matrix_says(tmp_path, matrix):
    path = film_of(tmp_path / "film.mp4", corners())
    path.write_bytes(with_matrix(path.read_bytes(), matrix))
    for frame in read_video(path):
        assert is_like(frame.picture, shown_by(matrix, corners()))


@pytest.mark.parametrize(
    ("yaw", "roll", "matrix"),
    [
        (0, 90, [[0, 1], [-1, 0]]),  # counter-clockwise
        (0, 180, [[-1, 0], [0, -1]]),
        (180, 0, [[-1, 0], [0, 1]]),
        (180, 90, [[0, 1], [1, 0]]),  # mirrored, then turned
    ],
)
def test_a_film_lies_as_its_projection_says(tmp_path, yaw, roll, matrix):
    path = film_of(tmp_path / "film.webm", corners())
    path.write_bytes(with_video_elements(path.read_bytes(), projection(yaw=yaw, roll=roll)))
    [first, *_] = read_video(path)
    assert is_like(first.picture, shown_by(matrix, corners()))


def test_a_panorama_is_not_turned(tmp_path):
    path = film_of(tmp_path / "film.webm", corners())
    path.write_bytes(with_video_elements(path.read_bytes(), projection(yaw=30, roll=90)))
    assert is_like(next(read_video(path)).picture, corners())


def test_the_films_of_the_cases_are_one_film():
    cases = shared_path("cases")
    plain = next(read_video(cases / "plain.mp4")).picture
    rotated = next(read_video(cases / "turned_90_by_matrix.mp4")).picture
    mirrored = next(read_video(cases / "mirrored_by_matrix.mp4")).picture
    wide = next(read_video(cases / "anamorphic_sar_64_45.mp4")).picture
    assert np.array_equal(rotated, np.rot90(plain, -1))
    assert np.array_equal(mirrored, plain[:, ::-1])
    assert wide.shape == (240, 319, 3)
    assert np.abs(cv2.resize(wide, (320, 240)).astype(int) - plain).mean() < 12


@pytest.mark.parametrize(("width", "height", "shape"), [(192, 64, (64, 192)), (96, 128, (128, 96))])
def test_pixels_that_are_not_square_become_square_and_none_is_lost(tmp_path, width, height, shape):
    path = film_of(tmp_path / "film.webm", corners())
    extra = b"".join(element(name, bytes([size])) for name, size in ((0x54B0, width), (0x54BA, height)))
    path.write_bytes(with_video_elements(path.read_bytes(), extra))
    assert next(read_video(path)).picture.shape[:2] == shape


@pytest.mark.parametrize(("code", "suffix"), [("VP80", ".webm"), ("VP90", ".webm"), ("MJPG", ".avi")])
def test_a_new_size_in_mid_film_is_a_new_shape(tmp_path, code, suffix):
    tall = cv2.resize(corners(), (64, 128))
    film_of_two_sizes(tmp_path / f"film{suffix}", corners(), tall, code=code)
    pictures = [frame.picture for frame in read_video(tmp_path / f"film{suffix}")]
    assert [picture.shape[:2] for picture in pictures] == 5 * [(64, 96)] + 5 * [(128, 64)]
    assert is_like(pictures[-1], tall)


@pytest.fixture
def av1_film(tmp_path):
    """Five pictures of 96 x 64 px, then five of 64 x 128, by the system's ffmpeg: OpenCV writes no AV1."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed: apt-get install ffmpeg")
    stream, film = tmp_path / "film.obu", tmp_path / "film.mkv"
    quiet = [program, "-hide_banner", "-loglevel", "error", "-y"]
    encoded = ["-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv420p", "-f", "obu", "-"]
    parts = []
    for size in ("96x64", "64x128"):
        drawn = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate=25:duration=0.2"]
        parts.append(subprocess.run([*quiet, *drawn, *encoded], check=True, capture_output=True).stdout)
    stream.write_bytes(b"".join(parts))
    subprocess.run([*quiet, "-i", str(stream), "-c", "copy", str(film)], check=True)
    return film


def test_av1_films_state_the_sizes_that_they_change_to(av1_film):
    sizes = [sequence_size(packet.tobytes()) for packet in packets(av1_film)]
    assert len(sizes) == 10
    assert sizes[0] == (96, 64)
    assert sizes[5] == (64, 128)
    assert set(sizes[1:5] + sizes[6:]) == {None}


def test_a_film_that_opencv_cannot_decode_names_what_it_is_and_what_to_do(av1_film):
    with pytest.raises(ImageError, match=r"no frames.*\(AV1, for which.*ffmpeg -i FILM -c:v libx264"):
        list(read_video(av1_film))


def test_a_stream_without_times_changes_its_size_where_it_does(tmp_path):
    parts = [packets(shared_path("clips") / name) for name in ("glasses_smiling.mp4", "child_talking.mp4")]
    path = tmp_path / "film.h264"
    path.write_bytes(b"".join(packet.tobytes() for part in parts for packet in part[:40]))
    sizes = [frame.picture.shape[0] for frame in read_video(path)]
    assert (sizes[0], sizes[-1]) == (480, 320)
    assert abs(sizes.index(320) - 40) <= 8, "decoders hold a few pictures back where a stream changes"
    assert sizes == sorted(sizes, reverse=True)


def test_a_gap_is_in_the_times_and_not_in_the_pictures():
    cases = shared_path("cases")
    for name, gap_s in (("gap_of_an_hour.mkv", 3600), ("hostile/time_jump.mp4", 40_000)):
        with VideoReader(cases / name) as film:
            times = [frame.time_s for frame in film]
        assert len(times) == 25
        assert times[-1] == pytest.approx(gap_s + 24 / 25, abs=2)
        assert film.rate == pytest.approx(25, abs=0.5), "a film with a gap is not a slow film"


@pytest.mark.parametrize("name", ["take 1: the end.mp4", "7", "100%d.mp4", "http:x.mp4", "caf\udce9.mp4"])
def test_any_name_of_a_file_is_a_file(tmp_path, monkeypatch, name):
    try:
        film_of(tmp_path / "film.mp4", corners()).rename(tmp_path / name)
    except OSError:
        pytest.skip("this disk has no such names")
    monkeypatch.chdir(tmp_path)
    assert len(list(read_video(name))) == 5


def test_what_is_no_film_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    cases = {
        "text.mp4": "cannot be opened",
        "missing.mp4": "not there",
        "": "folder",
        "../3": "not there",
    }
    for name, words in cases.items():
        with pytest.raises(ImageError, match=words):
            list(read_video(tmp_path / name))
    with pytest.raises(ImageError, match="--camera 3"):
        list(read_video("3"))


def test_addresses_are_fetched_only_where_that_is_allowed(tmp_path):
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/film.mp4"
        lists = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n"
        (tmp_path / "list.m3u8").write_text(lists.format(address=address))

        def wait():
            for _ in range(4):
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                asked.append(connection.recv(99))
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        for source in (address, tmp_path / "list.m3u8"):
            with pytest.raises(ImageError):
                list(read_video(source))
        assert asked == []
        with pytest.raises(ImageError, match="opened"):
            list(read_video(address, allow_network=True))
        thread.join()
    assert b"GET /film.mp4" in asked[0]


def test_a_film_cut_anywhere_gives_frames_or_one_error(tmp_path):
    rng = np.random.default_rng(0)
    for suffix in (".mp4", ".webm"):
        whole = film_of(tmp_path / f"film{suffix}", corners(), count=10).read_bytes()
        for trial in range(40):
            content = bytearray(whole[: rng.integers(1, len(whole))] if trial % 2 else whole)
            for _ in range(rng.integers(0, 30)):
                content[rng.integers(len(content))] = rng.integers(256)
            path = tmp_path / f"damaged{suffix}"
            path.write_bytes(content)
            with contextlib.suppress(ImageError):
                assert all(frame.picture.dtype == np.uint8 for frame in read_video(path))


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"lineament\[video\]"):
        list(read_video(os.devnull))
