"""Which photographs are good enough to learn colours from: frontal, sharp, large, coloured, well lit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.texture.unwrap import LUMINANCE, TextureChart, Unwrapped
from lineament.geometry.camera import WeakPerspective

Array = NDArray[np.floating]

FACE_MM = 130.0
"""Width of a face between the cheeks, for its size in a photograph."""


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """What a photograph must be to contribute to a texture model.

    Attributes:
        max_yaw: radians.
        max_pitch: radians.
        min_face_px: width of the face.
        max_residual: of the fit, as `Fits.residual`.
        min_colour: mean chroma over the face; less is a grey or toned picture.
        max_clipped: fraction of the face that is black or burnt out.
        min_sharpness: of the luminance over the face, see `sharpness`.
        min_visible: fraction of the core of the chart that is visible.
        red_to_green: least and greatest ratio of the face's median channels; beyond, the picture has a cast.
        blue_to_green: the same.
    """

    max_yaw: float = np.radians(28)
    max_pitch: float = np.radians(25)
    min_face_px: float = 42.0
    max_residual: float = 0.017
    min_colour: float = 0.045
    max_clipped: float = 0.06
    min_sharpness: float = 0.12
    min_visible: float = 0.55
    red_to_green: tuple[float, float] = (1.08, 1.75)
    blue_to_green: tuple[float, float] = (0.50, 0.97)


def worth_unwrapping(camera: WeakPerspective, residual: float, config: QualityConfig) -> bool:
    """Whether pose, size and fit are good enough, before the picture is even read."""
    angles = camera.angles
    return bool(
        abs(angles.yaw) < config.max_yaw
        and abs(angles.pitch) < config.max_pitch
        and camera.scale * FACE_MM > config.min_face_px
        and residual < config.max_residual
    )


def quality(unwrapped: Unwrapped, chart: TextureChart, config: QualityConfig) -> float:
    """From 0, not to be used, to 1: how much an unwrapped photograph may say about the face's colours."""
    core = chart.core & (unwrapped.weight > 0.3)
    if core.sum() < config.min_visible * chart.core.sum():
        return 0.0
    colors = unwrapped.colors_rgb[core]
    clipped = float(((colors.max(axis=-1) > 0.985) | (colors.max(axis=-1) < 0.06)).mean())
    if clipped > config.max_clipped or chroma(colors) < config.min_colour:
        return 0.0
    if not _like_skin(np.median(colors, axis=0), config):
        return 0.0
    sharp = sharpness(unwrapped.colors_rgb @ LUMINANCE, core)
    return float(np.clip((sharp - config.min_sharpness) / config.min_sharpness, 0, 1))


def _like_skin(color_rgb: Array, config: QualityConfig) -> bool:
    red, blue = color_rgb[[0, 2]] / max(float(color_rgb[1]), 0.02)
    (min_red, max_red), (min_blue, max_blue) = config.red_to_green, config.blue_to_green
    return bool(min_red < red < max_red and min_blue < blue < max_blue)


def chroma(colors_rgb: Array) -> float:
    """Mean distance of colours (P, 3) from grey, relative to their brightness; zero for toned pictures alike.

    A sepia print has one hue throughout, so what counts is also how chroma differs between places.
    """
    relative = colors_rgb / np.maximum(colors_rgb.mean(axis=-1, keepdims=True), 0.02) - 1
    deviation = float(np.linalg.norm(relative - relative.mean(axis=0), axis=-1).mean())
    mean = float(np.linalg.norm(relative.mean(axis=0)))
    return min(mean / 2, 2 * deviation)


def sharpness(luminance: Array, core: NDArray[np.bool_]) -> float:
    """Strength of fine detail against coarse detail over the core of the chart (S, S)."""
    fine = luminance - ndimage.gaussian_filter(luminance, 1.5)
    coarse = ndimage.gaussian_filter(luminance, 1.5) - ndimage.gaussian_filter(luminance, 8)
    inner = ndimage.binary_erosion(core, iterations=4)
    return float(fine[inner].std() / max(coarse[inner].std(), 1e-4)) if inner.any() else 0.0
