"""Makes crops from training views as cameras, detectors and passers-by would have made them. No torch."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.crop import MARGIN, CropBox, crop_around_points

Array = NDArray[Any]
Image8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How strongly crops and colours vary.

    Attributes:
        crop_size: side of a crop, px.
        crop_margin: side of the undisturbed crop over the longer side of the landmarks' box.
        tight_share: share of crops as a second pass cuts them; the others are as a detector cuts them.
        tight_shift, tight_scale, tight_roll: standard deviations: of the side, of its logarithm, radians.
        loose_shift, loose_scale: greatest deviations: of the side, of its logarithm.
        loose_roll: standard deviation, radians; a third of the loose crops is turned by up to `most_roll`.
        most_roll: radians.
        occluder_share: share of crops with something in front of the face.
        grey_share, blur_share, noise_share, jpeg_share, border_share: shares of crops so treated.
    """

    crop_size: int = 112
    crop_margin: float = MARGIN
    tight_share: float = 0.6
    tight_shift: float = 0.02
    tight_scale: float = 0.035
    tight_roll: float = np.radians(5)
    loose_shift: float = 0.09
    loose_scale: float = 0.2
    loose_roll: float = np.radians(15)
    most_roll: float = np.radians(75)
    occluder_share: float = 0.4
    grey_share: float = 0.2
    blur_share: float = 0.35
    noise_share: float = 0.3
    jpeg_share: float = 0.2
    border_share: float = 0.12


def random_crop_box(landmarks_image: Array, config: AugmentConfig, rng: np.random.Generator) -> CropBox:
    """A square around landmarks as one of the two passes would cut it."""
    if rng.uniform() < config.tight_share:
        roll = config.tight_roll * rng.standard_normal()
        shift = config.tight_shift * rng.standard_normal(2)
        scale = config.tight_scale * rng.standard_normal()
    else:
        far = rng.uniform() < 1 / 3
        roll = rng.uniform(-1, 1) * config.most_roll if far else config.loose_roll * rng.standard_normal()
        shift = config.loose_shift * rng.uniform(-1, 1, 2)
        scale = config.loose_scale * rng.uniform(-1, 1)
    box = crop_around_points(landmarks_image, size=config.crop_size, roll=roll, margin=config.crop_margin)
    center = np.add(box.center_xy, shift * box.side)
    return replace(box, center_xy=(float(center[0]), float(center[1])), side=box.side * float(np.exp(scale)))


def disturb(image: Image8, other: Image8, config: AugmentConfig, rng: np.random.Generator) -> Image8:
    """Occluders, colours, blur, noise, compression, dark borders, each with its own share.

    Args:
        image: (S, S, 3) crop.
        other: (S', S', 3) another picture: the texture of occluders.
        config: shares.
        rng: source of all choices.
    """
    if rng.uniform() < config.occluder_share:
        image = _occluded(image, other, rng)
    image = _recoloured(image, grey=rng.uniform() < config.grey_share, rng=rng)
    if rng.uniform() < config.blur_share:
        image = _coarsened(image, rng)
    if rng.uniform() < config.noise_share:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(2, 14))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.uniform() < config.jpeg_share:
        image = _compressed(image, int(rng.integers(15, 70)))
    if rng.uniform() < config.border_share:
        image = _cut_off(image, rng)
    return image


def _occluded(image: Image8, other: Image8, rng: np.random.Generator) -> Image8:
    """One to three shapes in front, plain or cut from another picture."""
    size = image.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        mask = Image.new("L", (size, size))
        draw = ImageDraw.Draw(mask)
        width, height = rng.uniform(0.08, 0.5, 2) * size
        x, y = rng.uniform(0.0, 1.0, 2) * size
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        kind = rng.integers(4)
        if kind == 0:
            draw.rectangle(box, fill=255)
        elif kind == 1:
            draw.ellipse(box, fill=255)
        elif kind == 2:
            corners = rng.uniform(-0.5, 0.5, (int(rng.integers(4, 9)), 2)) * [width, height] * 1.3
            corners = corners[np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))] + [x, y]
            draw.polygon([tuple(c) for c in corners.tolist()], fill=255)
        else:
            ends = rng.uniform(-0.2, 1.2, (2, 2)) * size
            draw.line([tuple(e) for e in ends.tolist()], fill=255, width=int(rng.integers(3, 16)))
        if rng.uniform() < 0.35:
            texture: Array = rng.integers(0, 256, 3)
        else:
            top, left = rng.integers(0, other.shape[0] - size + 1, 2)
            texture = other[top : top + size, left : left + size]
        share = np.asarray(mask, np.float32)[..., None] / 255
        if rng.uniform() < 0.2:
            share = share * rng.uniform(0.4, 0.9)
        image = (image * (1 - share) + texture * share).astype(np.uint8)
    return image


def _recoloured(image: Image8, *, grey: bool, rng: np.random.Generator) -> Image8:
    """Gamma, contrast, brightness, colour cast, a gradient of light; grey where asked."""
    picture = image.astype(np.float32) / 255
    if grey:
        picture = np.repeat(picture @ np.float32([[0.299], [0.587], [0.114]]), 3, axis=-1)
        gains = np.full(3, np.exp(0.2 * rng.standard_normal()), np.float32)
    else:
        gains = np.exp(0.12 * rng.standard_normal(3) + 0.2 * rng.standard_normal()).astype(np.float32)
        mean = picture.mean(axis=-1, keepdims=True)
        picture = mean + (picture - mean) * np.float32(rng.uniform(0.5, 1.4))
    gamma = np.exp(0.25 * rng.standard_normal())
    if rng.uniform() < 0.08:
        gamma *= 2.0  # deep shade
    table = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(gamma)
    picture = table[np.clip(picture * 255, 0, 255).astype(np.uint8)]
    middle = picture.mean()
    picture = (middle + (picture - middle) * np.float32(rng.uniform(0.6, 1.3))) * gains
    if rng.uniform() < 0.3:
        across = np.linspace(-1, 1, image.shape[0], dtype=np.float32)
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
        light = 1 + strength * (np.cos(angle) * across[None, :] + np.sin(angle) * across[:, None])
        picture = picture * light[..., None].astype(np.float32)
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def _coarsened(image: Image8, rng: np.random.Generator) -> Image8:
    """As from a small or blurred picture: shrunk, then enlarged again."""
    size = image.shape[0]
    small = max(int(size * rng.uniform(0.22, 0.8)), 12)
    way = Image.Resampling.BOX if rng.uniform() < 0.5 else Image.Resampling.BILINEAR
    back = Image.Resampling.BICUBIC if rng.uniform() < 0.5 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((small, small), way).resize((size, size), back))


def _compressed(image: Image8, quality: int) -> Image8:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _cut_off(image: Image8, rng: np.random.Generator) -> Image8:
    """Black beyond one or two borders, as where the photo ends."""
    image = image.copy()
    size = image.shape[0]
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        depth = int(size * rng.uniform(0.02, 0.3))
        np.rot90(image, side)[:depth] = 0
    return image
