"""The colour part of a face model: a mean texture and how the colours of people differ.

Textures lie on the face model's UV chart, which is symmetric: each mode is symmetric or antisymmetric, so
half of the chart is stored and a mirrored face has the same coefficients up to known signs. Colours are
albedo as a photograph would encode it, from 0 to 1, with gross lighting removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ModelError
from lineament.models.arrays import checked, existing, load_npz

Array = NDArray[np.floating]

TEXTURE_PATH = Path(__file__).parent.parent / "assets" / "lfm_texture.npz"
"""The texture model inside the package."""
UV_UNITS = 65535
"""Stored places on the chart are whole multiples of one part of this."""


@dataclass(frozen=True, slots=True, repr=False)
class TextureModel:
    """Linear model of a face's colours.

    Attributes:
        name: such as "congress".
        source: what it was computed from.
        licence: under which terms it may be used.
        size: S, texels along a side of the chart.
        texel: (T, 2) int, row and column of the stored texels, all in the left half of the chart.
        mean_rgb: (T, 3) float32 in [0, 1].
        modes: (K, T, 3) float32, colour per standard deviation.
        sign: (K,) float32, +1 of symmetric modes, -1 of antisymmetric ones.
        vertex_uv: (N, 2) float32 in [0, 1], places of the face model's vertices on the chart.
    """

    name: str
    source: str
    licence: str
    size: int
    texel: NDArray[np.integer]
    mean_rgb: Array
    modes: Array
    sign: Array
    vertex_uv: Array

    def __repr__(self) -> str:
        """Name and sizes: the arrays would fill the screen."""
        return f"TextureModel({self.name!r}, size={self.size}, modes={len(self.modes)})"

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(S, S) texels that have a colour."""
        mask = np.zeros((self.size, self.size), np.bool_)
        row, column = self.texel.T
        mask[row, column] = mask[row, self.size - 1 - column] = True
        return mask

    def uv_map(self, coefficients: Array) -> NDArray[np.float32]:
        """The texture of given coefficients.

        Args:
            coefficients: (K',) in standard deviations; fewer than K leave the others at zero.

        Returns:
            (S, S, 3) float32, mostly within [0, 1] (not clipped); zero off the chart.
        """
        even, odd = self._halves(np.asarray(coefficients, np.float32))
        return self._unfolded(even, odd)

    def vertex_colors(self, coefficients: Array) -> NDArray[np.float32]:
        """(N, 3) float32, the texture at the vertices of the face model."""
        return sampled(self.uv_map(coefficients), self.vertex_uv)

    def vertex_basis(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean (N, 3) and modes (K, N, 3) at the vertices: `vertex_colors` as one linear map."""
        mean = self.vertex_colors(np.zeros(0))
        modes = np.empty((len(self.modes), *mean.shape), np.float32)
        for k, (mode, sign) in enumerate(zip(self.modes, self.sign, strict=True)):
            nothing = np.zeros_like(mode)
            halves = (mode, nothing) if sign > 0 else (nothing, mode)
            modes[k] = sampled(self._unfolded(*halves), self.vertex_uv)
        return mean, modes

    def coefficients(self, uv_map: Array, *, weight: Array | None = None) -> NDArray[np.float32]:
        """The most plausible coefficients of a texture, by least squares with a unit Gaussian prior.

        Args:
            uv_map: (S, S, 3) as :meth:`uv_map` gives it.
            weight: (S, S) from 0, unknown, to 1; everything is known without it.

        Returns:
            (K,) float32.
        """
        weight = np.ones(uv_map.shape[:2], np.float32) if weight is None else weight
        row, column = self.texel.T
        other = self.size - 1 - column
        shared, count = self._mode_rows(), len(self.modes)
        normal = np.eye(count, dtype=np.float64) * PRIOR
        right = np.zeros(count)
        for at, flip in ((column, np.ones(count, np.float32)), (other, self.sign)):
            rows = shared * flip[:, None]
            known = np.repeat(np.sqrt(weight[row, at]), 3).astype(np.float32)
            weighted = rows * known
            normal += weighted @ weighted.T
            right += weighted @ (known * (uv_map[row, at] - self.mean_rgb).ravel().astype(np.float32))
        return np.linalg.solve(normal, right).astype(np.float32)

    def mirrored(self, coefficients: Array) -> Array:
        """(..., K) coefficients of the same textures in a mirror."""
        return coefficients * self.sign[: np.shape(coefficients)[-1]]

    def sample(self, rng: np.random.Generator, *, std: float = 1.0, maximum: float = 2.5) -> Array:
        """(K,) coefficients of a random face, each normal with deviation `std` and within `maximum`."""
        return np.clip(rng.normal(0.0, std, len(self.modes)), -maximum, maximum).astype(np.float32)

    def _mode_rows(self) -> Array:
        return self.modes.reshape(len(self.modes), -1)

    def _halves(self, coefficients: Array) -> tuple[Array, Array]:
        """Symmetric and antisymmetric part of the stored half, (T, 3) each."""
        count = min(len(coefficients), len(self.modes))
        rows, sign = self._mode_rows()[:count], self.sign[:count]
        even = np.where(sign > 0, coefficients[:count], 0) @ rows
        odd = np.where(sign > 0, 0, coefficients[:count]) @ rows
        shape = self.mean_rgb.shape
        return self.mean_rgb + even.reshape(shape), odd.reshape(shape)

    def _unfolded(self, even: Array, odd: Array) -> NDArray[np.float32]:
        out = np.zeros((self.size, self.size, 3), np.float32)
        row, column = self.texel.T
        out[row, column] = even + odd
        out[row, self.size - 1 - column] = even - odd
        return out


PRIOR = 0.05
"""Weight of a coefficient of one standard deviation against a texel wrong by one: noise of a photograph."""


def sampled(uv_map: Array, uv: Array) -> NDArray[np.float32]:
    """Bilinear values of an (S, S, C) map at places (N, 2) of the chart, (N, C)."""
    size = len(uv_map)
    at = np.clip(np.asarray(uv) * size - 0.5, 0, size - 1)
    low = np.minimum(np.floor(at).astype(np.int64), size - 2)
    part = (at - low).astype(np.float32)
    (x, y), (right, down) = low.T, part.T[..., None]
    upper = uv_map[y, x] * (1 - right) + uv_map[y, x + 1] * right
    lower = uv_map[y + 1, x] * (1 - right) + uv_map[y + 1, x + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)


def load_texture_model(path: str | Path = TEXTURE_PATH) -> TextureModel:
    """The texture model of an .npz that `tools/texture_model` wrote; without a path the one in the package.

    Raises:
        ModelError: the file is missing, damaged, or no texture model.
    """
    path = existing(path, kind="a texture model, .npz")
    arrays = load_npz(path)
    size = int(checked(arrays, "size", (), path=path))
    texel = checked(arrays, "texel", (None, 2), path=path).astype(np.int64)
    count = len(texel)
    if count and (texel.min() < 0 or texel[:, 0].max() >= size or texel[:, 1].max() >= size // 2):
        raise ModelError(f"'texel' in {path} leaves the left half of a {size} x {size} chart: it is damaged.")
    step = checked(arrays, "mode_step", (None,), path=path).astype(np.float32)
    steps = checked(arrays, "mode_steps", (len(step), count, 3), path=path)
    sign = checked(arrays, "sign", (len(step),), path=path).astype(np.float32)
    mean = checked(arrays, "mean_rgb", (count, 3), path=path).astype(np.float32)
    uv = checked(arrays, "vertex_uv", (None, 2), path=path).astype(np.float32) / UV_UNITS
    name, source, licence = (_text(arrays, key) for key in ("name", "source", "licence"))
    return TextureModel(name, source, licence, size, texel, mean, steps * step[:, None, None], sign, uv)


def save_texture_model(path: Path, model: TextureModel) -> None:
    """Write a texture model; modes become whole numbers of eight bits times a step of their own."""
    step = np.abs(model.modes).max(axis=(1, 2)) / 127
    steps = np.rint(model.modes / np.maximum(step, 1e-12)[:, None, None]).astype(np.int8)
    np.savez_compressed(
        path,
        name=np.array(model.name),
        source=np.array(model.source),
        licence=np.array(model.licence),
        size=np.array(model.size),
        texel=model.texel.astype(np.uint16),
        mean_rgb=model.mean_rgb.astype(np.float16),
        mode_step=step.astype(np.float32),
        mode_steps=steps,
        sign=model.sign.astype(np.int8),
        vertex_uv=np.rint(model.vertex_uv * UV_UNITS).astype(np.uint16),
    )


def _text(arrays: dict[str, NDArray[Any]], key: str) -> str:
    return str(arrays[key]) if key in arrays else "unknown"
