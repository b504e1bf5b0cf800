"""What things in front of faces are made of: colours, skin, noise, cloth, pieces of photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.drawing.warp import warp_reflecting

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]

SKIN_LIGHT, SKIN_DARK = np.array([226.0, 178.0, 150.0]), np.array([88.0, 56.0, 40.0])
HAIR = np.float64(
    [[28, 22, 20], [62, 42, 30], [98, 70, 48], [150, 112, 70], [196, 168, 122], [150, 150, 150]]
)


def random_color(rng: np.random.Generator, *, high: int = 256) -> NDArray[np.uint8]:
    """(3,) uint8: a grey or a colour, each channel below `high`."""
    color = np.full(3, rng.integers(high)) if rng.random() < 0.4 else rng.integers(0, high, 3)
    return color.astype(np.uint8)


def skin_color(rng: np.random.Generator) -> Array:
    """(3,) 0 to 255: a skin, from the lightest to the darkest."""
    mixed = SKIN_DARK + (SKIN_LIGHT - SKIN_DARK) * rng.beta(1.6, 1.1)
    return np.clip(mixed * rng.uniform(0.8, 1.15) + rng.normal(0, 6, 3), 12, 250)


def hair_color(rng: np.random.Generator) -> Array:
    """(3,) 0 to 255: black, brown, fair, red-brown or grey hair, seldom a dyed one."""
    if rng.random() < 0.05:
        return rng.uniform(20, 220, 3)
    one, other = HAIR[rng.integers(0, len(HAIR), 2)]
    return np.clip(one + (other - one) * rng.uniform(0, 0.5) + rng.normal(0, 5, 3), 5, 250)


def photo_texture(
    rng: np.random.Generator,
    pictures: Sequence[Image8],
    size: int,
    *,
    fraction: tuple[float, float] = (0.2, 1.0),
) -> Image8:
    """(size, size, 3) a turned square piece of one of the pictures.

    Args:
        rng: source of all choices.
        pictures: (H, W, 3) uint8 each.
        size: side of the piece, px.
        fraction: least and greatest side of the piece, as a part of the picture's shorter side.
    """
    picture = pictures[int(rng.integers(len(pictures)))]
    step = min(picture.shape[:2]) * rng.uniform(*fraction) / size
    angle = rng.uniform(-np.pi, np.pi)
    linear = step * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear[0] *= rng.choice([-1.0, 1.0])
    middle = rng.uniform(0.2, 0.8, 2) * picture.shape[1::-1]
    shift = middle - linear @ np.full(2, size / 2)
    return warp_reflecting(picture, np.column_stack([linear, shift]), size)


def noise_texture(rng: np.random.Generator, size: int, *, cells: int | None = None) -> Image8:
    """(size, size, 3) coloured noise in smooth or square cells."""
    count = int(rng.integers(2, 24)) if cells is None else cells
    small = rng.integers(0, 256, (count, count, 3), dtype=np.uint8)
    way = Image.Resampling.NEAREST if rng.random() < 0.5 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(small).resize((size, size), way))


def mottle(rng: np.random.Generator, size_hw: tuple[int, int], *, strength: float = 0.12) -> Array:
    """(H, W, 1) float32 factors about 1 that vary smoothly, as light and dirt on anything do."""
    small = rng.integers(0, 256, (7, 7), dtype=np.uint8)
    wide = Image.fromarray(small).resize((size_hw[1], size_hw[0]), Image.Resampling.BICUBIC)
    return (1 + np.float32(strength / 128) * (np.asarray(wide, np.float32) - 128))[..., None]


def cloth_color(rng: np.random.Generator) -> NDArray[np.float32]:
    """(3,) 0 to 255: a colour of clothes, mostly muted."""
    color = rng.uniform(10, 245, 3) * rng.uniform(0.3, 1.0)
    return (color.mean() + (color - color.mean()) * rng.beta(1.2, 1.8)).astype(np.float32)


def cloth_texture(rng: np.random.Generator, size: int) -> Image8:
    """(size, size, 3) a plain, striped, checked or dotted cloth."""
    one, other = cloth_color(rng), cloth_color(rng)
    kind = rng.choice(4, p=[0.45, 0.25, 0.15, 0.15])
    x = np.arange(size, dtype=np.float32)
    waves = int(rng.integers(2, 12))
    bars = np.clip(3 * np.sin(2 * np.pi * waves * x / size) * rng.uniform(0.3, 1.0) + 0.5, 0, 1)
    if kind == 0:
        fraction = np.zeros((size, size), np.float32)
    elif kind == 1:
        fraction = np.broadcast_to(bars if rng.random() < 0.5 else bars[:, None], (size, size))
    elif kind == 2:
        fraction = (bars[:, None] + bars) / 2
    else:
        fraction = (bars[:, None] * bars > 0.6).astype(np.float32)
    cloth = one + fraction[..., None] * (other - one)
    grain = rng.normal(0, rng.uniform(0, 6), (size, size, 1)).astype(np.float32)
    return np.clip(cloth + grain, 0, 255).astype(np.uint8)


def any_texture(rng: np.random.Generator, pictures: Sequence[Image8], size: int) -> Image8:
    """(size, size, 3) mostly a piece of a photograph, else noise, cloth or one colour."""
    kind = rng.random()
    if kind < 0.6 and len(pictures):
        return photo_texture(rng, pictures, size)
    if kind < 0.7:
        return noise_texture(rng, size)
    if kind < 0.85:
        return cloth_texture(rng, size)
    return np.broadcast_to(random_color(rng), (size, size, 3)).copy()
