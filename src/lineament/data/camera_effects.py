"""What cameras and people do to pictures: light, colour, blur, noise, lost pixels, JPEG.

Pictures are (H, W, 3) uint8 RGB; every function returns a new one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Picture = NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True)
class EffectConfig:
    """How often each effect is applied.

    Attributes:
        tone: light and colour changes.
        grey: no colour left.
        dark: low light on top of `tone`.
        blur: a soft lens.
        shrink: fewer pixels, enlarged again.
        noise: grain.
        jpeg: a second compression.
    """

    tone: float = 0.75
    grey: float = 0.22
    dark: float = 0.12
    blur: float = 0.20
    shrink: float = 0.15
    noise: float = 0.25
    jpeg: float = 0.40


def random_effects(rng: np.random.Generator, picture: Picture, config: EffectConfig) -> Picture:
    """The picture as some camera might have given it."""
    if rng.random() < config.shrink:
        picture = shrink(picture, rng.uniform(0.35, 0.8))
    if rng.random() < config.blur:
        picture = blur(picture, rng.uniform(0.4, 2.0))
    if rng.random() < config.tone:
        gains = rng.normal(1.0, 0.13, 3) * rng.uniform(0.7, 1.35)
        picture = tone(picture, gains=gains, gamma=np.exp(rng.normal(0, 0.25)), lift=rng.normal(0, 12))
    if rng.random() < config.dark:
        picture = tone(
            picture, gains=np.full(3, rng.uniform(0.15, 0.5)), gamma=rng.uniform(0.8, 1.4), lift=0.0
        )
    if rng.random() < config.grey:
        picture = grey(picture)
    if rng.random() < config.noise:
        picture = noise(rng, picture, np.exp(rng.uniform(np.log(2), np.log(22))))
    if rng.random() < config.jpeg:
        picture = jpeg(picture, int(rng.integers(22, 92)))
    return picture


def tone(picture: Picture, *, gains: NDArray[np.floating], gamma: float, lift: float) -> Picture:
    """Each channel through ``255 (v / 255)^gamma * gain + lift``, by table."""
    ramp = 255 * (np.arange(256) / 255) ** gamma
    tables = np.clip(ramp[None] * gains[:, None] + lift, 0, 255).astype(np.uint8)
    return np.stack([tables[channel][picture[..., channel]] for channel in range(3)], axis=-1)


def grey(picture: Picture) -> Picture:
    """Luminance in all three channels."""
    luminance = (picture @ LUMA).astype(np.uint8)
    return np.repeat(luminance[..., None], 3, axis=-1)


def blur(picture: Picture, radius_px: float) -> Picture:
    """Gaussian blur."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius_px)))


def shrink(picture: Picture, factor: float) -> Picture:
    """Made smaller by `factor` < 1 and enlarged again."""
    image = Image.fromarray(picture)
    small = image.resize((max(8, int(image.width * factor)), max(8, int(image.height * factor))))
    return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR))


def noise(rng: np.random.Generator, picture: Picture, spread: float) -> Picture:
    """Grain of the given standard deviation (grey levels), the same in all channels or not."""
    channels = 1 if rng.random() < 0.5 else 3
    grain = rng.standard_normal((*picture.shape[:2], channels), dtype=np.float32) * np.float32(spread)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Compressed and decoded."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
