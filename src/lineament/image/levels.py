"""Grey values of more than 8 bits as 0..255: which of them is black, and which is white."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from lineament.image.kinds import Array

log = logging.getLogger(__name__)

USED = 0.25
"""What uses less of its container's range is stretched: 10 bits in 16, or temperatures above an offset."""
SAMPLES = 2_000_000  # pixels that are looked at, at most


@dataclass(frozen=True, slots=True)
class Levels:
    """The values that become 0 and 255."""

    black: float
    white: float

    def to_uint8(self, picture: Image.Image) -> Image.Image:
        """A picture of mode L."""
        return Image.fromarray(self.scaled(np.asarray(picture)))

    def scaled(self, values: Array) -> Array:
        """(...) uint8: values between black and white as 0..255."""
        known = np.nan_to_num(values.astype(np.float32), nan=self.black, posinf=self.black)
        scaled = (known - self.black) * np.float32(255 / (self.white - self.black))
        grey: Array = np.clip(np.round(scaled), 0, 255).astype(np.uint8)
        return grey


def levels_of(picture: Image.Image, *, name: str) -> Levels:
    """What is black and white in a grey picture of 16 or 32 bits or floats.

    Integers up to 255 in 32 bits stay, others are 16-bit or 31-bit. Floats up to 1 count as 0..1, up to 255
    as 0..255; larger ones are divided by their maximum. What uses less than a quarter of that range is
    stretched by the bits that are there, or between its least and greatest values; a line of the log says so.
    """
    top = float(extrema(picture)[0][1]) if picture.mode != "F" else None
    values = _sample(picture)
    greatest = float(values.max(initial=0.0)) if top is None else top
    full = _full_range(picture.mode, greatest)
    if full == 255.0:
        return Levels(0.0, full)
    return levels_of_values(values, top=greatest, full=full, name=name, in_bits=top is not None)


def levels_of_values(values: Array, *, top: float, full: float, name: str, in_bits: bool = True) -> Levels:
    """The same of a sample of a picture's values.

    Args:
        values: (n,) finite.
        top: the greatest of all.
        full: the greatest that there could be.
        name: of the photo, for what is logged.
        in_bits: whether values are integers of so many bits.
    """
    low, high = (float(value) for value in np.percentile(values, (0.1, 99.9))) if len(values) else (0.0, 0.0)
    if top <= 0 or high - low >= USED * full or high <= low:
        return Levels(0.0, full)
    if low > (high - low):  # all of it lies far above zero
        levels = Levels(low, high)
    else:
        levels = Levels(0.0, 2.0 ** np.ceil(np.log2(top + 1)) - 1 if in_bits else top)
    log.warning(
        "%s uses little of the range of its values (%g to %g of %g): stretched", name, low, high, full
    )
    return levels


def extrema(picture: Image.Image) -> list[tuple[float, float]]:
    """Least and greatest value of each channel."""
    found: Any = picture.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]


def _full_range(mode: str, top: float) -> float:
    if mode == "F":
        return 1.0 if top <= 1.0 else max(255.0, top)
    if mode.startswith("I;16"):
        return 65535.0
    return 255.0 if top <= 255 else 65535.0 if top <= 65535 else 2.0**31 - 1


def _sample(picture: Image.Image) -> Array:
    """Finite values (n,) of some of the pixels, evenly spread; by rows, for a copy would take memory."""
    step = max(1, round((picture.width * picture.height / SAMPLES) ** 0.5))
    rows = [
        np.asarray(picture.crop((0, y, picture.width, y + 1)))[0, ::step]
        for y in range(0, picture.height, step)
    ]
    values = np.concatenate(rows).astype(np.float64)
    return values[np.isfinite(values)]
