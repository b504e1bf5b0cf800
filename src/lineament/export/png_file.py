"""PNG files that are written some rows at a time: a picture of any size takes no memory."""

from __future__ import annotations

import struct
import zlib
from typing import IO

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE = 0, 2, 3  # the format's numbers of colour types
LEFT = 1  # its number of the filter "sub": bytes as differences from the pixel to the left
PIECE_BYTES = 1 << 20


class PngFile:
    """A PNG of a known size whose rows come one band after another (ISO/IEC 15948).

    Raises:
        OSError: the stream cannot be written.
    """

    def __init__(
        self,
        stream: IO[bytes],
        *,
        size_hw: tuple[int, int],
        channels: int = 1,
        bits: int = 8,
        notes: dict[str, str] | None = None,
        palette_rgb: NDArray[np.uint8] | None = None,
    ) -> None:
        """Write what stands before the pixels.

        Args:
            stream: a binary file.
            size_hw: height and width, px.
            channels: 1, grey, or 3, RGB.
            bits: 8 or 16 a channel.
            notes: texts that say what the picture is.
            palette_rgb: (n, 3) colours that show the numbers of one channel of 8 bits; n is 256 at most.
        """
        self._stream, self._bytes_a_pixel = stream, channels * bits // 8
        self._packed = zlib.compressobj()
        self._piece = b""
        stream.write(SIGNATURE)
        height, width = size_hw
        color = PALETTE if palette_rgb is not None else RGB if channels == 3 else GREY
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
        if palette_rgb is not None:
            self._chunk(b"PLTE", np.ascontiguousarray(palette_rgb, np.uint8).tobytes())
        for name, text in (notes or {}).items():
            self._chunk(b"iTXt", name.encode("latin-1") + b"\0\0\0\0\0" + text.encode())

    def write(self, rows: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        """The next rows, (h, W) grey or (h, W, 3) RGB, uint8 or uint16 as the bits say."""
        content = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">")).view(np.uint8)
        content = content.reshape(len(rows), -1)
        filtered = np.empty((len(rows), content.shape[1] + 1), np.uint8)
        filtered[:, 0] = LEFT
        filtered[:, 1:] = content
        filtered[:, 1 + self._bytes_a_pixel :] -= content[:, : -self._bytes_a_pixel]
        self._piece += self._packed.compress(filtered.data)
        if len(self._piece) > PIECE_BYTES:
            self._chunk(b"IDAT", self._piece)
            self._piece = b""

    def end(self) -> None:
        """Write what is left, once all rows have come."""
        self._chunk(b"IDAT", self._piece + self._packed.flush())
        self._chunk(b"IEND", b"")

    def _chunk(self, kind: bytes, content: bytes) -> None:
        checksum = zlib.crc32(content, zlib.crc32(kind))
        self._stream.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))
