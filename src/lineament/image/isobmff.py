"""The sizes that an AVIF or HEIF file states, read from its boxes (ISO/IEC 14496-12 and 23008-12).

Its properties name one size, the compressed pictures another: decoders make room for either before they
notice that they differ.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lineament.image.av1 import sequence_size

CONTAINERS = {
    **dict.fromkeys((b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"), 0),
    b"meta": 4,  # bytes of version and flags before what it holds
}
MAX_BOXES = 20_000
MAX_DEPTH = 8
MAX_ITEMS = 4_096
START_BYTES = 1_024  # of a compressed picture, that are looked at
Box = tuple[bytes, int, int]
"""Type, and where its content begins and ends."""


def stated_sizes(content: bytes) -> list[tuple[int, int]]:
    """All widths and heights, px, that a file names: of pictures, tiles and thumbnails, and in AV1 streams.

    What is damaged is left out: the decoder will say so.
    """
    found: list[tuple[int, int]] = []
    places: list[int] = []
    in_idat: list[int] = []
    idat = 0
    for kind, start, end in _boxes(content):
        body = content[start:end]
        if kind == b"ispe" and len(body) >= 12:
            found.append(struct.unpack(">II", body[4:12]))
        elif kind == b"av1C":
            found += _sizes(body[4:])
        elif kind == b"idat":
            idat = start
        elif kind == b"iloc":
            for method, place in _items(body):
                (in_idat if method == 1 else places).append(place)
        elif kind in (b"stco", b"co64") and len(body) > 8:
            width = 4 if kind == b"stco" else 8
            places.append(int.from_bytes(body[8 : 8 + width], "big"))
    for place in [*places, *(idat + place for place in in_idat)]:
        found += _sizes(content[place : place + START_BYTES])
    return found


def _sizes(stream: bytes) -> list[tuple[int, int]]:
    size = sequence_size(stream)
    return [] if size is None else [size]


def _boxes(content: bytes) -> Iterator[Box]:
    """All boxes, those within others after them."""
    waiting = [(0, len(content), 0)]
    count = 0
    while waiting:
        place, end, depth = waiting.pop()
        while place + 8 <= end and count < MAX_BOXES:
            count += 1
            length, kind = struct.unpack_from(">I4s", content, place)
            start = place + 8
            if length == 1 and start + 8 <= end:
                (length,), start = struct.unpack_from(">Q", content, start), start + 8
            stop = end if length == 0 else min(place + length, end)
            if stop < start:
                break
            yield kind, start, stop
            if kind in CONTAINERS and depth < MAX_DEPTH:
                waiting.append((start + CONTAINERS[kind], stop, depth + 1))
            place = stop


def _items(body: bytes) -> Iterator[tuple[int, int]]:
    """Of each item of a box "iloc" how it is placed (0 in the file, 1 in "idat"), and where it begins."""
    if len(body) < 8:
        return
    version, sizes = body[0], int.from_bytes(body[4:6], "big")
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    index_size = index_size if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    place = 6

    def take(width: int) -> int:
        nonlocal place
        place += width
        return int.from_bytes(body[place - width : place], "big")

    for _ in range(min(take(wide), MAX_ITEMS)):
        if place >= len(body):
            return
        take(wide)
        method = take(2) & 15 if version in (1, 2) else 0
        take(2)
        base = take(base_size)
        for number in range(min(take(2), MAX_ITEMS)):
            if place >= len(body):
                return
            take(index_size)
            offset = take(offset_size)
            take(length_size)
            if number == 0:
                yield method, base + offset
