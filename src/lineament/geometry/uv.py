"""A mesh unrolled onto a square map: position maps and back, texture from a photo, region weights.

`uv` is in [0, 1], right and down from the map's corner; texel `i` covers [i, i + 1) / size. A vertex whose
`uv` is NaN has no place on the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.raster import Raster, rasterize

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]


class Region(IntEnum):
    """What a vertex belongs to, for the weights of losses over a map."""

    NECK = 0
    FACE = 1
    FEATURE = 2  # eyes, nose, mouth


# PRNet's weights as SADRNet re-scaled them, 16 : 12 : 3 : 0.
REGION_WEIGHT = {Region.NECK: 0.0, Region.FACE: 3.0, Region.FEATURE: 12.0}
LANDMARK_WEIGHT = 16.0
_TOGETHER = 1 << 14  # texels worked on at once: what is computed of them stays in the cache


@dataclass(frozen=True, slots=True)
class Texture:
    """Colours of a face on its map, and how well the photo shows them."""

    colors_rgb: NDArray[np.uint8]  # (S, S, 3), black where nothing is known
    visibility: NDArray[np.float32]  # (S, S) from 0 to 1; 0 outside the photo and outside the map's face


@dataclass(frozen=True, slots=True, repr=False)
class UvMap:
    """Which point of a mesh each texel shows, and which texels show each vertex."""

    triangles: IndexArray  # (M, 3)
    raster: Raster  # (S, S): the triangle at each texel's centre
    texel: NDArray[np.int64]  # (N, 4) flat index of the texels around each vertex
    texel_weights: NDArray[np.float32]  # (N, 4) bilinear among the valid ones; NaN for vertices off the map

    @property
    def size(self) -> int:
        """Texels along a side."""
        return self.raster.triangle_index.shape[0]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(S, S) bool: texels that show the mesh."""
        return self.raster.mask

    @property
    def triangle_index(self) -> NDArray[np.int32]:
        """(S, S) int32, -1 where the map shows nothing."""
        return self.raster.triangle_index

    @property
    def weights(self) -> NDArray[np.float32]:
        """(S, S, 3) barycentric weights in that triangle."""
        return self.raster.weights

    def __repr__(self) -> str:
        """Sizes: the arrays would fill the screen."""
        return f"UvMap(size={self.size}, vertices={len(self.texel)}, texels={int(self.mask.sum())})"

    def position_map(self, vertices: Array) -> Array:
        """The map of the vertices' positions, or of any attribute of theirs.

        Args:
            vertices: (..., N, C) float.

        Returns:
            (..., S, S, C) float, zero where the map shows nothing.
        """
        return self.raster.interpolate(vertices, self.triangles)

    def shown(self) -> ShownTexels:
        """The texels that show the mesh alone, for attributes of many faces."""
        return ShownTexels.of(self)

    def vertices(self, position_map: Array) -> Array:
        """Vertices read back from a map.

        Args:
            position_map: (..., S, S, C) float; texels outside the mask are not looked at.

        Returns:
            (..., N, C) float; NaN for vertices without a place on the map.
        """
        first = self._interpolated(position_map)
        # Beside the chart's border the texels lie to one side of the vertex: what the map of the first answer
        # misses is added once.
        known = np.where(np.isfinite(first), first, 0)
        return first + self._interpolated(position_map - self.position_map(known))

    def _interpolated(self, position_map: Array) -> Array:
        flat = position_map.reshape(*position_map.shape[:-3], -1, position_map.shape[-1])
        terms = (flat[..., self.texel[:, k], :] * self.texel_weights[:, k, None] for k in range(4))
        total = next(terms)
        for term in terms:
            total = total + term
        return total


@dataclass(frozen=True, slots=True, repr=False)
class ShownTexels:
    """The T texels of a map that show the mesh, one after the other, and what each is made of.

    Attributes:
        place: (T,) int, flat index on the map, ascending.
        corners: (3, T) int32, vertices of the triangle at each.
        weights: (3, T) float32, barycentric.
    """

    place: NDArray[np.int64]
    corners: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, uv_map: UvMap) -> ShownTexels:
        """Those of a map."""
        place = np.flatnonzero(uv_map.mask)
        triangle = uv_map.triangle_index.ravel().take(place)
        corners = np.asarray(uv_map.triangles).T.take(triangle, axis=1).astype(np.int32)
        weights = np.ascontiguousarray(uv_map.weights.reshape(-1, 3).take(place, axis=0).T)
        return cls(place, corners, weights)

    def spread(self, attributes: Array) -> Array:
        """(C, T) attributes at the texels, of the vertices' (C, N)."""
        spread = np.empty((len(attributes), len(self.place)), np.result_type(attributes, np.float32))
        for part in _parts(len(self.place)):
            corners, weights = self.corners[:, part].astype(np.intp), self.weights[:, part]
            for row, values in zip(spread, attributes, strict=True):
                mixed = values.take(corners[0]) * weights[0]
                mixed += values.take(corners[1]) * weights[1]
                mixed += values.take(corners[2]) * weights[2]
                row[part] = mixed
        return spread


def make_uv_map(uv: Array, triangles: IndexArray, *, size: int = 256) -> UvMap:
    """Tables between a mesh and its square map.

    Args:
        uv: (N, 2) float in [0, 1], NaN for vertices without a place.
        triangles: (M, 3) int; where several cover a texel, the first is shown.
        size: texels along a side.

    Returns:
        UvMap.

    Raises:
        ValueError: no texel would show a triangle.
    """
    flat = np.concatenate([np.asarray(uv, dtype=np.float64) * size, np.zeros((len(uv), 1))], axis=1)
    raster = rasterize(flat, triangles, size_hw=(size, size))
    if not raster.mask.any():
        raise ValueError(
            f"no triangle covers a texel of a {size}x{size} map; uv should be in [0, 1], right and down"
        )
    texel, weights = _around(flat[:, :2], raster.mask)
    return UvMap(np.asarray(triangles), raster, texel, weights)


def sample_texture(
    photo: NDArray[np.uint8], vertices_image: Array, uv_map: UvMap, *, visibility: Array | None = None
) -> Texture:
    """The colours that a photo shows of a face, on the face's map.

    Args:
        photo: (H, W, 3) uint8 RGB.
        vertices_image: (N, 2 or 3) float, px, image frame.
        uv_map: of the mesh.
        visibility: (N,) from 0 to 1, such as `visible_vertices` gives; without it everything counts as
            visible.

    Returns:
        Texture; hidden texels carry the colour of what hides them, with their low visibility.
    """
    visible = np.ones(len(vertices_image)) if visibility is None else np.asarray(visibility)
    values = np.stack([*np.asarray(vertices_image, np.float64)[:, :2].T, visible])
    texels = uv_map.shown()
    spread = texels.spread(values)
    size = uv_map.size
    colors, visibilities = np.zeros((size * size, 3), np.uint8), np.zeros(size * size, np.float32)
    seen, within = photo_colors(photo, spread[:2])
    visibilities[texels.place] = np.where(within, spread[2], 0)
    for band, values in enumerate(seen):
        colors[texels.place, band] = values
    return Texture(colors.reshape(size, size, 3), visibilities.reshape(size, size))


def photo_colors(photo: NDArray[np.uint8], places_xy: Array) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(3, T) colours of a photo at places (2, T) px, and (T,) which lie on it; black for the others.

    Args:
        photo: (H, W, 3) uint8 RGB.
        places_xy: px; NaN is nowhere.
    """
    height, width = photo.shape[:2]
    x, y = places_xy
    within = (x >= 0) & (y >= 0) & (x <= width) & (y <= height)
    known = None if within.all() else np.flatnonzero(within)
    found = np.zeros((photo.shape[2], len(x) if known is None else len(known)), np.uint8)
    if known is not None:
        x, y = x.take(known), y.take(known)
    for part, band, values in _mixed(photo, x, y):
        found[band, part] = np.rint(values, out=values)
    if known is None:
        return found, within
    colors = np.zeros((len(found), len(within)), np.uint8)
    colors[:, known] = found
    return colors, within


def region_weight_map(uv_map: UvMap, vertex_region: IndexArray, landmark_uv: Array) -> NDArray[np.float32]:
    """Weights of a map's texels in a loss: landmarks before eyes, nose and mouth, these before the rest.

    Args:
        uv_map: of the mesh.
        vertex_region: (N,) values of Region; a texel has the region of the vertex it is most like.
        landmark_uv: (P, 2) places of the landmarks, one texel each.

    Returns:
        (S, S) float32: 16, 12, 3, and 0 on the neck and where the map shows nothing.
    """
    table = np.array([REGION_WEIGHT[region] for region in sorted(Region)], dtype=np.float32)
    corner_index = uv_map.triangles[np.maximum(uv_map.triangle_index, 0)]
    nearest = np.take_along_axis(corner_index, uv_map.weights.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    weights = table[np.asarray(vertex_region)[nearest]] * uv_map.mask
    column, row = np.clip(np.floor(np.asarray(landmark_uv) * uv_map.size), 0, uv_map.size - 1).astype(int).T
    weights[row, column] = LANDMARK_WEIGHT
    return weights


def _around(texel_xy: Array, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(N, 4) texels about each place (N, 2) and weights, zero on invalid ones; else the nearest valid one."""
    size = len(mask)
    placed = np.asarray(np.isfinite(texel_xy).all(axis=-1))
    shifted = np.where(placed[:, None], texel_xy, 0.0) - 0.5
    low = np.floor(shifted).astype(np.int64)
    part = shifted - low
    texel, weights = [], []
    for down in (0, 1):
        for right in (0, 1):
            column, row = low[:, 0] + right, low[:, 1] + down
            inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
            flat = np.clip(row, 0, size - 1) * size + np.clip(column, 0, size - 1)
            fraction = np.abs(1 - right - part[:, 0]) * np.abs(1 - down - part[:, 1])
            texel.append(flat)
            weights.append(fraction * (inside & mask.ravel()[flat]))
    texels, fractions = np.stack(texel, axis=1), np.stack(weights, axis=1)
    lost = np.flatnonzero(fractions.sum(axis=1) < 1e-6)
    valid = np.argwhere(mask)
    for vertex in lost:  # few: slivers that cover no texel's centre
        row, column = valid[np.argmin(((valid[:, ::-1] - shifted[vertex]) ** 2).sum(axis=1))]
        texels[vertex], fractions[vertex] = row * size + column, 0.25
    fractions /= fractions.sum(axis=1, keepdims=True)
    fractions[~placed] = np.nan
    return texels, fractions.astype(np.float32)


def bilinear(picture: Array | NDArray[np.uint8], points_xy: Array) -> Array:
    """(..., C) colours at places (..., 2) in px; beyond the outermost centres the border's colour goes on."""
    x, y = points_xy.reshape(-1, 2).T
    channels = int(np.prod(picture.shape[2:]))
    colors = np.empty((len(x), channels), np.result_type(picture.dtype, np.float32))
    for part, channel, values in _mixed(picture, x, y):
        colors[part, channel] = values
    return colors.reshape(*points_xy.shape[:-1], channels)


def _mixed(picture: Array | NDArray[np.uint8], x: Array, y: Array) -> Iterator[tuple[slice, int, Array]]:
    """Means of the four pixels around places, some places and a channel at a time."""
    height, width = picture.shape[:2]
    flat = np.ascontiguousarray(picture).reshape(-1)
    channels = int(np.prod(picture.shape[2:]))
    for part in _parts(len(x)):
        left, right, across = _neighbours(x[part], width)
        upper, lower, down = _neighbours(y[part], height)
        rows = upper * width, lower * width
        corners = [(row + column) * channels for row in rows for column in (left, right)]
        beside, above = 1 - across, 1 - down
        for channel in range(channels):
            a, b, c, d = (flat.take(corner) for corner in corners)
            mixed, below = a * beside, c * beside
            mixed += b * across
            below += d * across
            mixed *= above
            below *= down
            mixed += below
            yield part, channel, mixed
            for corner in corners:
                corner += 1


def _neighbours(places: Array, side: int) -> tuple[IndexArray, IndexArray, NDArray[np.float32]]:
    """Pixels before and after places along a side of so many, and how far the places are to the latter."""
    shifted = np.minimum(np.maximum(places - 0.5, 0), side - 1)
    before = np.floor(shifted)
    index = before.astype(np.int64)
    return index, np.minimum(index + 1, side - 1), (shifted - before).astype(np.float32)


def _parts(count: int) -> Iterator[slice]:
    """So many numbers in parts that stay in the cache."""
    for start in range(0, count, _TOGETHER):
        yield slice(start, min(start + _TOGETHER, count))
