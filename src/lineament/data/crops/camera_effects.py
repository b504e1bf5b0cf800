"""What cameras and people do to pictures: light, colour, blur, noise, lost pixels, JPEG, cut borders.

Pictures are (H, W, 3) uint8 RGB; every function returns a new one. Effects are pure and say what they do with
numbers; :func:`random_effects` draws the numbers, by :class:`EffectConfig`. Both the regressor's crops
(:mod:`lineament.data.crops.augment`) and the detector's mosaics (:mod:`lineament.data.mosaics.composites`)
use them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lineament.data.drawing.compiled import compiled

Array: TypeAlias = NDArray[Any]
Picture: TypeAlias = NDArray[np.uint8]

SMOOTH, BLOCKS, SHARP = Image.Resampling.BILINEAR, Image.Resampling.BOX, Image.Resampling.BICUBIC


@dataclass(frozen=True, slots=True)
class Tone:
    """What light, film and processing make of the brightness of a picture.

    Attributes:
        gains: (3,) factor of each channel: exposure and colour cast.
        gamma: exponent of brightness, before all else; above 1 is darker.
        saturation: 1 keeps colours, 0 takes them away.
        contrast: factor on the distance from the middle grey 128.
        lift: added at last, grey levels.
        light_xy: change of brightness from the middle to the right and lower border, as a share.
        vignette: fraction of light lost in the corners.
    """

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    saturation: float = 1.0
    contrast: float = 1.0
    lift: float = 0.0
    light_xy: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.0


def toned(picture: Picture, tone: Tone) -> Picture:
    """The picture in another light, in one pass over its pixels."""
    ramp = 255 * np.linspace(0, 1, 256) ** tone.gamma
    table = (128 + (ramp - 128) * tone.contrast).astype(np.float32)
    numbers = np.array([*tone.gains, tone.saturation, tone.lift, *tone.light_xy, tone.vignette], np.float32)
    out = np.empty_like(picture)
    _tone(picture, table, numbers, out)
    return out


def grey(picture: Picture) -> Picture:
    """Luminance in all three channels."""
    return toned(picture, Tone(saturation=0.0))


def blurred(picture: Picture, radius_px: float) -> Picture:
    """Gaussian blur: a soft lens."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius_px)))


def defocused(picture: Picture, radius_px: float) -> Picture:
    """Each point spread to a disc, as out of focus."""
    reach = int(np.ceil(radius_px))
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = np.hypot(row, column) <= radius_px + 1e-9
    return _averaged(picture, row[inside], column[inside])


def moved(picture: Picture, length_px: float, angle: float) -> Picture:
    """Blurred along a line, as by a moving camera; `angle` radians from the x axis, y down."""
    count = max(round(length_px), 1)
    steps = np.arange(count) - (count - 1) / 2
    row, column = np.round(steps * np.sin(angle)), np.round(steps * np.cos(angle))
    return _averaged(picture, row, column)


def shrunk(picture: Picture, factor: float, *, down: int = BLOCKS, up: int = SMOOTH) -> Picture:
    """Made smaller by `factor` < 1 (at least 8 px) and enlarged again, by Pillow's resampling filters."""
    image = Image.fromarray(picture)
    small_wh = max(8, int(image.width * factor)), max(8, int(image.height * factor))
    small = image.resize(small_wh, Image.Resampling(down))
    return np.asarray(small.resize(image.size, Image.Resampling(up)))


def noisy(picture: Picture, grain: Array) -> Picture:
    """With grain added: (H, W, 1 or 3) grey levels."""
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Compressed and decoded."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def cut_off(picture: Picture, side: int, depth_px: int, *, color: Array | int = 0) -> Picture:
    """One colour beyond a border, as where the photo ends; sides 0 top, 1 right, 2 bottom, 3 left."""
    out = picture.copy()
    np.rot90(out, side)[:depth_px] = color
    return out


@dataclass(frozen=True, slots=True)
class EffectConfig:
    """How often each effect is applied.

    Attributes:
        tone: light and colour changes.
        grey: no colour left.
        dark: low light on top of `tone`.
        light: a gradient of light, or dark corners.
        blur: a soft lens, an unsharp or a moving one.
        shrink: fewer pixels, enlarged again.
        noise: grain.
        jpeg: a second compression.
        border: one or two borders cut off.
        strength: factor on the greatest changes.
    """

    tone: float = 0.75
    grey: float = 0.22
    dark: float = 0.12
    light: float = 0.15
    blur: float = 0.20
    shrink: float = 0.15
    noise: float = 0.25
    jpeg: float = 0.40
    border: float = 0.0
    strength: float = 1.0


def random_effects(rng: np.random.Generator, picture: Picture, config: EffectConfig) -> Picture:
    """The picture as some camera might have given it."""
    picture = toned(picture, random_tone(rng, config))
    if rng.random() < config.blur:
        picture = random_blur(rng, picture, strength=config.strength)
    if rng.random() < config.shrink:
        picture = random_shrink(rng, picture)
    if rng.random() < config.noise:
        picture = random_noise(rng, picture)
    if rng.random() < config.jpeg:
        picture = jpeg(picture, int(rng.integers(18, 92)))
    if rng.random() < config.border:
        picture = random_border(rng, picture)
    return picture


def random_tone(rng: np.random.Generator, config: EffectConfig) -> Tone:
    """A light, its colour and its direction."""
    gains, gamma, contrast, saturation, lift = np.ones(3), 1.0, 1.0, 1.0, 0.0
    if rng.random() < config.tone:
        gains = np.exp(0.12 * rng.standard_normal(3) + 0.2 * rng.standard_normal())
        gamma, contrast = float(np.exp(0.25 * rng.standard_normal())), rng.uniform(0.6, 1.3)
        saturation, lift = rng.uniform(0.4, 1.5), rng.normal(0, 8)
    if rng.random() < config.dark:
        gains, gamma = gains * rng.uniform(0.2, 0.6), gamma * rng.uniform(0.9, 1.6)
    if rng.random() < config.grey:
        gains, saturation = np.full(3, gains.mean()), 0.0
    light_xy, vignette = (0.0, 0.0), 0.0
    if rng.random() < config.light:
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
        light_xy = (strength * np.cos(angle), strength * np.sin(angle))
        vignette = rng.uniform(0, 0.6) if rng.random() < 0.3 else 0.0
    one, two, three = gains.tolist()
    return Tone((one, two, three), gamma, saturation, contrast, lift, light_xy, vignette)


def random_blur(rng: np.random.Generator, picture: Picture, *, strength: float = 1.0) -> Picture:
    """A soft, unsharp or moving lens."""
    kind = rng.random()
    if kind < 0.5:
        return blurred(picture, strength * rng.uniform(0.4, 2.0))
    if kind < 0.75:
        return moved(picture, 1 + strength * rng.uniform(1.5, 7.0), rng.uniform(0, np.pi))
    return defocused(picture, strength * rng.uniform(1.0, 2.5))


def random_shrink(rng: np.random.Generator, picture: Picture, *, minimum: float = 0.3) -> Picture:
    """As from a small picture: between `minimum` and 0.8 of the pixels along a side."""
    down = BLOCKS if rng.random() < 0.5 else SMOOTH
    return shrunk(picture, rng.uniform(minimum, 0.8), down=down, up=SHARP if rng.random() < 0.5 else SMOOTH)


def random_noise(rng: np.random.Generator, picture: Picture, *, maximum: float = 22.0) -> Picture:
    """Grain of 2 to `maximum` grey levels, the same in all channels or not, fine or a little coarse."""
    std = np.float32(np.exp(rng.uniform(np.log(2), np.log(maximum))))
    channels = 1 if rng.random() < 0.5 else 3
    grain = rng.standard_normal((*picture.shape[:2], channels), dtype=np.float32)
    if rng.random() < 0.3:
        grain = (grain + np.roll(grain, 1, axis=0) + np.roll(grain, 1, axis=1)) * np.float32(0.577)
    return noisy(picture, grain * std)


def random_border(rng: np.random.Generator, picture: Picture) -> Picture:
    """One or two borders cut off, to black mostly, to a third of the picture."""
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        color = 0 if rng.random() < 0.7 else int(rng.integers(256))
        picture = cut_off(picture, int(side), int(picture.shape[0] * rng.uniform(0.02, 0.33)), color=color)
    return picture


def _averaged(picture: Picture, row: Array, column: Array) -> Picture:
    """The mean of the picture moved by each of the offsets; borders go on as they end."""
    out = np.empty_like(picture)
    _average(picture, row.astype(np.int64), column.astype(np.int64), out)
    return out


@compiled(nogil=True)
def _tone(picture: Picture, table: Array, numbers: Array, out: Picture) -> None:
    height, width, _ = picture.shape
    red, green, blue, saturation, lift, right, down, vignette = numbers
    for row in range(height):
        y = np.float32(2 * (row + 0.5) / height - 1)
        for column in range(width):
            x = np.float32(2 * (column + 0.5) / width - 1)
            light = np.float32(1) + right * x + down * y
            light *= np.float32(1) - vignette * np.float32(0.5) * (x * x + y * y)
            r, g, b = (
                table[picture[row, column, 0]],
                table[picture[row, column, 1]],
                table[picture[row, column, 2]],
            )
            luma = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
            r, g, b = (
                luma + (r - luma) * saturation,
                luma + (g - luma) * saturation,
                luma + (b - luma) * saturation,
            )
            out[row, column, 0] = np.uint8(min(max(r * red * light + lift + 0.5, 0.0), 255.0))
            out[row, column, 1] = np.uint8(min(max(g * green * light + lift + 0.5, 0.0), 255.0))
            out[row, column, 2] = np.uint8(min(max(b * blue * light + lift + 0.5, 0.0), 255.0))


@compiled(nogil=True)
def _average(picture: Picture, rows: Array, columns: Array, out: Picture) -> None:
    height, width, _ = picture.shape
    count = len(rows)
    for row in range(height):
        for column in range(width):
            r, g, b = count // 2, count // 2, count // 2
            for n in range(count):
                y = min(max(row + rows[n], 0), height - 1)
                x = min(max(column + columns[n], 0), width - 1)
                r += picture[y, x, 0]
                g += picture[y, x, 1]
                b += picture[y, x, 2]
            out[row, column, 0] = r // count
            out[row, column, 1] = g // count
            out[row, column, 2] = b // count
