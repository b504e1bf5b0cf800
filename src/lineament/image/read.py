"""Photos of any source as arrays or Pillow's pictures."""

from __future__ import annotations

from typing import IO

import numpy as np
from PIL import Image

from lineament.errors import ImageError
from lineament.foreign import foreign
from lineament.image.bounds import check_cost
from lineament.image.check import check_image
from lineament.image.deep_colors import raw_mode, with_all_bits
from lineament.image.formats import load, open_picture
from lineament.image.jpeg import with_end_marker
from lineament.image.kinds import Array, ImageSource, Picture
from lineament.image.rgb import as_rgb, orientation_of, rotated
from lineament.image.source import open_source

STRIP_PX = 1_000_000  # of a picture that are copied to an array at once


def read_image(source: ImageSource) -> Array:
    """The photo, upright, as (H, W, 3) uint8 RGB.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or an (H, W, 3) uint8 RGB array, which
            comes back as it is (not copied when its memory is contiguous).

    Raises:
        ImageError: the file is missing, empty, cut short, of a format that is not read (JPEG, PNG, WebP,
            TIFF, BMP, GIF, PPM, JPEG 2000, AVIF, HEIF and MPO are) or would take more memory than a photo
            may; or the array is not an (H, W, 3) uint8 picture.
    """
    picture = read_picture(source)
    return picture if isinstance(picture, np.ndarray) else _as_array(picture)


def read_picture(source: ImageSource) -> Picture:
    """The same photo in the form it is cheapest in: an array stays one, anything else stays Pillow's.

    Crops of a photo are cut and resampled by Pillow: the way to an array and back would only cost time.

    Raises:
        ImageError: as :func:`read_image`.
    """
    if isinstance(source, np.ndarray):
        return check_image(source)
    if isinstance(source, Image.Image):
        return _decode(source, "the PIL image", stream=None)
    name, stream = open_source(source)
    with stream:
        return _decode(open_picture(stream, name), name, stream=stream)


def _decode(picture: Image.Image, name: str, *, stream: IO[bytes] | None) -> Image.Image:
    """Read the pixels and make them upright 8-bit RGB."""
    check_cost(picture, name)
    advice = "It is probably cut short or damaged: copy it again."
    if stream is None:
        advice = "Open it again, of a file that is whole, and give it before it is closed."
    with foreign(ImageError, f"{name} cannot be decoded", advice):
        raw = raw_mode(picture)
        try:
            load(picture)
        except OSError:
            whole = None if stream is None else with_end_marker(stream, picture.format)
            if whole is None:
                raise
            picture = whole
        orientation, is_file = orientation_of(picture), stream is not None
        made = as_rgb(with_all_bits(picture, raw, stream, name=name), name=name)
        if is_file and made is not picture:
            picture.close()  # or there would be three while it is turned
        return rotated(made, orientation, ours=is_file or made is not picture)


def _as_array(picture: Image.Image) -> Array:
    """(H, W, 3) uint8 of a picture of mode RGB; by strips, for Pillow copies twice what it hands over."""
    array = np.empty((picture.height, picture.width, 3), np.uint8)
    rows = max(1, STRIP_PX // picture.width)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        array[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return array
