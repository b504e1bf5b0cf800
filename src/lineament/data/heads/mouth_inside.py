"""The inside of a mouth that opens: dark, with teeth fixed to skull and jaw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.skin import Skin
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import boundary_loops

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

USUAL_SKIN_RGB = np.array([190.0, 142.0, 122.0])
DEEP_RGB, LIP_RGB = np.array([38.0, 20.0, 19.0]), np.array([120.0, 58.0, 56.0])
TONGUE_RGB = np.array([128.0, 70.0, 68.0])
TEETH_RGB = np.array([205.0, 192.0, 172.0])
DEEP_MM = 22.0
UPPER_ROOT_MM, LOWER_ROOT_MM = np.array([0.0, 2.5, -4.5]), np.array([0.0, -2.5, -6.5])  # from the lips
COLUMNS = 24
GREY = 5.0  # grey levels: less colour than this is none


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies behind the lips.

    Attributes:
        vertices_model: (V, 3) mm.
        values: (V, 6) as :func:`lineament.data.drawing.surface_drawing.colored` takes them.
        triangles: (T, 3) int, counter-clockwise seen from the front.
        shown: whether any of it is to be drawn anew.
    """

    vertices_model: Array
    values: Array
    triangles: Array
    shown: bool


class MouthInside:
    """Makes insides of mouths, for one face model.

    Args:
        model: with a part called `mouth`, open towards the lips.
    """

    def __init__(self, model: MorphableModel) -> None:
        first, last = model.parts["mouth"]
        bag = model.triangles[first:last]
        self._vertex, flat = np.unique(bag, return_inverse=True)
        self._triangles = flat.reshape(-1, 3)
        face_first, face_last = model.parts["face"]
        lips = np.array(boundary_loops(model.triangles[face_first:face_last])[1])
        height = model.neutral_model[lips, 1] + 0.02 * np.abs(model.neutral_model[lips, 0])
        middle = np.abs(model.neutral_model[lips, 0]) < 8
        split = np.median(height)
        self._upper, self._lower = lips[middle & (height >= split)], lips[middle & (height < split)]

    def painted(
        self, before: Array, after: Array, image: Image8, skin: Skin, rng: np.random.Generator
    ) -> Inside:
        """The inside behind a mesh's lips.

        Args:
            before: (N, 3) mm, the mesh as photographed.
            after: (N, 3) mm, as it is to be.
            image: (S, S, 3) uint8 RGB, the picture as photographed.
            skin: its colours.
            rng: of teeth shown.
        """
        gap_before, gap_after = (self._gap(vertices) for vertices in (before, after))
        opened = gap_after > gap_before + 1.0
        bag = after[self._vertex]
        front = bag[:, 2].max()
        deep = np.clip((front - bag[:, 2]) / DEEP_MM, 0, 1)[:, None]
        low = np.clip((bag[:, 1].mean() - bag[:, 1]) / max(np.ptp(bag[:, 1]) / 2, 1e-6), 0, 1)[:, None]
        floor = DEEP_RGB + (TONGUE_RGB - DEEP_RGB) * low * rng.uniform(0.2, 1.0)
        colors = tinted(LIP_RGB * (1 - deep) + floor * deep, image, skin)
        values = np.column_stack([np.zeros((len(bag), 3)), colors])
        parts = [(bag, values, self._triangles)]
        if rng.uniform() < 0.85:
            upper = after[self._upper].mean(axis=0)
            parts.append(self._teeth(upper + UPPER_ROOT_MM, -rng.uniform(8.5, 12.5), image, skin))
        if rng.uniform() < 0.4 and gap_after > 8:
            lower = after[self._lower].mean(axis=0)
            parts.append(self._teeth(lower + LOWER_ROOT_MM, rng.uniform(5.0, 8.0), image, skin))
        starts = np.cumsum([0, *(len(p[0]) for p in parts)])
        return Inside(
            np.concatenate([p[0] for p in parts]),
            np.concatenate([p[1] for p in parts]),
            np.concatenate([p[2] + s for p, s in zip(parts, starts[:-1], strict=True)]),
            bool(opened),
        )

    def _gap(self, vertices: Array) -> float:
        return float(np.linalg.norm(vertices[self._upper].mean(axis=0) - vertices[self._lower].mean(axis=0)))

    def _teeth(self, root: Array, reach_mm: float, image: Image8, skin: Skin) -> tuple[Array, Array, Array]:
        """A row of teeth on an arch, from its root up or down."""
        x = np.linspace(-20, 20, COLUMNS + 1)
        edge = root[1] + reach_mm * (1 - 0.25 * np.abs(x) / 20)
        z = root[2] - 0.032 * x**2
        top = np.column_stack([x + root[0], np.full(len(x), root[1]), z])
        end = np.column_stack([x + root[0], edge, z])
        light = np.where(np.arange(COLUMNS + 1) % 3 == 0, 0.72, 1.0) * (1 - 0.45 * (np.abs(x) / 20) ** 2)
        color = tinted(TEETH_RGB * light[:, None], image, skin)
        values = np.column_stack([np.zeros((2 * len(x), 3)), np.concatenate([0.8 * color, color])])
        here = np.arange(COLUMNS)
        a, b, c, d = here, here + 1, here + len(x), here + len(x) + 1
        if reach_mm > 0:
            a, b, c, d = c, d, a, b
        triangles = np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])
        return np.concatenate([top, end]), values, triangles


def tinted(rgb: Array, image: Image8, skin: Skin) -> Array:
    """Colours (..., 3) of usual light in the light of a photograph, from what its skin looks like."""
    weight = skin.trust / max(float(skin.trust.sum()), 1e-6)
    mean = weight @ skin.rgb
    colors = rgb * mean / USUAL_SKIN_RGB
    if np.ptp(image.reshape(-1, 3)[::97].astype(np.float32), axis=1).mean() < GREY:
        colors = np.repeat(colors.mean(axis=-1, keepdims=True), 3, axis=-1)
    return np.clip(colors, 0, 255)
