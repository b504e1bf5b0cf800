"""PNG files without their large metadata: text, XMP and colour profiles decide nothing about the pixels.

Pillow refuses a whole picture for a megabyte of them, which guards its memory; here they are not read at all.
"""

from __future__ import annotations

import io
import struct
from typing import IO

MAX_METADATA = 65536  # bytes of a chunk; the orientation of cameras takes less
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
_NEVER = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"acTL", b"fcTL", b"fdAT"})
"""Text and profiles, few bytes of which may become many, and the frames of an animation after the first."""


def without_large_metadata(stream: IO[bytes]) -> IO[bytes]:
    """The same stream if it has only chunks that do no harm, else a copy without the others.

    Args:
        stream: of a PNG file, at its beginning; it is rewound.
    """
    kept = _places_to_keep(stream)
    if kept is None:
        stream.seek(0)
        return stream
    copy = io.BytesIO()
    for start, length in kept:
        stream.seek(start)
        copy.write(stream.read(length))
    copy.seek(0)
    return copy


def _places_to_keep(stream: IO[bytes]) -> list[tuple[int, int]] | None:
    """Start and length of the parts that stay, bytes; None where all do."""
    size = stream.seek(0, io.SEEK_END)
    kept, place, dropped = [(0, 8)], 8, False
    while place + 8 <= size:
        stream.seek(place)
        length, kind = struct.unpack(">I4s", stream.read(8))
        end = min(place + 12 + length, size)
        if _is_kept(kind, length):
            start, so_far = kept[-1]
            if start + so_far == place:
                kept[-1] = (start, end - start)
            else:
                kept.append((place, end - place))
        else:
            dropped = True
        place += 12 + length
        if kind == b"IEND":
            break
    return kept if dropped else None


def _is_kept(kind: bytes, length: int) -> bool:
    if kind in _CRITICAL:
        return True
    return kind not in _NEVER and length <= MAX_METADATA
