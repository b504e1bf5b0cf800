"""Expressions that photographs lack: eyes closed, mouths opened, brows raised, painted into a photograph.

The fitted mesh is drawn where the new expression has it, with the photograph's colours from where the old one
had them; the surroundings follow the mesh's outline. Lids that come down are covered with the skin around the
eye and end in a line of lashes; a mouth that opens shows a dark inside, and maybe teeth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from lineament.data.drawing.surface_drawing import colored, draw_cut_out
from lineament.data.drawing.zbuffer import draw_mesh, interpolate
from lineament.data.heads.lash_line import FACING, Lashes, random_lashes, with_lashes
from lineament.data.heads.lids import Lids, lid_margins
from lineament.data.heads.mouth_inside import MouthInside
from lineament.data.heads.skin import Skin, SkinReader
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.raster import Raster
from lineament.geometry.topology import boundary_loops

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

CHEEK = 0.75
"""How far the skin of a lid is that of the cheek below it; the rest is that around it, brow and all."""
LID_LIGHT, LID_ROUND = 0.93, 0.22
"""How bright a lid is beside that skin, and how much brighter where it looks up."""
FOLD_MM = 10.0
"""How far from the rims of the lips they fold inwards."""
FINER = 2
CHANGE_PX = 0.5
"""What moves by less shows the picture as it was through."""
CELL = 4  # px of the lattice that carries the surroundings
FOLLOW_MM = 45.0
"""How far beside the face the surroundings follow its outline."""
CLOSING = 0.5
"""By how much of a blink an eye closes when the texture of its lids gives way to the skin around it."""
LID_SKIN, LASH = 0.85, 0.4
"""How far it gives way at most, and how dark lashes are beside the skin."""
HALF_SHUT = 0.7
"""The blink from which lashes begin to hide what is left of the eye."""


@dataclass(frozen=True, slots=True)
class UprightFace:
    """A square picture with one fitted face.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        shown: (S, S) fraction of the photograph at each pixel, below 1 where something else continues it.
        camera: of the head.
        identity: (K,).
        expression: (E,).
    """

    image: Image8
    shown: Array
    camera: WeakPerspective
    identity: Array
    expression: Array


class ExpressionEditor:
    """Paints other expressions into pictures, for one face model with ARKit's blendshapes.

    Args:
        model: with a UV chart and blendshapes `eyeBlinkLeft` and `eyeBlinkRight`.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        self._reader = SkinReader(model)
        self._mouth = MouthInside(model)
        names = model.expression_names
        self._blinks = np.array([names.index(f"eyeBlink{side}") for side in ("Right", "Left")])
        moved = np.linalg.norm(model.expression_basis[self._blinks], axis=-1).sum(axis=0)
        self._is_lid = np.zeros(len(moved), bool)
        first, last = model.parts["face"]
        skin = model.triangles[first:last]
        mouth_first, mouth_last = model.parts["mouth"]
        self._outer_triangles = np.delete(model.triangles, np.arange(mouth_first, mouth_last), axis=0)
        self._is_lid[np.unique(skin)] = moved[np.unique(skin)] > 0.4
        self._rims = np.concatenate(boundary_loops(skin)[2:4])
        self._lids = Lids.of(model)
        assert model.mirror is not None
        upper = lid_margins(model)[0]
        self._margins = (model.mirror.vertex[upper], upper)
        self._lid_fraction = np.clip((moved - 0.4) / 2.0, 0, 1) * self._is_lid
        neutral = model.neutral_model
        cheek = (np.abs(neutral[:, 1] + 12) < 14) & (neutral[:, 2] > 20)
        self._cheeks = [np.flatnonzero(cheek & (np.abs(neutral[:, 0] * side - 36) < 14)) for side in (-1, 1)]
        self._side = (neutral[:, 0] > 0).astype(int)
        eyes = np.unique(model.triangles[slice(*model.parts["eyeballs"])])
        self._eyeballs = [eyes[self._side[eyes] == side] for side in (0, 1)]
        lips = neutral[list(boundary_loops(skin)[1])]
        near_lips = cKDTree(lips).query(neutral, distance_upper_bound=FOLD_MM)[0] < FOLD_MM
        self._folds = self._is_lid | near_lips

    def edited(self, face: UprightFace, expression: Array, rng: np.random.Generator) -> UprightFace:
        """The same face with another expression; far from what moves the picture stays as it is.

        Args:
            face: as photographed.
            expression: (E,) the new one; blinks that are meant to shut an eye go as far as this face needs.
            rng: of what a mouth shows, and of lashes.
        """
        expression = self._shut(face, expression)
        before, after = (
            np.asarray(self._model.vertices_model(face.identity, e), np.float64)
            for e in (face.expression, expression)
        )
        projected_before, projected_after = (
            face.camera.image_from_model(before),
            face.camera.image_from_model(after),
        )
        size = len(face.image)
        raster = draw_mesh(projected_before, self._model.triangles, size_hw=(size, size))
        within = ndimage.distance_transform_edt(raster.mask)
        closed = self._closing(face.expression, expression)
        lid = self._lid_fraction * closed[self._side]
        hidden = closed * np.clip((expression[self._blinks] - HALF_SHUT) / (1 - HALF_SHUT), 0, 1)
        skin = self._reader.read(face.image, face.shown, within, projected_before, distrust=lid > 0)
        moved = projected_after[:, :2] - projected_before[:, :2]
        moves = np.maximum(np.linalg.norm(moved, axis=1) / CHANGE_PX, 4 * lid)
        column, row = np.clip(projected_before[:, :2].astype(np.int64), 0, size - 1).T
        moves *= face.shown[row, column] > 0.99  # what is not the photograph's stays as it is
        inside = self._mouth.painted(before, after, face.image, skin, rng)
        parts = [
            _Part(
                projected_after,
                self._values(projected_before, projected_after, skin, lid, hidden),
                self._outer_triangles,
                moves,
            ),
            _Part(
                face.camera.image_from_model(inside.vertices_model),
                inside.values,
                inside.triangles,
                np.full(len(inside.vertices_model), float(inside.shown)),
            ),
            _lattice(raster, moved, self._model.triangles, FOLLOW_MM * face.camera.scale),
        ]
        image = _painted(face.image, parts)
        if closed.any():
            blink = np.clip(expression[self._blinks], 0, 1) * closed
            image = self._lashed(image, projected_after, skin, face.camera.scale, blink, random_lashes(rng))
        return replace(face, image=image, expression=np.asarray(expression, face.expression.dtype))

    def _shut(self, face: UprightFace, expression: Array) -> Array:
        """(E,) the new expression with lids that meet where it shuts an eye."""
        out, shut = np.array(expression), self._lids.shut(face.identity, expression)
        changed = expression[self._blinks] != face.expression[self._blinks]
        out[self._blinks[changed]] = shut[self._blinks[changed]]
        return out

    def _closing(self, before: Array, after: Array) -> Array:
        """(2,) how far the lids of the right and the left eye are to be covered with other skin."""
        return np.clip((after[self._blinks] - before[self._blinks]) / CLOSING, 0, 1)

    def _lashed(
        self,
        image: Image8,
        projected_after: Array,
        skin: Skin,
        px_per_mm: float,
        blink: Array,
        lashes: Lashes,
    ) -> Image8:
        """The picture with lashes along the upper lids; those of an open eye point at the viewer."""
        for side, margin in enumerate(self._margins):
            if blink[side] > 0:
                cheek = self._cheeks[side]
                weight = skin.trust[cheek] + 1e-3
                like = (weight @ skin.rgb[cheek]) / weight.sum()
                hanging = replace(lashes, length_mm=lashes.length_mm * blink[side] ** 2)
                outward = projected_after[margin] - projected_after[self._eyeballs[side]].mean(axis=0)
                facing = -outward[:, 2] / np.linalg.norm(outward, axis=1)
                visible = np.clip(facing / FACING, 0, 1) * blink[side]
                image = with_lashes(image, projected_after[margin, :2], visible, hanging, px_per_mm, like)
        return image

    def _values(
        self, projected_before: Array, projected_after: Array, skin: Skin, lid: Array, hidden: Array
    ) -> Array:
        # Only lids and lips fold over each other; elsewhere what is not seen lies just behind the outline.
        trust = np.where(self._folds, np.clip(4 * skin.visible, 0, 1), 1.0) * (1 - LID_SKIN * lid)
        rgb = skin.rgb.copy()
        up = -vertex_normals(projected_after, self._model.triangles)[:, 1, None]
        for side, cheek in enumerate(self._cheeks):
            weight = skin.trust[cheek]
            if weight.sum() > 1:
                like = (weight @ rgb[cheek]) / weight.sum()
                part = self._is_lid & (self._side == side)
                rgb[part] = (CHEEK * like + (1 - CHEEK) * rgb[part]) * (LID_LIGHT + LID_ROUND * up[part])
                # Between shut lids lashes are seen, not the eye.
                rgb[self._eyeballs[side]] = LASH * like
                trust[self._eyeballs[side]] *= 1 - hidden[side]
        rgb[self._rims] *= 1 - (1 - LASH) * lid[self._rims, None]
        trust[self._rims] *= 1 - lid[self._rims]
        return np.column_stack([projected_before[:, :2], trust, rgb])


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of the picture that is drawn anew."""

    points_image: Array  # (V, 3) px
    values: Array  # (V, 6) as `colored` takes them
    triangles: Array  # (T, 3)
    change: Array  # (V,) below 1 the picture as it was shows through


def _painted(image: Image8, parts: list[_Part]) -> Image8:
    """The picture with the parts drawn over it where they change something."""
    starts = np.cumsum([0, *(len(part.points_image) for part in parts)])
    triangles = np.concatenate([p.triangles + s for p, s in zip(parts, starts[:-1], strict=True)])
    triangles = triangles.astype(np.int32)
    points = np.concatenate([part.points_image for part in parts]) * FINER
    values = np.concatenate([part.values for part in parts]).astype(np.float32)
    change = np.concatenate([part.change for part in parts])
    index, weights = draw_cut_out(points, np.ones(len(points), np.float32), triangles, FINER * len(image))
    drawn = colored(index, weights, triangles, values, image, image)
    fraction = _change(index[::FINER, ::FINER], weights[::FINER, ::FINER], triangles, change)[..., None]
    return (image * (1 - fraction) + drawn * fraction + 0.5).astype(np.uint8)


def _lattice(raster: Raster, moved: Array, triangles: Array, reach_px: float) -> _Part:
    """The surroundings: they follow the outline of the face, less with the distance from it.

    Args:
        raster: (S, S) of the face as photographed.
        moved: (N, 2) px, how its vertices move.
        triangles: (M, 3) of it.
        reach_px: distance at which nothing moves any more.
    """
    size = len(raster.depth)
    field = interpolate(raster, triangles, moved)
    distance, (row, column) = ndimage.distance_transform_edt(~raster.mask, return_indices=True)
    far = np.clip(distance / reach_px, 0, 1)
    field = field[row, column] * ((1 - far) ** 2 * (1 + 2 * far))[..., None]
    at = np.arange(0, size + CELL, CELL, dtype=np.float64).clip(max=size)
    pixel = np.ix_(*(np.minimum(at.astype(np.int64), size - 1),) * 2)
    smooth = ndimage.gaussian_filter(field, (CELL, CELL, 0), truncate=2.5)[pixel].reshape(-1, 2)
    place = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    corner = np.arange(len(at) ** 2).reshape(len(at), len(at))
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    cells = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))])
    behind = np.full(len(place), raster.depth[raster.mask].max() + 4 * size)
    values = np.column_stack([place, np.ones(len(place)), np.zeros((len(place), 3))])
    change = np.linalg.norm(smooth, axis=1) / CHANGE_PX
    return _Part(np.column_stack([place + smooth, behind]), values, cells, change)


def _change(index: Array, weights: Array, triangles: Array, change: Array) -> Array:
    """(S, S) from 0, the picture stays, to 1, it is drawn anew."""
    u, v = weights[..., 0], weights[..., 1]
    a, b, c = (change[triangles[np.maximum(index, 0), corner]] for corner in range(3))
    fraction = np.where(index >= 0, a * u + b * v + c * (1 - u - v), 0)
    return ndimage.uniform_filter(np.clip(fraction, 0, 1), 3)
