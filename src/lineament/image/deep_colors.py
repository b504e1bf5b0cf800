"""Colours of 16 bits a channel that use little of their range.

Pillow keeps the upper eight bits, of 10 bits in 16 two; such a file is decoded once more for the lower ones.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import IO, Any

import numpy as np
from PIL import Image

from lineament.image.bounds import MEMORY_LIMIT
from lineament.image.formats import load, open_picture
from lineament.image.kinds import Array
from lineament.image.levels import USED, Levels, extrema, levels_of_values

log = logging.getLogger(__name__)

RAW_MODE = re.compile(r"(RGB|RGBA|RGBX);16([BLN])")
LOWER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""The order of bytes by which Pillow's decoders take the lower one for the upper."""
BYTES_A_PIXEL = 16  # upper and lower bytes, what is made of them, and its strips
FULL = 65535.0
STRIP_PX = 1_000_000


def raw_mode(picture: Image.Image) -> str | None:
    """How a file holds 16-bit colours, such as "RGB;16B", before it is decoded; None where it has none."""
    found = {_raw_mode_of(tile) for tile in getattr(picture, "tile", ())}
    mode = found.pop() if len(found) == 1 else None
    return mode if mode is not None and RAW_MODE.fullmatch(mode) else None


def with_all_bits(
    picture: Image.Image, raw: str | None, stream: IO[bytes] | None, *, name: str
) -> Image.Image:
    """The same picture, its levels stretched if it uses less than a quarter of its range.

    Args:
        picture: decoded, 8 bits a channel.
        raw: what `raw_mode` said before.
        stream: of its file; without one there is nothing to read the other bits from.
        name: of the photo, for what is logged.
    """
    if raw is None or stream is None or np.ptp(_ends(picture)) >= USED * 256:
        return picture
    if picture.width * picture.height * BYTES_A_PIXEL > MEMORY_LIMIT:
        log.warning("%s uses little of the range of its values, and is too large to be stretched", name)
        return picture
    stream.seek(0)
    lower: Any = open_picture(stream, name)
    lower.tile = [_lower_bytes(tile) for tile in lower.tile]
    load(lower)
    step = max(1, round((picture.width * picture.height / STRIP_PX) ** 0.5))
    levels, alpha_levels = _levels(picture, lower, step, name=name)
    made = Image.new(picture.mode, picture.size)
    rows = max(1, STRIP_PX // picture.width)
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(top + rows, picture.height))
        values = _values(picture, lower, box)
        strip = levels.scaled(values)
        if picture.mode == "RGBA":
            strip[..., 3] = alpha_levels.scaled(values[..., 3])
        made.paste(Image.fromarray(strip), box)
    return made


def _levels(upper: Image.Image, lower: Image.Image, step: int, *, name: str) -> tuple[Levels, Levels]:
    """What is black and white in the colours, and in alpha, by every so manieth row and column."""
    lines = [
        _values(upper, lower, (0, row, upper.width, row + 1))[0, ::step]
        for row in range(0, upper.height, step)
    ]
    values = np.concatenate(lines).astype(np.float64)
    colors = values[:, :3].ravel()
    _, greatest = _ends(upper)
    top = 256.0 * greatest + 255 if greatest > 0 else float(colors.max())  # their bits are the same
    alpha = Levels(0.0, FULL if values.shape[1] < 4 or values[:, 3].max() >= USED * FULL else max(top, 1.0))
    return levels_of_values(colors, top=top, full=FULL, name=name), alpha


def _values(upper: Image.Image, lower: Image.Image, box: tuple[int, int, int, int]) -> Array:
    """(h, w, C) uint16 of a part."""
    values: Array = np.asarray(upper.crop(box)).astype(np.uint16) * np.uint16(256) + np.asarray(
        lower.crop(box)
    )
    return values


def _ends(picture: Image.Image) -> tuple[float, float]:
    """The least and the greatest value of the colours."""
    lows, highs = zip(*extrema(picture)[:3], strict=True)
    return min(lows), max(highs)


def _raw_mode_of(tile: Any) -> str | None:  # noqa: ANN401 - Pillow's description of a part of a file
    first = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
    return first if isinstance(first, str) else None


def _lower_bytes(tile: Any) -> Any:  # noqa: ANN401
    """The same part of a file, decoded to the lower bytes."""
    raw = str(_raw_mode_of(tile))
    swapped = raw[:-1] + LOWER[raw[-1]]
    return tile._replace(args=(swapped, *tile.args[1:]) if isinstance(tile.args, tuple) else swapped)
