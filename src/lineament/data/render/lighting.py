"""Light on a face: spherical harmonics for what comes from all around, one key light for what casts shadows.

Directions are in the head's surroundings as the camera sees them: x to the viewer's right, y up, z to the
viewer (the axes of the model frame, not turned with the head). Colours are linear light.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.harmonics import AMBIENT, harmonics

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Light:
    """Everything that lights one picture.

    Attributes:
        ambient: (9, 3) coefficients of `harmonics`, per channel.
        key_direction: (3,) unit vector to the key light.
        key_rgb: (3,) its light on a surface that faces it.
    """

    ambient: Array
    key_direction: Array
    key_rgb: Array

    def scaled(self, factor: float) -> Light:
        """The same light, `factor` times as strong."""
        return replace(self, ambient=self.ambient * factor, key_rgb=self.key_rgb * factor)

    def irradiance(self, normals: Array) -> Array:
        """(..., 3) light on unit normals (..., 3) from all around, never negative; without the key light."""
        return np.maximum(harmonics(normals) @ self.ambient.astype(normals.dtype), 0)


@dataclass(frozen=True, slots=True)
class LightConfig:
    """Range of random light.

    Attributes:
        key_fraction: the key light's part of all light on a surface that faces it, least and greatest.
        colour_std: standard deviation of the logarithm of a light's channels.
        exposure_std: standard deviation of the logarithm of all light.
        uneven: strength of the first and second band against the zeroth.
        max_uneven: greatest length of their coefficients; with more, some side would get less than no light.
    """

    key_fraction: tuple[float, float] = (0.05, 0.75)
    colour_std: float = 0.09
    exposure_std: float = 0.22
    uneven: tuple[float, float] = (0.25, 0.06)
    max_uneven: tuple[float, float] = (0.36, 0.12)


def random_light(rng: np.random.Generator, config: LightConfig) -> Light:
    """Light as photographs have it: mostly from above and the viewer's side, a little coloured."""
    exposure = np.exp(rng.normal(0.05, config.exposure_std))
    fraction = rng.uniform(*config.key_fraction)
    strength = np.concatenate([[1.0], np.full(3, config.uneven[0]), np.full(5, config.uneven[1])])
    ambient = rng.standard_normal(9) * strength
    ambient[0] = 1.0
    ambient[1] = abs(ambient[1]) * 0.9 - 0.05  # from above
    for band, maximum in zip((slice(1, 4), slice(4, 9)), config.max_uneven, strict=True):
        ambient[band] *= min(1.0, maximum / max(float(np.linalg.norm(ambient[band])), 1e-6))
    tint = rng.normal(0, config.colour_std * 0.4, (9, 3)) * strength[:, None]
    coefficients = (ambient[:, None] + tint) / AMBIENT * (1 - fraction) * exposure * _colour(rng, config)
    azimuth = rng.normal(0, np.radians(50))
    height = np.clip(rng.normal(np.radians(32), np.radians(22)), np.radians(-35), np.radians(80))
    flat = np.cos(height)
    direction = np.array([flat * np.sin(azimuth), np.sin(height), flat * np.cos(azimuth)])
    key = fraction * exposure * 1.25 * _colour(rng, config)
    return _exposed(Light(coefficients, direction, key), exposure)


def _exposed(light: Light, exposure: float) -> Light:
    """The light at which a face that looks at the viewer is about as bright as the exposure says."""
    front = np.array([[0.0, 0.15, 0.99], [0.5, 0.2, 0.84], [-0.5, 0.2, 0.84]])
    key = np.maximum(front @ light.key_direction, 0)[:, None] * light.key_rgb
    found = float((light.irradiance(front) + key).mean())
    return light.scaled(float(np.clip(exposure / max(found, 1e-3), 0.3, 4.0)))


def _colour(rng: np.random.Generator, config: LightConfig) -> Array:
    """(3,) a tint between cold and warm, with a little green or magenta."""
    warm = rng.normal(0, config.colour_std)
    return np.exp(np.array([warm, rng.normal(0, config.colour_std / 5), -warm]))


def shadow_frame(key_direction: Array, size: int, half_mm: float) -> Array:
    """(3, 4) from places in mm about the head to a shadow map: right, down, depth in mm from the light on.

    Args:
        key_direction: (3,) unit vector to the light.
        size: side of the map, px.
        half_mm: half of what it spans.
    """
    helper = np.array([0.0, 1.0, 0.0]) if abs(key_direction[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, key_direction)
    right /= np.linalg.norm(right)
    up = np.cross(key_direction, right)
    scale = size / (2 * half_mm)
    linear = np.stack([right * scale, -up * scale, -np.asarray(key_direction)])
    return np.concatenate([linear, [[size / 2], [size / 2], [0.0]]], axis=1)
