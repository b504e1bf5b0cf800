"""Any mode of Pillow as upright 8-bit RGB; by strips where more than one copy would be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from PIL import Image, ImageOps

from lineament.image.levels import extrema, levels_of

STRIP_PX = 1_000_000  # that are converted at once


def upright(picture: Image.Image) -> Image.Image:
    """Turned as the EXIF orientation says; damaged metadata leave the picture as it is."""
    orientation = 1
    with suppress(Exception):  # metadata decide nothing about the pixels
        orientation = picture.getexif().get(0x0112, 1)
    if orientation not in range(2, 9):
        return picture
    rotated = ImageOps.exif_transpose(picture)
    return picture if rotated is None else rotated


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
