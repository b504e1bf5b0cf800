"""What reading a photo may cost: memory at its peak, from its format, mode and shape, before a pixel is decoded."""

from __future__ import annotations

from PIL import Image

from lineament.errors import ImageError

MEMORY_LIMIT = 1_610_000_000
"""Bytes: 1.5 GiB; 200 megapixels of a phone, 8-bit RGB, fit in."""
RESULT_BYTES = 4  # a pixel of the RGB picture that comes out; Pillow pads three to four
ROW_BYTES = 48  # pointers to a row of pixels in the pictures that exist at once
DECODER_BYTES = {"WEBP": 12, "JPEG2000": 24, "AVIF": 12, "HEIF": 12, "TIFF": 4}
"""A pixel, that decoders hold beside the picture: whole canvases, components of 32 bits, one strip that is all."""
PROGRESSIVE_BYTES = 6  # coefficients of 16 bits
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}


def check_cost(picture: Image.Image, name: str) -> None:
    """Refuse a picture that is opened but not decoded, if decoding it would take too much.

    Raises:
        ImageError: says how many pixels it has, and how many may be.
    """
    a_pixel = pixel_bytes(picture)
    pixels = picture.width * picture.height
    if pixels * a_pixel + max(picture.size) * ROW_BYTES > MEMORY_LIMIT:
        raise ImageError(
            f"{name} has {picture.width} x {picture.height} pixels, and reading it would take "
            f"{(pixels * a_pixel + max(picture.size) * ROW_BYTES) / 1e9:.1f} GB; the limit of this kind of picture is "
            f"{MEMORY_LIMIT // a_pixel // 10**6} megapixels and no side of tens of millions. Make it smaller first."
        )


def pixel_bytes(picture: Image.Image) -> int:
    """Bytes a pixel while it is decoded and turned into RGB, at the most."""
    stored = _MODE_BYTES.get(picture.mode, 4)
    kind = str(picture.format or "")
    decoding = DECODER_BYTES.get(kind, 0) + (PROGRESSIVE_BYTES if picture.info.get("progressive") else 0)
    return stored + max(decoding, RESULT_BYTES)
