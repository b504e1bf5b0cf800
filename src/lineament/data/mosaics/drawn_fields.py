"""What drawn scenes are made of: fields of noise with the spectrum of natural pictures, and palettes."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.occlusion.textures import skin_color

Array: TypeAlias = NDArray[Any]
Field: TypeAlias = NDArray[np.float32]
Picture: TypeAlias = NDArray[np.uint8]

SMOOTH = Image.Resampling.BICUBIC
LEVELS = 256

# Colours of outdoor things, red, green, blue; palettes run through two to four of one row.
# fmt: off
FAMILIES = np.array(
    [
        [[18, 26, 12], [52, 74, 30], [96, 120, 52], [150, 168, 88]],  # leaves
        [[40, 28, 18], [92, 66, 42], [146, 112, 76], [206, 182, 142]],  # earth, wood, sand
        [[30, 46, 78], [84, 118, 166], [150, 184, 216], [226, 236, 244]],  # sky, water
        [[26, 26, 28], [86, 86, 88], [150, 148, 144], [222, 220, 214]],  # stone, cloud, metal
        [[70, 22, 16], [156, 60, 36], [206, 122, 60], [240, 206, 130]],  # brick, rust, fire
        [[52, 36, 30], [124, 88, 66], [190, 150, 118], [232, 206, 180]],  # fur, feathers, skin
    ],
    np.float64,
)
# fmt: on


def fractal(rng: np.random.Generator, size: int, *, roughness: float = 0.5, first: int = 2) -> Field:
    """(size, size) float32 in 0..1: noise whose detail is weaker the finer it is.

    Args:
        rng: source of all choices.
        size: side, px.
        roughness: how strong each octave is, compared with the one before; 0.5 is like clouds.
        first: cells along a side of the coarsest octave.
    """
    octaves = max(int(np.ceil(np.log2(size / first))), 1)
    field = np.zeros((first, first), np.float32)
    for octave in range(octaves + 1):
        side = size if octave == octaves else first << octave
        field = np.asarray(Image.fromarray(field).resize((side, side), SMOOTH))
        field = field + np.float32(roughness**octave) * rng.random((side, side), np.float32)
    low, high = float(field.min()), float(field.max())
    return (field - low) / np.float32(max(high - low, 1e-6))


def palette(rng: np.random.Generator) -> Field:
    """(256, 3) float32 colours, 0 to 255, from one end of a range of colours to the other."""
    kind = rng.random()
    if kind < 0.15:
        ends = rng.uniform(0, 255, (int(rng.integers(2, 5)), 3))
    elif kind < 0.25:
        ends = np.stack([skin_color(rng) * fraction for fraction in np.sort(rng.uniform(0.35, 1.15, 3))])
    else:
        family = FAMILIES[rng.integers(len(FAMILIES))]
        ends = family[np.sort(rng.permutation(4)[: rng.integers(2, 5)])] + rng.normal(0, 14, 3)
    if rng.random() < 0.3:
        ends = ends[::-1]
    at = np.linspace(0, len(ends) - 1, LEVELS)
    columns = [np.interp(at, np.arange(len(ends)), ends[:, channel]) for channel in range(3)]
    return np.stack(columns, axis=1).clip(0, 255).astype(np.float32)


def painted(field: Field, colors: Field) -> Field:
    """(H, W, 3) float32: a field in 0..1 in the colours of a palette (256, 3)."""
    return colors[(field * np.float32(LEVELS - 1)).astype(np.intp).clip(0, LEVELS - 1)]


def coat(rng: np.random.Generator, size: int) -> Field:
    """(size, size) float32 in 0..1: stripes, rings, spots or ripples, as coats, wood, shells and water have.

    They are waves along a direction or away from a point, bent by noise, hard or soft.
    """
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    bend = (fractal(rng, size) - 0.5) * np.float32(rng.choice([0.05, 0.25, 0.7]))
    waves = float(np.exp(rng.uniform(np.log(2), np.log(30))))
    if rng.random() < 0.35:
        at = rng.uniform(0, 1, 2)
        along = np.hypot(x - np.float32(at[0]), y - np.float32(at[1]))
    else:
        angle = rng.uniform(0, np.pi)
        along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    field = np.sin(np.float32(2 * np.pi * waves) * (along + bend))
    if rng.random() < 0.35:
        field = field * np.sin(np.float32(2 * np.pi * waves) * (y - x + bend[::-1]))
    return np.clip(0.5 + field * np.float32(rng.choice([0.5, 1.5, 6.0])), 0, 1).astype(np.float32)


def to_picture(colors: Field) -> Picture:
    """uint8 of float colours, 0 to 255."""
    return np.clip(colors, 0, 255).astype(np.uint8)
