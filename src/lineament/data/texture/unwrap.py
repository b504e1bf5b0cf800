"""A fitted photograph's colours on the face model's chart, with a weight for how well it shows each texel.

The gross light is found as second-order spherical harmonics over the face's normals (Basri & Jacobs 2003) and
divided out, so that the texture can be lit anew. Light adds up in linear values; a photograph's codes are
taken for their square roots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.drawing.zbuffer import draw_mesh, interpolate, vertex_visibility
from lineament.data.fitting.fitted import FittedPhoto
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.harmonics import harmonics
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.raster import Raster

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

CORE_CENTRE, CORE_RADIUS = (0.5, 0.54), (0.3, 0.27)
"""The ellipse of the chart from brows to chin, where what is seen is the face, whatever its colour."""
GRAZING, FACING = 0.25, 0.7
"""Cosines of surface and line of sight: below the first a texel does not count, from the second fully."""
BORDER_PX = 3.0
HAIR_LUMINANCE, HAIR_CHROMA = 0.32, 0.06
"""Outside the core: how far from the person's skin a texel may be (log luminance, chroma) to be skin."""
MIN_SHADE, MAX_SHADE = 0.5, 1.6
LUMINANCE = np.array([0.30, 0.59, 0.11], np.float32)


@dataclass(frozen=True, slots=True, repr=False)
class TextureChart:
    """Tables of a face model's chart that all photographs share.

    Attributes:
        model: the face model.
        triangles: (M, 3) of the skin.
        raster: (S, S) which triangle each texel shows.
        core: (S, S) bool, the texels from brows to chin.
    """

    model: MorphableModel
    triangles: IntArray
    raster: Raster
    core: NDArray[np.bool_]

    @classmethod
    def of(cls, model: MorphableModel, *, size: int) -> TextureChart:
        """Tables for textures of `size` texels along a side.

        Raises:
            ValueError: the model has no UV chart.
        """
        if model.uv is None:
            raise ValueError(f"The face model {model.name!r} has no UV chart: textures need one.")
        first, last = model.parts.get("face", (0, len(model.triangles)))
        triangles = model.triangles[first:last]
        flat = np.concatenate([model.uv * size, np.zeros((len(model.uv), 1))], axis=1)
        raster = draw_mesh(flat, triangles, size_hw=(size, size))
        at = (np.arange(size) + 0.5) / size
        u, v = (at[None] - CORE_CENTRE[0]) / CORE_RADIUS[0], (at[:, None] - CORE_CENTRE[1]) / CORE_RADIUS[1]
        return cls(model, triangles, raster, raster.mask & (u * u + v * v < 1))

    @property
    def size(self) -> int:
        """Texels along a side."""
        return len(self.core)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(S, S) texels of the skin."""
        return self.raster.mask

    def __repr__(self) -> str:
        """Name and size: the arrays would fill the screen."""
        return f"TextureChart({self.model.name!r}, size={self.size})"


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What a photograph shows of a face, on the chart.

    Attributes:
        colors_rgb: (S, S, 3) float32 in [0, 1] as the photograph has them; zero where the weight is.
        normals: (S, S, 3) float32 unit normals, x right, y up, z to the viewer.
        weight: (S, S) float32 from 0, hidden, grazing or outside the photograph, to 1.
    """

    colors_rgb: Array
    normals: Array
    weight: Array


def unwrap(photo: FittedPhoto, chart: TextureChart) -> Unwrapped:
    """The photograph's colours at each texel of the skin, and how far they can be trusted."""
    model = chart.model
    shape = np.asarray(model.vertices_model(photo.identity, photo.expression), np.float32)
    placed = photo.camera.image_from_model(shape)
    normals = vertex_normals(placed, model.triangles) * PICTURE_AXES.astype(np.float32)
    unwrapped = vertex_visibility(placed, model.triangles)
    attributes = np.concatenate([placed[:, :2], normals, unwrapped[:, None]], axis=1)
    maps = interpolate(chart.raster, chart.triangles, attributes)
    xy, seen_map = maps[..., :2], maps[..., 5]
    normals = maps[..., 2:5] / np.maximum(np.linalg.norm(maps[..., 2:5], axis=-1, keepdims=True), 1e-6)
    height, width = photo.image.shape[:2]
    inside = np.minimum(np.minimum(xy, (width, height) - xy).min(axis=-1) / BORDER_PX, 1)
    facing = np.clip((normals[..., 2] - GRAZING) / (FACING - GRAZING), 0, 1)
    weight = np.maximum(inside, 0) * facing * facing * (3 - 2 * facing) * np.maximum(2 * seen_map - 1, 0)
    weight = (weight * chart.mask).astype(np.float32)
    return Unwrapped(_interpolated(photo.image, xy) * (weight > 0)[..., None], normals, weight)


def _interpolated(image: NDArray[np.uint8], xy: Array) -> Array:
    """(S, S, 3) float32 in [0, 1], bilinear."""
    at = np.stack([xy[..., 1], xy[..., 0]]) - 0.5
    channels = [
        ndimage.map_coordinates(image[..., k], at, np.float32, order=1, mode="nearest") for k in range(3)
    ]
    return np.stack(channels, axis=-1) / np.float32(255)


@dataclass(frozen=True, slots=True)
class Delit:
    """A texture without its gross light.

    Attributes:
        albedo_rgb: (S, S, 3) float32 in [0, 1], encoded as photographs are.
        weight: (S, S) float32, as unwrapped, and zero where outside the core hair or cloth is seen.
        shade: (S, S) float32, the light that was divided out; 1 on average over the core.
    """

    albedo_rgb: Array
    weight: Array
    shade: Array


def delit(unwrapped: Unwrapped, chart: TextureChart, reference: Array | None = None) -> Delit:
    """Divide the gross light out of an unwrapped photograph.

    Args:
        unwrapped: the photograph on the chart.
        chart: its chart.
        reference: (S, S) mean linear luminance of faces in even light; constant skin without it.
    """
    linear = unwrapped.colors_rgb**2
    luminance = linear @ LUMINANCE
    shade = _shade(luminance, unwrapped, chart, np.ones_like(luminance) if reference is None else reference)
    albedo = np.sqrt(np.clip(linear / shade[..., None], 0, 1)) * (unwrapped.weight > 0)[..., None]
    return Delit(albedo, unwrapped.weight * _skin_like(albedo, unwrapped.weight, chart), shade)


def _shade(luminance: Array, unwrapped: Unwrapped, chart: TextureChart, reference: Array) -> Array:
    """Robust harmonics of the luminance over the core, relative to the reference."""
    core = chart.core & (unwrapped.weight > 0.3)
    if core.sum() < 100:
        return np.ones_like(luminance)
    functions = harmonics(unwrapped.normals[core].astype(np.float64)) * reference[core, None]
    wanted = luminance[core] / max(float(np.median(luminance[core])), 1e-4)
    trust = unwrapped.weight[core].astype(np.float64)
    ridge = np.diag([1e-4, *[1e-3] * 3, *[2e-2] * 5]) * trust.sum()
    solved = np.zeros(9)
    for _ in range(6):
        normal = functions.T @ (functions * trust[:, None]) + ridge
        solved = np.linalg.solve(normal, functions.T @ (trust * wanted))
        # Brows, lips, beard and glints are not skin in even light: they lose their say.
        trust = unwrapped.weight[core] / (1 + ((functions @ solved - wanted) / 0.15) ** 2) ** 2
    shade = (harmonics(unwrapped.normals.astype(np.float64)) @ solved).astype(np.float32)
    shade /= max(float((shade[core] * unwrapped.weight[core]).sum() / unwrapped.weight[core].sum()), 1e-3)
    return np.clip(shade, MIN_SHADE, MAX_SHADE)


def _skin_like(albedo: Array, weight: Array, chart: TextureChart) -> Array:
    """(S, S) 1 in the core; outside it 0 where colours are not those of the core's skin, soft in between."""
    core = chart.core & (weight > 0.3)
    if not core.any():
        return np.ones_like(weight)
    skin = np.median(albedo[core], axis=0)
    luminance = np.log(np.maximum(albedo @ LUMINANCE, 0.02) / max(float(skin @ LUMINANCE), 0.02))
    chroma = albedo / np.maximum(albedo.sum(axis=-1, keepdims=True), 0.05) - skin / max(
        float(skin.sum()), 0.05
    )
    unlike = (luminance / HAIR_LUMINANCE) ** 2 + (chroma**2).sum(axis=-1) / HAIR_CHROMA**2
    alike = ndimage.minimum_filter(np.clip(1.6 - unlike, 0, 1), 3)
    blend = ndimage.gaussian_filter(chart.core.astype(np.float32), 3)
    return np.where(chart.core, 1, alike * (1 - blend) + blend * np.clip(2 - unlike, 0, 1)).astype(np.float32)
