"""CPRFA's vertices: from codes over the crop to places of vertices in it (section "vertex retrieval").

A code is a place on the mean face, its coordinates each from 0 to 1 over the skin (PNCC; the paper's DAFI).
Distances of codes are measured in mm on the mean face, so that a threshold means the same along every axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.face_mesh import FaceMesh
from lineament.geometry.kd_tree import KdTree, Pairs
from lineament.geometry.topology import unique_edges

Array: TypeAlias = NDArray[Any]
Mode: TypeAlias = Literal["pixel_to_vertex", "vertex_to_pixel"]
Subpixel: TypeAlias = Literal["linear", "mean", "none"]
MODES: tuple[Mode, ...] = ("pixel_to_vertex", "vertex_to_pixel")
SUBPIXELS: tuple[Subpixel, ...] = ("linear", "mean", "none")

BLOCK = 4  # px: pixels are asked in blocks, whose codes lie close together
FARTHEST = 0.75  # px that the slope of the codes may move a vertex off its pixel's centre
FLATTEST = 0.05  # of the steeper slope: below, the surface is seen edge-on and its slope says nothing


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How vertices are found.

    Attributes:
        radius_mm: of codes on the mean face, within which a vertex is detected. The paper's 0.01 is 1.5 to
            2.1 mm.
        mode: "pixel_to_vertex" gives each pixel its nearest vertex, as published; "vertex_to_pixel" each
            vertex its nearest pixel, which finds more.
        subpixel: "mean" of the pixels within half of the radius; "linear" follows the slope of the codes at
            the nearest pixel; "none" takes its centre.
        erode_px: that are taken off the mask's border, where codes of both sides are mixed.
    """

    radius_mm: float = 2.0
    mode: Mode = "vertex_to_pixel"
    subpixel: Subpixel = "linear"
    erode_px: int = 1


USUAL = Retrieval()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceCodes:
    """The codes of a mesh's skin.

    Attributes:
        vertex: (V,) int, which vertices of the mesh have one.
        code: (V, 3) float32 in 0..1.
        low_mm: (3,) place of code 0 on the mean face.
        extent_mm: (3,) length of 1.
        tree: over the codes in mm.
        neighbours: (K, 2) int, edges of the skin as places among the V.
    """

    vertex: Array
    code: Array
    low_mm: Array
    extent_mm: Array
    tree: KdTree
    neighbours: Array

    @classmethod
    def of(cls, mesh: FaceMesh) -> FaceCodes:
        """The codes of a mesh, whose part "face" is its skin."""
        first, last = mesh.parts.get("face", (0, len(mesh.triangles)))
        triangles = mesh.triangles[first:last]
        vertex = np.unique(triangles)
        skin = mesh.mean_model[vertex].astype(np.float64)
        low, extent = skin.min(axis=0), np.ptp(skin, axis=0)
        place = np.full(len(mesh.mean_model), -1)
        place[vertex] = np.arange(len(vertex))
        return cls(
            vertex,
            np.clip((skin - low) / extent, 0, 1).astype(np.float32),
            low,
            extent,
            KdTree.of(skin - low),
            place[unique_edges(triangles)],
        )

    def __len__(self) -> int:
        """How many vertices have a code."""
        return len(self.vertex)

    def __repr__(self) -> str:
        """Size: the arrays would fill the screen."""
        return f"FaceCodes({len(self)} vertices)"


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Where a crop shows V vertices.

    Attributes:
        points_crop: (V, 2) px of the crop; NaN where a vertex is not detected.
        distance_mm: (V,) of the codes on the mean face; infinite where it is not.
    """

    points_crop: Array
    distance_mm: Array

    @property
    def detected(self) -> NDArray[np.bool_]:
        """(V,)."""
        return np.isfinite(self.distance_mm)

    def at(self, places: Array) -> Observed:
        """Some of the vertices."""
        return Observed(self.points_crop[places], self.distance_mm[places])


def retrieve(code: Array, face: Array, codes: FaceCodes, config: Retrieval = USUAL) -> Observed:
    """The vertices that a crop shows.

    Args:
        code: (3, S, S) in 0..1; nowhere rounded to bytes, which would cost up to 0.7 mm.
        face: (S, S) 0..1, above 1/2 where the face is seen.
        codes: of the mesh.
        config: how.
    """
    pixel, pairs = _pairs(code, face, codes, config)
    if config.mode == "pixel_to_vertex":
        first = pairs.first_of_each()
        pairs = Pairs(pairs.query[first], pairs.point[first], pairs.distance[first])
    return _observed(code, codes, pixel, pairs, config)


def nearest_vertices(code: Array, face: Array, codes: FaceCodes, config: Retrieval = USUAL) -> Array:
    """(S, S) int, place among the V vertices of the one nearest to each pixel; -1 where none is near."""
    pixel, pairs = _pairs(code, face, codes, config)
    found = np.full(face.shape, -1)
    first = pairs.first_of_each()
    found.ravel()[pixel[pairs.query[first]]] = pairs.point[first]
    return found


def seen_share(detected: NDArray[np.bool_], codes: FaceCodes) -> NDArray[np.float32]:
    """(V,) 1 for detected vertices; of the others the share of their direct neighbours that are."""
    one, other = codes.neighbours.T
    of_one, of_other = (
        np.bincount(a, weights=detected[b], minlength=len(codes)) for a, b in ((one, other), (other, one))
    )
    count = np.bincount(codes.neighbours.ravel(), minlength=len(codes))
    return np.where(detected, 1.0, (of_one + of_other) / np.maximum(count, 1)).astype(np.float32)


def _pairs(code: Array, face: Array, codes: FaceCodes, config: Retrieval) -> tuple[Array, Pairs]:
    """(n,) flat places of the pixels that count, and which vertices are near to which of them."""
    seen = eroded(np.asarray(face) > 0.5, config.erode_px).ravel()
    order = _block_order(face.shape[0], face.shape[1])
    pixel = order[seen[order]]
    places = code.reshape(3, -1)[:, pixel].T.astype(np.float64) * codes.extent_mm
    return pixel, codes.tree.within(places, config.radius_mm)


def _observed(code: Array, codes: FaceCodes, pixel: Array, pairs: Pairs, config: Retrieval) -> Observed:
    """Each vertex at the nearest of its pixels, and between pixels where that is asked for."""
    count, width = len(codes), code.shape[2]
    points, distance = np.full((count, 2), np.nan), np.full(count, np.inf)
    row, column = np.divmod(pixel, width)
    centers = np.stack([column + 0.5, row + 0.5], axis=1)
    order = np.lexsort((pairs.distance, pairs.point))
    vertex, query, away = pairs.point[order], pairs.query[order], pairs.distance[order]
    first = np.flatnonzero(np.r_[True, vertex[1:] != vertex[:-1]]) if len(vertex) else np.zeros(0, int)
    found, nearest = vertex[first], query[first]
    points[found], distance[found] = centers[nearest], away[first]
    if config.subpixel == "mean":
        close = away <= config.radius_mm / 2
        number = np.bincount(vertex[close], minlength=count)
        sums = [np.bincount(vertex[close], weights=centers[query[close], k], minlength=count) for k in (0, 1)]
        several = number > 0
        points[several] = np.stack(sums, axis=1)[several] / number[several, None]
    elif config.subpixel == "linear":
        wanted = codes.code[found] * codes.extent_mm
        points[found] += _offsets(code, codes, pixel[nearest], wanted)
    return Observed(points, distance)


def _offsets(code: Array, codes: FaceCodes, pixel: Array, wanted_mm: Array) -> Array:
    """(n, 2) px from the centres of pixels to where the codes, taken as linear there, are the wanted ones."""
    _, height, width = code.shape
    row, column = np.divmod(pixel, width)
    mm = code.astype(np.float64) * codes.extent_mm[:, None, None]
    right, left = np.minimum(column + 1, width - 1), np.maximum(column - 1, 0)
    below, above = np.minimum(row + 1, height - 1), np.maximum(row - 1, 0)
    along_x = (mm[:, row, right] - mm[:, row, left]) / np.maximum(right - left, 1)
    along_y = (mm[:, below, column] - mm[:, above, column]) / np.maximum(below - above, 1)
    missing = wanted_mm.T - mm[:, row, column]
    xx, yy, xy = (along_x**2).sum(0), (along_y**2).sum(0), (along_x * along_y).sum(0)
    mx, my = (along_x * missing).sum(0), (along_y * missing).sum(0)
    determinant = xx * yy - xy**2
    steep = determinant > (FLATTEST * np.maximum(xx, yy)) ** 2
    safe = np.where(steep, determinant, 1.0)
    offset = np.stack([(yy * mx - xy * my) / safe, (xx * my - xy * mx) / safe], axis=1)
    return np.where(steep[:, None], np.clip(offset, -FARTHEST, FARTHEST), 0.0)


def eroded(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """A (H, W) mask without what lies within `width` px of its outside; the border of the picture is none."""
    for _ in range(width):
        padded = np.pad(mask, 1, constant_values=True)
        rows = padded[:-2] & padded[1:-1] & padded[2:]
        mask = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return mask


@lru_cache(maxsize=4)
def _block_order(height: int, width: int) -> Array:
    """(H * W,) flat places of pixels, block by block."""
    row, column = np.divmod(np.arange(height * width), width)
    return np.lexsort((column, row, column // BLOCK, row // BLOCK))


def random_order(count: int, seed: int = 0) -> Array:
    """(V,) the order in which detected vertices are drawn for the line search; the same for every face."""
    return np.random.default_rng(seed).permutation(count)


def drawn(detected: NDArray[np.bool_], order: Array, *, fraction: float, least: int, most: int) -> Array:
    """Places of some of the detected vertices: a fraction, but at least so many where there are.

    Args:
        detected: (V,).
        order: (V,) see :func:`random_order`.
        fraction: kappa.
        least: number.
        most: number.
    """
    there = order[detected[order]]
    count = min(max(round(fraction * len(there)), least), most, len(there))
    places: Array = np.asarray(there[:count], np.int64)
    return places


def depths_at(depth: Array, places: Array) -> Array:
    """(n, C) values of (n, S, S) maps at (n, C, 2) px; NaN where a place is."""
    size = depth.shape[-1]
    known = np.isfinite(places[..., 0])
    pixel = np.where(known[..., None], places, 0).astype(np.int64)
    column, row = np.moveaxis(np.clip(pixel, 0, size - 1), 2, 0)
    values: Array = np.take_along_axis(depth.reshape(len(depth), -1), row * size + column, axis=1)
    return np.where(known, values, np.nan)
