"""Mean and modes of textures with holes: principal components whose holes are filled by the model itself.

Every texture counts together with its mirror image. Then the components are symmetric or antisymmetric, and
the two kinds are found apart, each on half of the chart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.texture.completion import completed, mean_texture

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class TextureModes:
    """Principal components of textures.

    Attributes:
        texel: (T, 2) row and column of the texels of the left half.
        mean_rgb: (T, 3).
        modes: (K, T, 3) per standard deviation, by falling variance.
        sign: (K,) +1 symmetric, -1 antisymmetric.
        variance_kept: fraction of all variance of the completed textures in the modes.
    """

    texel: NDArray[np.int64]
    mean_rgb: Array
    modes: Array
    sign: Array
    variance_kept: float


def texture_modes(
    albedos: Array, weights: Array, mask: NDArray[np.bool_], *, count: int, rounds: int = 2
) -> TextureModes:
    """Mean and modes of F textures that are seen in part.

    Args:
        albedos: (F, S, S, 3).
        weights: (F, S, S) from 0, unseen, to 1.
        mask: (S, S) texels of the skin, symmetric; others get no colour.
        count: modes.
        rounds: each fills the holes with what the modes of the round before expect there.
    """
    mean = mean_texture(albedos, weights, mask)
    texel = np.argwhere(mask & (np.arange(len(mask)) < len(mask) // 2))
    expected = np.broadcast_to(mean, albedos.shape)
    for turn in range(rounds):
        whole = np.stack([completed(a, w, e) for a, w, e in zip(albedos, weights, expected, strict=True)])
        modes = _modes(whole, texel, count)
        if turn + 1 < rounds:
            expected = _reconstructed(whole, modes, mean)
    return modes


def folded(textures: Array, texel: NDArray[np.int64]) -> tuple[Array, Array]:
    """Symmetric and antisymmetric parts (F, T, 3) of textures (F, S, S, 3) at the texels of the left half."""
    row, column = texel.T
    left, right = textures[:, row, column], textures[:, row, textures.shape[2] - 1 - column]
    return (left + right) / 2, (left - right) / 2


def _modes(whole: Array, texel: NDArray[np.int64], count: int) -> TextureModes:
    even, odd = folded(whole, texel)
    mean = even.mean(axis=0)
    parts = [
        _principal((even - mean).reshape(len(even), -1), count),
        _principal(odd.reshape(len(odd), -1), count),
    ]
    deviation = np.concatenate([p[0] for p in parts])
    vectors = np.concatenate([p[1] for p in parts])
    sign = np.repeat([1.0, -1.0], [len(p[0]) for p in parts])
    order = np.argsort(-deviation)[:count]
    total = sum(p[2] for p in parts)
    modes = (vectors[order] * deviation[order, None]).reshape(len(order), *mean.shape)
    kept = float((deviation[order] ** 2).sum() / total)
    return TextureModes(texel, np.float32(mean), np.float32(modes), np.float32(sign[order]), kept)


def _principal(rows: Array, count: int) -> tuple[Array, Array, float]:
    """Deviations (k,), unit vectors (k, D) and the total variance of centred rows (F, D)."""
    gram = (rows @ rows.T).astype(np.float64) / len(rows)
    values, vectors = np.linalg.eigh(gram)
    keep = np.argsort(-values)[: min(count, len(rows) - 1)]
    keep = keep[values[keep] > 1e-9 * values.max()]
    deviation = np.sqrt(values[keep])
    directions = (vectors[:, keep].T @ rows) / (deviation[:, None] * np.sqrt(len(rows)))
    return deviation, directions, float(np.trace(gram))


def _reconstructed(whole: Array, modes: TextureModes, outside: Array) -> Array:
    """What the modes make of completed textures, (F, S, S, 3); the texture `outside` off the chart."""
    size = whole.shape[1]
    row, column = modes.texel.T
    flat = modes.modes.reshape(len(modes.modes), -1)
    squared = (flat**2).sum(axis=1)
    halves = folded(whole, modes.texel)
    centred = [(halves[0] - modes.mean_rgb).reshape(len(whole), -1), halves[1].reshape(len(whole), -1)]
    rebuilt = []
    for rows, sign in zip(centred, (1.0, -1.0), strict=True):
        own = modes.sign == sign
        rebuilt.append((rows @ flat[own].T / squared[own]) @ flat[own])
    shape = (len(whole), *modes.mean_rgb.shape)
    even, odd = rebuilt[0].reshape(shape) + modes.mean_rgb, rebuilt[1].reshape(shape)
    out = np.broadcast_to(outside, whole.shape).copy()
    out[:, row, column], out[:, row, size - 1 - column] = even + odd, even - odd
    return out
