"""Any mode of Pillow as upright 8-bit RGB; by strips where more than one copy would be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from PIL import Image

from lineament.image.kinds import Array
from lineament.image.levels import extrema, levels_of

STRIP_PX = 1_000_000  # that are converted at once
LARGE_PX = 32_000_000  # from which on memory matters more than time
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation, how to turn a picture upright."""
ACROSS = frozenset({TURNS[5], TURNS[6], TURNS[7], TURNS[8]})  # rows become columns
FROM_THE_END = frozenset({TURNS[3], TURNS[4], TURNS[6], TURNS[7]})  # the first row becomes the last or so


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; damaged metadata mean 1."""
    with suppress(Exception):  # metadata decide nothing about the pixels
        orientation = picture.getexif().get(0x0112, 1)
        return orientation if isinstance(orientation, int) and orientation in TURNS else 1
    return 1


def rotated(picture: Image.Image, orientation: int, *, ours: bool) -> Image.Image:
    """An RGB picture turned as its EXIF orientation says, which it states no more.

    Args:
        picture: of mode RGB.
        orientation: 1 to 8.
        ours: whether the picture may be given up meanwhile, so that a large one is never there twice.
    """
    method = TURNS.get(orientation)
    if method is None:
        return picture
    if not ours or picture.width * picture.height < LARGE_PX:
        made = picture.transpose(method)
        made.info = {}
        return made
    pixels = _turned_pixels(picture, method)
    picture.close()
    height, width = pixels.shape[:2]
    made = Image.new("RGB", (width, height))
    for box in _strips(made):
        made.paste(Image.fromarray(pixels[box[1] : box[3]]), box)
    return made


def _turned_pixels(picture: Image.Image, method: Image.Transpose) -> Array:
    """(H, W, 3) uint8 of a picture that is turned, by strips."""
    is_across = method in ACROSS
    size_hw = picture.size if is_across else picture.size[::-1]
    pixels = np.empty((*size_hw, 3), np.uint8)
    for box in _strips(picture):
        top, bottom = box[1], box[3]
        if method in FROM_THE_END:
            top, bottom = picture.height - bottom, picture.height - top
        place = (slice(None), slice(top, bottom)) if is_across else (slice(top, bottom), slice(None))
        pixels[place] = np.asarray(picture.crop(box).transpose(method))
    return pixels


def as_rgb(picture: Image.Image, *, name: str) -> Image.Image:
    """8-bit RGB; transparency is laid on white, as a browser shows it.

    Where nothing at all would be seen, alpha being 0 everywhere, the colours are taken as they are.

    Args:
        picture: decoded, of any mode.
        name: of the photo, for what is logged.
    """
    if picture.width == 0 or picture.height == 0:
        raise ValueError("it has no pixels")
    if picture.mode == "F" or picture.mode.startswith("I"):
        levels = levels_of(picture, name=name)
        made = Image.new("L", picture.size)
        for box in _strips(picture):
            made.paste(levels.to_uint8(picture.crop(box)), box)
        return made.convert("RGB")
    if picture.mode == "La":  # which Pillow makes nothing else of
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        return _on_white(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert copies even then


def _on_white(picture: Image.Image) -> Image.Image:
    is_hidden = _is_hidden(picture)
    made = Image.new("RGB", picture.size)
    for box in _strips(picture):
        strip = picture.crop(box).convert("RGBA")
        if is_hidden:
            made.paste(strip.convert("RGB"), box)
        else:
            white = Image.new("RGBA", strip.size, "white")
            made.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    return made


def _is_hidden(picture: Image.Image) -> bool:
    """Whether alpha is 0 everywhere, over colours that show something."""
    if picture.mode not in ("RGBA", "LA"):
        return False
    *colours, alpha = extrema(picture)
    return alpha == (0, 0) and any(low != high for low, high in colours)


def _strips(picture: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, STRIP_PX // picture.width)
    for top in range(0, picture.height, rows):
        yield 0, top, picture.width, min(top + rows, picture.height)
