"""The structure of Matlab's files of level 5, checked before scipy reads them: it trusts types and lengths.

A type that does not exist makes scipy read beyond a table, which ends the process.
"""

from __future__ import annotations

import struct
import zlib

HEADER = 128
MATRIX, COMPRESSED = 14, 15
PLAIN_TYPES = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})
COMPLEX, COMPLEX_PARTS = 0x800, 5  # flag of an array; flags, dimensions, name, real and imaginary part
MAX_DEPTH = 20
MAX_UNPACKED = 2 * 1024**3  # bytes


def check_mat5(content: bytes) -> None:
    """Refuse what scipy must not see; files of other levels pass.

    Args:
        content: of the file.

    Raises:
        ValueError: an element has a type that does not exist, reaches beyond its container, or lies too deep.
    """
    mark = content[HEADER - 2 : HEADER]
    if mark not in (b"IM", b"MI"):
        return
    _check_elements(content, HEADER, len(content), "<" if mark == b"IM" else ">", depth=0)


def _check_elements(content: bytes, start: int, end: int, order: str, *, depth: int) -> int:
    """Check the elements between two places; returns how many there are."""
    if depth > MAX_DEPTH:
        raise ValueError("its arrays are nested too deeply")
    place, count = start, 0
    while place + 8 <= end:
        kind, length = struct.unpack_from(f"{order}II", content, place)
        if kind >> 16:  # both in one word, followed by up to four bytes
            kind, length, data, place = kind & 0xFFFF, kind >> 16, place + 4, place + 8
            if length > 4:
                raise ValueError(f"a small element of {length} bytes")
        else:
            data = place + 8
            place = data + length + (-length % 8 if kind != COMPRESSED else 0)
        if data + length > end:
            raise ValueError("an element reaches beyond its end")
        if kind == MATRIX:
            parts = _check_elements(content, data, data + length, order, depth=depth + 1)
            flags = struct.unpack_from(f"{order}I", content, data + 8)[0] if length >= 12 else 0
            if flags & COMPLEX and parts < COMPLEX_PARTS:
                raise ValueError("an array of complex numbers without an imaginary part")
        elif kind == COMPRESSED and depth == 0:
            unpacked = _unpacked(content[data : data + length])
            _check_elements(unpacked, 0, len(unpacked), order, depth=depth + 1)
        elif kind not in PLAIN_TYPES:
            raise ValueError(f"an element of type {kind}, which does not exist")
        count += 1
    return count


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(content, MAX_UNPACKED)
    if unpacker.unconsumed_tail:
        raise ValueError(f"an element unpacks to more than {MAX_UNPACKED // 1024**3} GiB")
    return unpacked
