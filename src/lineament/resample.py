"""Photos at the size of a network's input: a crop of one, or all of it.

Whole pixels are averaged first wherever that does most of the shrinking: a filter takes much longer.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox
from lineament.image import Picture, as_picture, size_wh

Array: TypeAlias = NDArray[Any]

REDUCING_GAP = 1.3
"""Whole pixels are averaged first, as many as leave this much to the slow filter (Pillow's term)."""
LARGE_SIDE = 5600
"""px of a crop box: at least half of its shrinking is done before more than 32 megapixels would be copied."""
TURN_FILTER = Image.Resampling.BILINEAR  # bicubic takes twice as long, and crops for training are made so too


def resample_crop(image: Picture, crop_box: CropBox) -> Array:
    """The part `crop_box` of the photo as (S, S, 3) uint8, S = crop_box.size.

    Antialiased when it shrinks, exact below a pixel (pixel i covers [i, i + 1)), black outside the photo.
    A box with roll r shows a face of roll r upright.

    Args:
        image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
        crop_box: where to cut, in the frame of the photo.
    """
    shrink = _early_shrink(crop_box, max(size_wh(image)))
    if shrink > 1:
        image = as_picture(image).reduce(shrink)
    center_xy = np.asarray(crop_box.center_xy, np.float64) / shrink
    side = crop_box.side / shrink
    if abs(crop_box.roll) < 5e-4:  # moves the corners by less than a thirtieth of a pixel at 112 px
        picture = _upright_crop(image, center_xy, side, crop_box.size)
    else:
        picture = _rotated_crop(image, center_xy, side, crop_box.size, crop_box.roll)
    return np.asarray(picture)


def _early_shrink(crop_box: CropBox, longer_side: int) -> int:
    """How many px of the photo along a side are averaged to one before anything is cut.

    A crop box far larger than the photo, or of many megapixels, would have a copy of what it shows.
    """
    shrink = crop_box.side / crop_box.size
    if crop_box.side > 2 * longer_side:
        return max(1, int(shrink))
    return max(1, int(shrink / 2)) if crop_box.side > LARGE_SIDE else 1


def letterbox(
    image: Picture, side: int, *, min_side: int | None = None, cell: int = 32
) -> tuple[Array, Array]:
    """The photo with its longer side at `side` px, black to the right and below up to multiples of `cell`.

    Small photos are enlarged by 2 at most: more would only cost time.

    Args:
        image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
        side: px.
        min_side: a longer side from here to `side` will do, if averaging whole blocks of pixels gives one:
            that takes a quarter of the time.
        cell: px that the sides are multiples of.

    Returns:
        (H, W, 3) uint8, and (2,) its px a px of the photo in x and y.
    """
    picture = as_picture(image)
    longer = max(picture.size)
    factor = -(-longer // side)
    if min_side is not None and factor > 1 and longer / factor >= min_side:
        small = picture.reduce(factor)
        scale_xy = np.array([1 / factor, 1 / factor])
    else:
        scale = min(side / longer, 2.0)
        new_wh = np.maximum(np.round(np.array(picture.size) * scale), 1).astype(int)
        small = picture.resize(tuple(new_wh.tolist()), Image.Resampling.BILINEAR, reducing_gap=2.0)
        scale_xy = new_wh / np.array(picture.size)
    width, height = (-(-length // cell) * cell for length in small.size)
    if (width, height) != small.size:
        small = small.crop((0, 0, width, height))  # black where there is nothing
    return np.asarray(small), scale_xy


def _upright_crop(image: Picture, center_xy: Array, side: float, size: int) -> Image.Image:
    """The upright crop box resampled to size x size."""
    left, top = center_xy - side / 2
    reach = int(np.ceil(2 * max(1.0, side / size))) + 1  # how far the bicubic filter reaches over the edge
    x, y = int(np.floor(left)) - reach, int(np.floor(top)) - reach
    # Of a window even where the photo is Pillow's: its boxes are 32-bit floats, coarse far from the corner.
    window = _window(image, x, y, int(np.ceil(side)) + 1 + 2 * reach)
    box = (left - x, top - y, left - x + side, top - y + side)
    return window.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=REDUCING_GAP)


def _rotated_crop(image: Picture, center_xy: Array, side: float, size: int, roll: float) -> Image.Image:
    """The crop box rotated by `roll`: whole pixels are averaged to about crop scale, then turned at once."""
    cos, sin = math.cos(roll), math.sin(roll)
    factor = max(1, round(side / size))  # what is left to shrink, 1.5 at most, needs no filter of its own
    half_xy = side * (abs(cos) + abs(sin)) / 2 + 2 * factor  # two more for the bilinear filter
    x, y = (int(v) for v in np.floor(center_xy - half_xy))
    span = factor * (int(2 * half_xy / factor) + 2)
    window, x_there, y_there = _holding(image, x, y, span)
    if factor > 1:
        window = window.reduce(factor, box=(x_there, y_there, x_there + span, y_there + span))
        x_there = y_there = 0
    center_x, center_y = (center_xy - (x, y)) / factor + (x_there, y_there)
    a, b = side / size / factor * cos, side / size / factor * sin
    half = size / 2
    inverse = (a, b, center_x - (a + b) * half, -b, a, center_y - (a - b) * half)
    return window.transform((size, size), Image.Transform.AFFINE, inverse, resample=TURN_FILTER)


def _holding(image: Picture, x: int, y: int, span: int) -> tuple[Image.Image, int, int]:
    """A picture that holds a window of the photo, and where in it: the photo itself if it can be."""
    width, height = size_wh(image)
    inside = x >= 0 and y >= 0 and x + span <= width and y + span <= height
    if inside and isinstance(image, Image.Image):
        return image, x, y
    return _window(image, x, y, span), 0, 0


def _window(image: Picture, x: int, y: int, span: int) -> Image.Image:
    """Pixels [y, y + span) x [x, x + span) of the photo, black where there is no photo."""
    width, height = size_wh(image)
    if isinstance(image, Image.Image):
        window = Image.new("RGB", (span, span))
        # Farther away there is nothing to see, and Pillow's numbers have 32 bits.
        window.paste(image, (-max(min(x, width), -span), -max(min(y, height), -span)))
        return window
    if x >= 0 and y >= 0 and x + span <= width and y + span <= height:
        return Image.fromarray(image[y : y + span, x : x + span])
    around = np.zeros((span, span, 3), np.uint8)
    left, right = np.clip((x, x + span), 0, width)
    top, bottom = np.clip((y, y + span), 0, height)
    around[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return Image.fromarray(around)
