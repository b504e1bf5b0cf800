"""Several pictures on one: side by side, or as a contact sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lineament.draw.canvas import Photo
from lineament.draw.patch import Color
from lineament.errors import ImageError
from lineament.image import check_image

PAPER_RGB: Color = (24, 24, 28)
INK_RGB: Color = (225, 225, 230)


def side_by_side(pictures: Sequence[Photo], *, height: int | None = None, gap: int = 8) -> Photo:
    """Pictures in a row, all of one height.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        height: px; the least of theirs when left out, so that none is enlarged.
        gap: px between two.

    Raises:
        ImageError: no pictures, or one that is no picture.
    """
    checked = _checked(pictures)
    rows = height or min(picture.shape[0] for picture in checked)
    tiles = [
        _resized(picture, (max(1, round(picture.shape[1] * rows / picture.shape[0])), rows))
        for picture in checked
    ]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles) + gap * (len(tiles) - 1), rows), PAPER_RGB)
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + gap
    return np.array(sheet)


def contact_sheet(
    pictures: Sequence[Photo],
    *,
    captions: Sequence[str] = (),
    columns: int | None = None,
    tile: int = 320,
    gap: int = 8,
) -> Photo:
    """Pictures in rows on dark paper, each as large as fits its square, nothing cut off.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        captions: a line below each, or none.
        columns: tiles a row; about a square of tiles when left out.
        tile: side of a tile, px.
        gap: px between two tiles and around them.

    Raises:
        ImageError: no pictures, one that is no picture, or not as many captions.
    """
    checked = _checked(pictures)
    if captions and len(captions) != len(checked):
        raise ImageError(f"{len(checked)} pictures but {len(captions)} captions: give one each, or none.")
    per_row = columns or math.ceil(math.sqrt(len(checked)))
    line = round(tile / 14) if captions else 0
    step_x, step_y = tile + gap, tile + line + gap
    size = (per_row * step_x + gap, math.ceil(len(checked) / per_row) * step_y + gap)
    sheet = Image.new("RGB", size, PAPER_RGB)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(8, 0.72 * line))
    for number, picture in enumerate(checked):
        left, top = gap + number % per_row * step_x, gap + number // per_row * step_y
        zoom = tile / max(picture.shape[:2])
        width, height = (max(1, round(side * zoom)) for side in picture.shape[1::-1])
        sheet.paste(_resized(picture, (width, height)), (left + (tile - width) // 2, top + tile - height))
        if captions:
            place = (left + tile / 2, top + tile + line / 2)
            pen.text(place, captions[number], font=font, anchor="mm", fill=INK_RGB)
    return np.array(sheet)


def _checked(pictures: Sequence[Photo]) -> list[Photo]:
    if not len(pictures):
        raise ImageError("There are no pictures to put on a sheet. Give at least one.")
    return [check_image(picture) for picture in pictures]


def _resized(picture: Photo, size_wh: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(picture)
    if image.size == size_wh:
        return image
    return image.resize(size_wh, Image.Resampling.LANCZOS, reducing_gap=3.0)
