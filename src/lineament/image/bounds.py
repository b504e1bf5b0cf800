"""What reading a photo may cost: memory at its peak, by format, mode and shape, before a pixel is decoded."""

from __future__ import annotations

import math
from collections.abc import Iterable

from PIL import Image

from lineament.errors import ImageError

PROCESS_BYTES = 110_000_000  # of Python, numpy and Pillow
MEMORY_LIMIT = 3 * 2**29 - PROCESS_BYTES
"""Bytes: 1.5 GiB with the process itself; 200 megapixels of a phone, 8-bit RGB, turned or not, fit in."""
RESULT_BYTES = 4  # a pixel of the RGB picture that comes out; Pillow pads three to four
ARRAY_BYTES = 3  # a pixel of the array that is made of it
ROW_BYTES = 48  # pointers to a row of pixels in the pictures that exist at once
DECODER_BYTES = {"WEBP": 16, "JPEG2000": 20, "AVIF": 15, "HEIF": 15, "TIFF": 3}
"""A pixel, that decoders hold beside the picture: whole canvases, components of 32 bits, long strips."""
PROGRESSIVE_BYTES = 6  # coefficients of 16 bits
ONE_STRIP_BYTES = 3  # a TIFF whose pixels are one strip is unpacked at once
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 3, "I": 6, "F": 6}  # the last ones are made grey before
_ROWS_PER_STRIP = 278  # tag of TIFF


def check_cost(picture: Image.Image, name: str) -> None:
    """Refuse a picture that is opened but not decoded, if decoding it would take too much.

    Raises:
        ImageError: says how many pixels it has, and how many may be.
    """
    a_pixel = pixel_bytes(picture)
    cost = picture.width * picture.height * a_pixel + max(picture.size) * ROW_BYTES
    if cost > MEMORY_LIMIT:
        raise ImageError(
            f"{name} has {picture.width} x {picture.height} pixels, and reading it would take "
            f"{cost / 1e9:.1f} GB; "
            f"pictures of this kind may have {MEMORY_LIMIT // a_pixel // 10**6} megapixels. Make it "
            f"smaller first."
        )


def check_stated(sizes: Iterable[tuple[int, int]], kind: str, name: str) -> None:
    """Refuse a file before anything is decoded, if one of the sizes it states would take too much.

    Args:
        sizes: widths and heights, px.
        kind: of the file, a key of DECODER_BYTES.
        name: for the message.

    Raises:
        ImageError: as :func:`check_cost`.
    """
    a_pixel = DECODER_BYTES[kind] + 4  # Pillow's picture beside the decoder's
    width, height = max(sizes, key=math.prod, default=(0, 0))
    if width * height * a_pixel > MEMORY_LIMIT:
        raise ImageError(
            f"{name} states a picture of {width} x {height} pixels, which would take "
            f"{width * height * a_pixel / 1e9:.1f} GB to decode; pictures of this kind may have "
            f"{MEMORY_LIMIT // a_pixel // 10**6} megapixels. Make it smaller first."
        )


def pixel_bytes(picture: Image.Image) -> int:
    """Bytes a pixel while it is decoded, turned into RGB and handed over as an array, at the most."""
    decoding = DECODER_BYTES.get(str(picture.format or ""), 0)
    if picture.info.get("progressive"):
        decoding += PROGRESSIVE_BYTES
    if picture.format == "TIFF" and _is_one_strip(picture):
        decoding += ONE_STRIP_BYTES
    before = _MODE_BYTES.get(picture.mode, 4)
    converting = 0 if picture.mode == "RGB" and not picture.has_transparency_data else RESULT_BYTES
    return max(before + max(decoding, converting), RESULT_BYTES + ARRAY_BYTES)


def _is_one_strip(picture: Image.Image) -> bool:
    tags = getattr(picture, "tag_v2", {})
    return (
        tags.get(_ROWS_PER_STRIP, picture.height) >= picture.height
        and picture.info.get("compression") != "raw"
    )
