"""JPEG files whose end marker is missing, but no pixel."""

from __future__ import annotations

import io
from typing import IO

from PIL import Image

END_MARKER = b"\xff\xd9"
FILLER = b"\x55" * 4096
_MAX_BYTES = 256 * 1024**2


def with_end_marker(stream: IO[bytes], kind: str | None) -> Image.Image | None:
    """The decoded picture if only the end marker is missing; None where pixels are missing too.

    The decoder fills what is missing with grey, and does not tell. So the file is decoded twice, with other
    bytes before the end: what is whole does not depend on them.
    """
    if kind not in ("JPEG", "MPO"):
        return None
    stream.seek(0)
    content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES or content.endswith(END_MARKER):
        return None
    first, second = (_decoded(content + more + END_MARKER) for more in (b"", FILLER))
    return first if first.tobytes() == second.tobytes() else None


def _decoded(content: bytes) -> Image.Image:
    picture: Image.Image = Image.open(io.BytesIO(content), formats=("JPEG",))
    picture.load()
    return picture
