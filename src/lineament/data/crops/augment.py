"""Makes crops from training views as cameras, detectors and passers-by would have made them. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.crop import MARGIN, CropBox, crop_around_points
from lineament.data.crops.camera_effects import (
    EffectConfig,
    cut_off,
    jpeg,
    random_blur,
    random_noise,
    random_shrink,
    random_tone,
    toned,
)
from lineament.data.occlusion.drawing import Layer, Light
from lineament.data.occlusion.textures import noise_texture, random_color, skin_color
from lineament.data.occlusion.things import (
    Placing,
    blob,
    flat,
    hand,
    microphone,
    polygon,
    rounded,
    stick,
    textured,
)
from lineament.errors import ConfigError

Array = NDArray[Any]
Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

CROP_MM = 240.0
"""Side of a crop on the head, about: the size of things of known size."""
WHOLE, LOW, HIGH, MIDDLE = (0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.25, 0.75)
_BOTH_WAYS = [(rows, columns) for rows in (WHOLE, LOW, HIGH) for columns in (WHOLE, LOW, HIGH)]
PARTS = (*_BOTH_WAYS[1:], (MIDDLE, MIDDLE))
"""Rows and columns, as fractions of the side, of four halves, four quarters and the middle of a crop."""


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """How strongly crops and colours vary.

    Attributes:
        crop_size: side of a crop, px.
        crop_margin: side of the undisturbed crop over the longer side of the landmarks' box.
        close_up: "eye" or "mouth" cuts the right eye or the mouth alone
            (:mod:`lineament.data.fitting.closeups`), which crops deviate from as tight ones do.
        tight_probability: of crops as a second pass cuts them; the others are as a detector cuts them.
        tight_shift, tight_scale, tight_roll: standard deviations: of the side, of its logarithm, radians.
        loose_shift, loose_scale: greatest deviations: of the side, of its logarithm.
        loose_roll: standard deviation, radians; a third of the loose crops is rotated by up to `max_roll`.
        max_roll: radians.
        occluder_probability: of crops with something in front of the face.
        grey_probability, blur_probability, noise_probability, jpeg_probability: of crops so treated.
        border_probability: of crops with a dark border.
        part_probability: of crops of which only a quarter, a half or the middle is left
            (SynergyNet: 0.01).
        black_frame: width of a black frame around every crop, those of the validation too, px (SynergyNet: 5
            of 120).

    Raises:
        ConfigError: the frame covers the crop.
    """

    crop_size: int = 112
    crop_margin: float = MARGIN
    close_up: Literal["", "eye", "mouth"] = ""
    tight_probability: float = 0.6
    tight_shift: float = 0.02
    tight_scale: float = 0.035
    tight_roll: float = np.radians(5)
    loose_shift: float = 0.09
    loose_scale: float = 0.2
    loose_roll: float = np.radians(15)
    max_roll: float = np.radians(75)
    occluder_probability: float = 0.4
    grey_probability: float = 0.2
    blur_probability: float = 0.35
    noise_probability: float = 0.3
    jpeg_probability: float = 0.2
    border_probability: float = 0.12
    part_probability: float = 0.0
    black_frame: int = 0

    def __post_init__(self) -> None:
        """Refuse a frame without a picture in it."""
        if not 0 <= 2 * self.black_frame < self.crop_size:
            raise ConfigError(
                f"black_frame must be between 0 and half of crop_size ({self.crop_size}), found "
                f"{self.black_frame}."
            )


def random_crop_box(landmarks_image: Array, config: AugmentConfig, rng: np.random.Generator) -> CropBox:
    """A crop box around landmarks as one of the two passes would cut it."""
    if rng.uniform() < config.tight_probability:
        roll = config.tight_roll * rng.standard_normal()
        shift = config.tight_shift * rng.standard_normal(2)
        scale = config.tight_scale * rng.standard_normal()
    else:
        far = rng.uniform() < 1 / 3
        roll = rng.uniform(-1, 1) * config.max_roll if far else config.loose_roll * rng.standard_normal()
        shift = config.loose_shift * rng.uniform(-1, 1, 2)
        scale = config.loose_scale * rng.uniform(-1, 1)
    box = crop_around_points(landmarks_image, size=config.crop_size, roll=roll, margin=config.crop_margin)
    return _moved(box, shift, scale)


def random_close_up_box(box: CropBox, config: AugmentConfig, rng: np.random.Generator) -> CropBox:
    """A close-up as it is cut around a face that is known to a few millimetres."""
    roll = config.tight_roll * rng.standard_normal()
    shift = config.tight_shift * rng.standard_normal(2)
    scale = config.tight_scale * rng.standard_normal()
    return _moved(replace(box, roll=box.roll + roll), shift, scale)


def _moved(box: CropBox, shift: Array, scale: float) -> CropBox:
    """A crop box moved by a fraction of its side, and of another size by a logarithm."""
    center = np.add(box.center_xy, shift * box.side)
    return replace(box, center_xy=(float(center[0]), float(center[1])), side=box.side * float(np.exp(scale)))


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A crop as a camera might have given it, and what of it hides the face.

    Attributes:
        image: (S, S, 3).
        covered: (S, S) bool, True where a thing put in front hides more than half of what is behind it, and
            where the picture was blacked out; None where nothing was.
    """

    image: Image8
    covered: Mask | None


def disturb(
    image: Image8, other: Callable[[], Image8], config: AugmentConfig, rng: np.random.Generator
) -> Disturbed:
    """Occluders, colours, blur, noise, compression, dark borders, each with its own probability.

    Args:
        image: (S, S, 3) crop.
        other: gives another picture, (S', S', 3) of at least that size, for the texture of occluders; called
            only where one is needed, because most crops need none and decoding takes time.
        config: probabilities.
        rng: source of all choices.
    """
    covered = None
    if rng.uniform() < config.occluder_probability:
        image, covered = _occluded(image, other, rng)
    image = toned(
        image, random_tone(rng, EffectConfig(tone=1.0, dark=0.08, light=0.3, grey=config.grey_probability))
    )
    if rng.uniform() < config.blur_probability:
        if rng.uniform() < 0.35:
            image = random_blur(rng, image, strength=0.7)
        else:
            image = random_shrink(rng, image, minimum=0.22)
    if rng.uniform() < config.noise_probability:
        image = random_noise(rng, image, maximum=14)
    if rng.uniform() < config.jpeg_probability:
        image = jpeg(image, int(rng.integers(15, 70)))
    shown = _random_window(len(image), config, rng)
    if shown is None:
        return Disturbed(image, covered)
    image = np.where(shown[..., None], image, np.uint8(0))
    return Disturbed(image, ~shown if covered is None else covered | ~shown)


def _random_window(size: int, config: AugmentConfig, rng: np.random.Generator) -> Mask | None:
    """(size, size) which pixels of a crop are left when borders, parts and frame are blacked out."""
    shown = np.ones((size, size), bool)
    if rng.uniform() < config.border_probability:
        shown = _cut_off(shown, rng)
    if config.part_probability and rng.uniform() < config.part_probability:
        shown = only_part(shown, PARTS[rng.integers(len(PARTS))])
    shown = framed(shown, config.black_frame)
    return None if shown.all() else shown


def framed(image: Array, width: int) -> Array:
    """The picture with its outermost `width` px black."""
    if width == 0:
        return image
    out = np.zeros_like(image)
    out[width:-width, width:-width] = image[width:-width, width:-width]
    return out


def only_part(image: Array, part: tuple[tuple[float, float], tuple[float, float]]) -> Array:
    """The picture black outside of some rows and columns, given as fractions of its sides."""
    rows, columns = (
        slice(*(round(fraction * size) for fraction in span)) for span, size in zip(part, image.shape[:2])
    )
    out = np.zeros_like(image)
    out[rows, columns] = image[rows, columns]
    return out


def _cut_off(image: Array, rng: np.random.Generator) -> Array:
    """Black beyond one or two borders, as where the photo ends."""
    size = image.shape[0]
    for side in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        image = cut_off(image, int(side), int(size * rng.uniform(0.02, 0.3)))
    return image


def _occluded(
    image: Image8, other: Callable[[], Image8], rng: np.random.Generator
) -> tuple[Image8, Mask | None]:
    """Up to three things in front, and what they hide; None where that is nothing."""
    covered = np.zeros(image.shape[:2], bool)
    for _ in range(int(rng.integers(1, 4))):
        layer = _thing(image, other, rng)
        image = layer.over(image)
        covered |= layer.mask
    return image, covered if covered.any() else None


def _thing(image: Image8, other: Callable[[], Image8], rng: np.random.Generator) -> Layer:
    """One thing in front: a shape, a hand, a stick, a microphone; seldom half transparent."""
    size = image.shape[0]
    placing = Placing(rng.uniform(0.0, 1.0, 2) * size, rng.uniform(-np.pi, np.pi), size / CROP_MM)
    kind = rng.uniform()
    if kind < 0.2:
        skin = image[size // 2 - 4 : size // 2 + 4, size // 2 - 4 : size // 2 + 4].mean(axis=(0, 1))
        skin = skin if rng.uniform() < 0.5 else skin_color(rng)
        layer = hand(rng, (size, size), placing, skin, Light.random(rng), reach=rng.uniform(0, 1))
    elif kind < 0.3:
        layer = stick(rng, (size, size), placing, Light.random(rng))
    elif kind < 0.35:
        layer = microphone(rng, (size, size), placing, Light.random(rng))
    else:
        layer = _shape(other, placing, rng, size)
    if rng.uniform() < 0.15:
        layer = layer.faded(rng.uniform(0.4, 0.9))
    return layer


def _shape(other: Callable[[], Image8], placing: Placing, rng: np.random.Generator, size: int) -> Layer:
    """A rectangle, ellipse, polygon or blob, plain or with another picture's texture."""
    half = rng.uniform(0.04, 0.25, 2) * CROP_MM
    kind = rng.integers(5)
    if kind == 0:  # upright, as the papers have them
        corners = rounded(replace(placing, angle=0.0), half, power=40.0)
    elif kind == 1:
        corners = rounded(placing, half, power=rng.choice([2.0, 40.0]))
    elif kind == 2:
        corners = polygon(rng, placing, 1.2 * half)
    else:
        corners = blob(rng, placing, 1.1 * half)
    if rng.uniform() < 0.3:
        return flat((size, size), corners, random_color(rng))
    if rng.uniform() < 0.15:
        return textured(rng, (size, size), corners, noise_texture(rng, size))
    texture = _filling(other(), size)
    top, left = rng.integers(0, texture.shape[0] - size + 1, 2)
    return textured(rng, (size, size), corners, texture[top : top + size, left : left + size])


def _filling(texture: Image8, size: int) -> Image8:
    """The picture, repeated where it is smaller than (size, size)."""
    rows, columns = (-(-size // length) for length in texture.shape[:2])
    return np.tile(texture, (rows, columns, 1)) if max(rows, columns) > 1 else texture
