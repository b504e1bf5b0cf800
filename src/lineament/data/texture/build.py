"""From unwrapped photographs to a texture model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.heads.eyes import eye_albedo
from lineament.data.texture.completion import mean_texture
from lineament.data.texture.modes import TextureModes, texture_modes
from lineament.data.texture.photos import Candidate
from lineament.data.texture.unwrap import LUMINANCE, TextureChart, delit
from lineament.geometry.morphable import MorphableModel
from lineament.models.texture import TextureModel

Array = NDArray[np.floating]

MARGIN_TEXELS = 2
"""How far colours go on beyond the skin's border, so that looking up between texels never meets the void."""
CAST_REDUCED = 0.6
"""Fraction of a photo's cast against the median photograph (log of red and blue over green) taken out."""
MOUTH_RGB = (0.36, 0.14, 0.13)


@dataclass(frozen=True, slots=True)
class BuiltTexture:
    """A texture model and how it was made.

    Attributes:
        model: the texture model.
        photos: names of the photographs it was computed from.
        variance_kept: fraction of their variance in the modes.
    """

    model: TextureModel
    photos: tuple[str, ...]
    variance_kept: float


def albedos_of(
    candidates: Sequence[Candidate], chart: TextureChart, reference: Array | None = None
) -> tuple[Array, Array]:
    """Textures (F, S, S, 3) without gross light, and their weights (F, S, S), both float32."""
    size = chart.size
    albedos = np.empty((len(candidates), size, size, 3), np.float32)
    weights = np.empty((len(candidates), size, size), np.float32)
    for number, candidate in enumerate(candidates):
        lit = delit(candidate.unwrapped, chart, reference)
        albedos[number], weights[number] = lit.albedo_rgb, lit.weight
    return albedos, weights


def balanced(albedos: Array, weights: Array, chart: TextureChart) -> Array:
    """Textures (F, S, S, 3) with the casts of their photographs reduced; differences of skin stay in part."""
    casts = np.stack(
        [
            np.log(np.maximum(np.median(a[chart.core & (w > 0.3)], axis=0), 0.02))
            for a, w in zip(albedos, weights, strict=True)
        ]
    )
    casts -= casts[:, 1:2]
    gain = np.exp(-CAST_REDUCED * (casts - np.median(casts, axis=0)))
    return np.clip(albedos * gain[:, None, None].astype(np.float32), 0, 1)


def reference_luminance(albedos: Array, weights: Array, chart: TextureChart) -> Array:
    """(S, S) linear luminance of the mean face in even light, 1 in the middle of the core."""
    linear = (mean_texture(albedos, weights, chart.mask) ** 2) @ LUMINANCE
    return linear / float(np.median(linear[chart.core]))


def build_texture(
    candidates: Sequence[Candidate], chart: TextureChart, *, count: int, name: str, source: str, licence: str
) -> BuiltTexture:
    """The texture model of unwrapped photographs."""
    albedos, weights = albedos_of(candidates, chart)
    # A second look at the light, now that it is known that brows and lips are dark in any.
    albedos, weights = albedos_of(candidates, chart, reference_luminance(albedos, weights, chart))
    albedos = balanced(albedos, weights, chart)
    modes = texture_modes(albedos, weights, chart.mask, count=count)
    model = _assembled(modes, chart, name, source, licence)
    photos = tuple(f"{c.provenance.collection}/{c.provenance.photo}" for c in candidates)
    return BuiltTexture(model, photos, modes.variance_kept)


def _assembled(
    modes: TextureModes, chart: TextureChart, name: str, source: str, licence: str
) -> TextureModel:
    """The modes on the skin with its margin, and eyes and mouth on their own charts."""
    size = chart.size
    half = np.arange(size) < size // 2
    skin = chart.mask & half
    wide = ndimage.binary_dilation(chart.mask, iterations=MARGIN_TEXELS) & half
    number = np.full(skin.shape, -1)
    number[tuple(modes.texel.T)] = np.arange(len(modes.texel))
    rows, columns = ndimage.distance_transform_edt(~skin, return_distances=False, return_indices=True)
    texel = np.argwhere(wide)
    take = number[rows[wide], columns[wide]]
    extra, colors = _eyes_and_mouth(chart.model, size)
    new = wide[tuple(extra.T)]
    extra, colors = extra[~new], colors[~new]
    padding = np.zeros((len(modes.modes), len(extra), 3), np.float32)
    return TextureModel(
        name=name,
        source=source,
        licence=licence,
        size=size,
        texel=np.concatenate([texel, extra]),
        mean_rgb=np.concatenate([modes.mean_rgb[take], colors]).astype(np.float32),
        modes=np.concatenate([modes.modes[:, take], padding], axis=1),
        sign=modes.sign,
        vertex_uv=np.float32(chart.model.uv),
    )


def _eyes_and_mouth(model: MorphableModel, size: int) -> tuple[NDArray[np.int64], Array]:
    """Texels (E, 2) of the left half and their colours (E, 3): a brown eye, and the dark of the mouth."""
    v, u = (np.mgrid[0:size, 0 : size // 2] + 0.5) / size
    texels, colors = [], []
    for part in ("eyeballs", "mouth"):
        first, last = model.parts[part]
        uv = model.uv[np.unique(model.triangles[first:last])]
        uv = uv[uv[:, 0] <= 0.5] if part == "eyeballs" else uv
        low, high = uv.min(axis=0), uv.max(axis=0)
        centre, radius = (low + high) / 2, (high - low) / 2
        away = np.hypot((u - centre[0]) / radius[0], (v - centre[1]) / radius[1])
        near = np.hypot(np.maximum(np.abs(u - centre[0]) - radius[0], 0), v * 0) < 2.5 / size
        near &= np.abs(v - centre[1]) < radius[1] + 2.5 / size
        texels.append(np.argwhere(near))
        flat = np.broadcast_to(np.float32(MOUTH_RGB), (int(near.sum()), 3))
        colors.append(eye_albedo(away[near]) if part == "eyeballs" else flat)
    return np.concatenate(texels), np.concatenate(colors)
