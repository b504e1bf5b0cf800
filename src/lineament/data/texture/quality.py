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
        most_yaw: radians.
        most_pitch: radians.
        least_face_px: width of the face.
        most_residual: of the fit, as `Fits.residual`.
        least_colour: mean chroma over the face; less is a grey or toned picture.
        most_clipped: share of the face that is black or burnt out.
        least_sharpness: of the luminance over the face, see `sharpness`.
        least_seen: share of the core of the chart that is seen.
        red_to_green: least and greatest ratio of the face's median channels; beyond, the picture has a cast.
        blue_to_green: the same.
    """

    most_yaw: float = np.radians(28)
    most_pitch: float = np.radians(25)
    least_face_px: float = 42.0
    most_residual: float = 0.017
    least_colour: float = 0.045
    most_clipped: float = 0.06
    least_sharpness: float = 0.12
    least_seen: float = 0.55
    red_to_green: tuple[float, float] = (1.08, 1.75)
    blue_to_green: tuple[float, float] = (0.50, 0.97)


def worth_unwrapping(camera: WeakPerspective, residual: float, config: QualityConfig) -> bool:
    """Whether pose, size and fit are good enough, before the picture is even read."""
    angles = camera.angles
    return bool(
        abs(angles.yaw) < config.most_yaw
        and abs(angles.pitch) < config.most_pitch
        and camera.scale * FACE_MM > config.least_face_px
        and residual < config.most_residual
    )


def quality(seen: Unwrapped, chart: TextureChart, config: QualityConfig) -> float:
    """From 0, not to be used, to 1: how much an unwrapped photograph may say about the face's colours."""
    core = chart.core & (seen.weight > 0.3)
    if core.sum() < config.least_seen * chart.core.sum():
        return 0.0
    colors = seen.colors_rgb[core]
    clipped = float(((colors.max(axis=-1) > 0.985) | (colors.max(axis=-1) < 0.06)).mean())
    if clipped > config.most_clipped or chroma(colors) < config.least_colour:
        return 0.0
    if not _like_skin(np.median(colors, axis=0), config):
        return 0.0
    sharp = sharpness(seen.colors_rgb @ LUMINANCE, core)
    return float(np.clip((sharp - config.least_sharpness) / config.least_sharpness, 0, 1))


def _like_skin(color_rgb: Array, config: QualityConfig) -> bool:
    red, blue = color_rgb[[0, 2]] / max(float(color_rgb[1]), 0.02)
    (least_red, most_red), (least_blue, most_blue) = config.red_to_green, config.blue_to_green
    return bool(least_red < red < most_red and least_blue < blue < most_blue)


def chroma(colors_rgb: Array) -> float:
    """Mean distance of colours (P, 3) from grey, relative to their brightness; zero for toned pictures alike.

    A sepia print has one hue throughout, so what counts is also how chroma differs between places.
    """
    relative = colors_rgb / np.maximum(colors_rgb.mean(axis=-1, keepdims=True), 0.02) - 1
    spread = float(np.linalg.norm(relative - relative.mean(axis=0), axis=-1).mean())
    mean = float(np.linalg.norm(relative.mean(axis=0)))
    return min(mean / 2, 2 * spread)


def sharpness(luminance: Array, core: NDArray[np.bool_]) -> float:
    """Strength of fine detail against coarse detail over the core of the chart (S, S)."""
    fine = luminance - ndimage.gaussian_filter(luminance, 1.5)
    coarse = ndimage.gaussian_filter(luminance, 1.5) - ndimage.gaussian_filter(luminance, 8)
    inner = ndimage.binary_erosion(core, iterations=4)
    return float(fine[inner].std() / max(coarse[inner].std(), 1e-4)) if inner.any() else 0.0
