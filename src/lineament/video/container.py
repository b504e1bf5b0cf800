"""How a film wants to be shown: the display matrix of MP4 and MOV, the projection of Matroska and WebM.

OpenCV turns by right angles only and takes a mirrored film for one that stands on its head, so the matrix is
read here. The readers walk over headers, never over pictures, and give up quietly on what they do not know.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

MAX_ELEMENTS = 20_000  # headers looked at; no sound film has as many before its first picture
EBML, SEGMENT, TRACKS, TRACK, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675
TRACK_TYPE, VIDEO, PROJECTION, PROJECTION_TYPE = 0x83, 0xE0, 0x7670, 0x7671
YAW, PITCH, ROLL = 0x7673, 0x7674, 0x7675
MATRIX_START = {b"mvhd": (36, 48), b"tkhd": (40, 52)}  # in versions 0 and 1 of a box


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which a picture may lie: transposed first, then mirrored.

    Attributes:
        transposed: rows become columns.
        mirrored_x: left and right are exchanged after that.
        mirrored_y: top and bottom are.
    """

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @classmethod
    def of_matrix(cls, matrix: Array) -> Orientation:
        """The nearest to a (2, 2) matrix that maps stored to shown pictures, x right and y down."""
        (xx, xy), (yx, yy) = np.asarray(matrix, np.float64).tolist()
        if abs(xy) + abs(yx) > abs(xx) + abs(yy):
            return cls(True, xy < 0, yx < 0)
        return cls(False, xx < 0, yy < 0)

    @classmethod
    def of_turn(cls, degrees_clockwise: float) -> Orientation:
        """The nearest to a turn, without mirroring."""
        angle = math.radians(degrees_clockwise)
        sine, cosine = math.sin(angle), math.cos(angle)
        return cls.of_matrix(np.array([[cosine, -sine], [sine, cosine]]))


def read_orientation(path: str | os.PathLike[str]) -> Orientation | None:
    """What a file's header says of its first video track; None if it is of another format or damaged.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(12)
        file.seek(0, os.SEEK_END)
        size = file.tell()
        try:
            if start[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
                return _of_mp4(file, size)
            if start[:4] == EBML.to_bytes(4, "big"):
                return _of_matroska(file, size)
        except (struct.error, ValueError):  # cut short, or numbers that are none
            return None
    return None


def _of_mp4(file: BinaryIO, size: int) -> Orientation | None:
    """Of the product of the track's matrix and the film's."""
    for kind, start, end in _boxes(file, 0, size):
        if kind != b"moov":
            continue
        whole, track = np.eye(2), None
        for inner, inner_start, inner_end in _boxes(file, start, end):
            if inner == b"mvhd":
                whole = _matrix(file, inner, inner_start)
            elif inner == b"trak" and track is None:
                track = _matrix_of_video_track(file, inner_start, inner_end)
        return None if track is None else Orientation.of_matrix(whole @ track)
    return None


def _matrix_of_video_track(file: BinaryIO, start: int, end: int) -> Array | None:
    matrix, is_video = None, False
    for kind, inner_start, inner_end in _boxes(file, start, end):
        if kind == b"tkhd":
            matrix = _matrix(file, kind, inner_start)
        elif kind == b"mdia":
            for inner, at, _ in _boxes(file, inner_start, inner_end):
                if inner == b"hdlr":
                    is_video = _bytes(file, at + 8, 4) == b"vide"
    return matrix if is_video else None


def _matrix(file: BinaryIO, kind: bytes, start: int) -> Array:
    """(2, 2) of a header box: x' = a x + c y, y' = b x + d y."""
    version = _bytes(file, start, 1)[0]
    a, b, _, c, d = struct.unpack(">5i", _bytes(file, start + MATRIX_START[kind][version == 1], 20))
    return np.array([[a, c], [b, d]]) / 65536


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each box between two places of an MP4 file."""
    for _ in range(MAX_ELEMENTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack(">I4s", _bytes(file, start, 8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", _bytes(file, start + 8, 8))
            head = 16
        elif size == 0:  # to the end
            size = end - start
        if size < head:
            raise ValueError(f"a box of {size} bytes")
        yield kind, start + head, min(start + size, end)
        start += size


def _of_matroska(file: BinaryIO, size: int) -> Orientation | None:
    for kind, start, end in _elements(file, 0, size):
        if kind != SEGMENT:
            continue
        for inner, inner_start, inner_end in _elements(file, start, end):
            if inner == CLUSTER:  # pictures: tracks come before them
                return None
            if inner == TRACKS:
                tracks = (_of_track(file, *place) for kind, *place in _elements(file, inner_start, inner_end))
                return next((found for found in tracks if found is not None), None)
    return None


def _of_track(file: BinaryIO, start: int, end: int) -> Orientation | None:
    """Of a video track; None of another."""
    kind_of_track, found = 0, Orientation()
    for kind, inner_start, inner_end in _elements(file, start, end):
        if kind == TRACK_TYPE:
            kind_of_track = int.from_bytes(_bytes(file, inner_start, inner_end - inner_start), "big")
        elif kind == VIDEO:
            for inner, at, to in _elements(file, inner_start, inner_end):
                if inner == PROJECTION:
                    found = _of_projection(file, at, to)
    return found if kind_of_track == 1 else None


def _of_projection(file: BinaryIO, start: int, end: int) -> Orientation:
    """Of a flat picture that is mirrored (yaw 180) and then turned (roll); panoramas stay as they are."""
    angles = dict.fromkeys((YAW, PITCH, ROLL), 0.0)
    for kind, at, to in _elements(file, start, end):
        if kind in angles:
            content = _bytes(file, at, to - at)
            angles[kind] = struct.unpack(">f" if len(content) == 4 else ">d", content)[0]
        elif kind == PROJECTION_TYPE and any(_bytes(file, at, to - at)):
            return Orientation()
    if angles[PITCH] or abs(angles[YAW]) not in (0, 180) or not math.isfinite(angles[ROLL]):
        return Orientation()
    sine, cosine = math.sin(math.radians(angles[ROLL])), math.cos(math.radians(angles[ROLL]))
    turn = np.array([[cosine, sine], [-sine, cosine]])  # roll is counter-clockwise
    mirror = np.diag([-1.0 if angles[YAW] else 1.0, 1.0])
    return Orientation.of_matrix(turn @ mirror)


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the content of each element between two places of a Matroska file."""
    for _ in range(MAX_ELEMENTS):
        if start + 2 > end:
            return
        number, start = _variable_int(file, start, keep_marker=True)
        size, start = _variable_int(file, start, keep_marker=False)
        yield number, start, end if size is None else min(start + size, end)
        if size is None:  # unknown: what follows belongs to it
            return
        start += size


def _variable_int(file: BinaryIO, start: int, *, keep_marker: bool) -> tuple[Any, int]:
    """EBML's integer and the place behind it; None where all its bits are set."""
    first = _bytes(file, start, 1)[0]
    length = 9 - first.bit_length()
    if length > 8:
        raise ValueError("an integer of more than 8 bytes")
    value = int.from_bytes(_bytes(file, start, length), "big")
    if keep_marker:
        return value, start + length
    value &= (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), start + length


def _bytes(file: BinaryIO, start: int, count: int) -> bytes:
    if count > 64:
        raise ValueError(f"a value of {count} bytes")
    file.seek(start)
    content = file.read(count)
    if len(content) < count:
        raise ValueError("the file is cut short")
    return content
