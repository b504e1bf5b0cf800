"""Films of our own making, with headers that OpenCV's writer does not write."""

import struct

import cv2
import numpy as np

MATRIX_AT = 44  # in a track header box of version 0, from its name on


def with_matrix(mp4: bytes, matrix) -> bytes:
    """An MP4 whose track is shown by ((xx, xy), (yx, yy))."""
    (xx, xy), (yx, yy) = matrix
    at = mp4.index(b"tkhd") + MATRIX_AT
    values = [int(65536 * value) for value in (xx, yx, 0, xy, yy)]
    return mp4[:at] + struct.pack(">5i", *values) + mp4[at + 20 :]


def element(number: int, content: bytes) -> bytes:
    """A Matroska element, its size in eight bytes."""
    length = (number.bit_length() + 7) // 8
    return number.to_bytes(length, "big") + (len(content) | 1 << 56).to_bytes(8, "big") + content


def projection(*, yaw=0.0, pitch=0.0, roll=0.0) -> bytes:
    """How a flat picture is mirrored and turned."""
    angles = {0x7673: yaw, 0x7674: pitch, 0x7675: roll}
    return element(
        0x7670, b"".join(element(name, struct.pack(">f", value)) for name, value in angles.items())
    )


def with_video_elements(webm: bytes, extra: bytes) -> bytes:
    """A WebM or Matroska file with more elements in the description of its first video track."""
    return _with_extra(webm, [0x18538067, 0x1654AE6B, 0xAE, 0xE0], extra)


def _with_extra(content: bytes, path, extra: bytes) -> bytes:
    place = 0
    while place < len(content):
        number, body = _integer(content, place, False)
        size, body = _integer(content, body, True)
        end = min(body + size, len(content))
        if number == path[0]:
            inner = content[body:end]
            inner = _with_extra(inner, path[1:], extra) if len(path) > 1 else inner + extra
            return content[:place] + element(number, inner) + content[end:]
        place = end
    raise AssertionError(f"no element {path[0]:x}")


def _integer(content: bytes, place: int, drop_marker: bool):
    length = 9 - content[place].bit_length()
    value = int.from_bytes(content[place : place + length], "big")
    return value & ((1 << 7 * length) - 1) if drop_marker else value, place + length


def packets(path) -> list[np.ndarray]:
    """The compressed pictures of a film."""
    stream = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    stream.set(cv2.CAP_PROP_FORMAT, -1)
    found = []
    while (read := stream.read())[0]:
        found.append(read[1].copy())
    return found


def write_packets(path, code: str, parts, *, rate=25, size_wh=(96, 64)):
    """A film of compressed pictures, whatever they hold."""
    options = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1, cv2.VIDEOWRITER_PROP_KEY_INTERVAL, 1]
    fourcc = cv2.VideoWriter.fourcc(*code)
    film = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, rate, size_wh, options)
    assert film.isOpened()
    for packet in parts:
        film.write(packet)
    film.release()


def film_of_two_sizes(path, first, second, *, code="MJPG", count=5):
    """A film of pictures (H, W, 3) RGB of one size, then of another."""
    parts = []
    for picture in (first, second):
        half = path.with_name(f"half{path.suffix}")
        fourcc = cv2.VideoWriter.fourcc(*code)
        film = cv2.VideoWriter(str(half), cv2.CAP_FFMPEG, fourcc, 25, picture.shape[1::-1])
        for _ in range(count):
            film.write(np.ascontiguousarray(picture[..., ::-1]))
        film.release()
        parts += packets(half)
        half.unlink()
    write_packets(path, code, parts, size_wh=first.shape[1::-1])
