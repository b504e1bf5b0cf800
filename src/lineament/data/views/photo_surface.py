"""A photographed head as a textured surface that can be turned (Zhu et al. 2016, "face profiling").

Three layers share one z-buffer: the fitted mesh with the photograph on it, exactly as it is labelled; skull
and neck behind it, where the photograph shows nothing; and the photograph's surroundings. What stays open
shows another picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.drawing.surface_drawing import colored, draw_cut_out, kept_lattice
from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.heads.skin import Skin, SkinReader
from lineament.data.heads.skull_and_neck import HeadFrame, Shell, outer_border
from lineament.data.heads.surroundings import CELL, Surroundings, lay_surroundings
from lineament.data.labels.label_surface import closing_membranes
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angle_between

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

FINER = 2
"""How many times finer than the picture it is drawn before it is averaged."""
MAX_STRETCH = 5.0
"""Where neighbours of the surroundings are pulled so many times apart, they are cut."""
NECK_BASE_MM = np.array([0.0, -120.0, -40.0])
STIFF_MM = (-160.0, -85.0)
"""Heights between which what is below the head ceases to turn with it."""
CURTAIN_MM = (12.0, 50.0)
"""How far the skin goes on behind its border, above the ears and below them."""
CURTAIN_DRAWN_IN = 0.85
SHADE = 0.8
"""How dark it is there: under the jaw and behind the ears."""
FULL_TRUST_TURN = np.radians(30)
"""Turned by less, what the photograph shows at a grazing angle is taken more and more as it is."""
INSIDE_MM = 2.0
"""How far behind lids and lips what lies between them is closed."""
HAIR_SHADE = 0.5
"""How dark hair is, if the photograph does not reach up to it, beside the top of the face."""


class SurfaceGenerator:
    """Makes the surfaces of photographs, for one face model; keeps the tables they share.

    Args:
        model: with a UV chart.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._neutral = model.neutral_model
        self._triangles = model.triangles
        self.skin = SkinReader(model)
        self._shell = Shell.unit()
        self._border = outer_border(model)
        first, last = model.parts.get("face", (0, len(model.triangles)))
        skin_triangles = model.triangles[first:last]
        self._closing = np.concatenate(closing_membranes(skin_triangles, model.uv))
        height = self._neutral[self._border, 1]
        self._chin, self._top = self._border[height < -60], self._border[height > 90]

    def surface(
        self, image: Image8, shown: Array, camera: WeakPerspective, vertices_model: Array
    ) -> PhotoSurface:
        """The surface of a square picture with one fitted face.

        Args:
            image: (S, S, 3) uint8 RGB.
            shown: (S, S) fraction of the photograph at each pixel, below 1 where something else continues it.
            camera: of the head.
            vertices_model: (N, 3) its mesh, mm.
        """
        vertices = camera.image_from_model(vertices_model)
        depth = draw_mesh(vertices, self._triangles, size_hw=image.shape[:2]).depth
        within = ndimage.distance_transform_edt(np.isfinite(depth))
        skin = self.skin.read(image, shown, within, vertices)
        frame = HeadFrame.between(self._neutral[self._border], vertices_model[self._border])
        around = lay_surroundings(image, shown, depth, camera, frame)
        face = _Part(vertices_model, _values(vertices[:, :2], skin.trust, skin.rgb), self._triangles)
        parts = (
            face,
            self._membranes(vertices_model, face),
            self._curtain(vertices_model, skin),
            self._shell_part(shown, camera, frame, skin),
        )
        return PhotoSurface(image, camera, parts, around, skin.visible)

    def _membranes(self, vertices_model: Array, face: _Part) -> _Part:
        """What closes eyes and mouth from behind, so that no slit lets the background through."""
        values = face.values.copy()
        values[:, 2] = 1.0  # between open lips the photograph shows teeth
        return _Part(vertices_model - [0, 0, INSIDE_MM], values, self._closing)

    def _curtain(self, vertices_model: Array, skin: Skin) -> _Part:
        """The skin's border continued backwards, in the shade."""
        border = vertices_model[self._border]
        middle = border.mean(axis=0)
        far = np.interp(border[:, 1], (-45.0, -10.0), CURTAIN_MM[::-1])
        behind = middle + (border - middle) * CURTAIN_DRAWN_IN
        behind[:, 2] = border[:, 2] - far
        count = len(border)
        here, there = np.arange(count), np.roll(np.arange(count), -1)
        # The border runs with its triangles: the curtain hangs on the other side of it.
        first = np.stack([there, here, here + count], axis=1)
        second = np.stack([there, here + count, there + count], axis=1)
        shaded = np.tile(skin.rgb[self._border] * SHADE, (2, 1))
        values = _values(np.zeros((2 * count, 2)), np.zeros(2 * count), shaded)
        return _Part(np.concatenate([border, behind]), values, np.concatenate([first, second]))

    def _shell_part(self, shown: Array, camera: WeakPerspective, frame: HeadFrame, skin: Skin) -> _Part:
        """The skull, covered with what the photograph shows of the hair, and a neck coloured as the chin."""
        source = camera.image_from_model(frame.carried(self._shell.sample_model))[:, :2]
        column, row = np.clip(source, 0, len(shown) - 1).astype(np.int64).T
        trust = self._shell.is_skull * (shown[row, column] > 0.99)
        chin, top = (skin.rgb[part].mean(axis=0) for part in (self._chin, self._top))
        rgb = np.where(self._shell.is_skull[:, None], top * HAIR_SHADE, chin * SHADE)
        vertices = frame.carried(self._shell.vertices_model)
        return _Part(vertices, _values(source, trust, rgb), self._shell.triangles)


@dataclass(frozen=True, slots=True)
class _Part:
    """Part of a surface; values are x, y in the photograph, trust in it, and the colour to use instead."""

    vertices_model: Array  # (V, 3) mm
    values: Array  # (V, 6)
    triangles: Array  # (T, 3)


def _values(source_xy: Array, trust: Array, rgb: Array) -> Array:
    return np.hstack([source_xy, trust[:, None], rgb]).astype(np.float32)


class PhotoSurface:
    """A square picture with one fitted face, as a surface in space; made by :class:`SurfaceGenerator`."""

    def __init__(
        self,
        image: Image8,
        camera: WeakPerspective,
        parts: tuple[_Part, ...],
        around: Surroundings,
        visible: Array,
    ) -> None:
        self._image = image
        self._visible = visible
        self._camera = camera
        self._around = around
        points = around.points_image.reshape(-1, 3)
        values = _values(points[:, :2], np.ones(len(points)), np.zeros((len(points), 3)))
        lattice = _Part(camera.model_from_image(points), values, around.triangles)
        parts = (*parts, lattice)
        starts = np.cumsum([0, *(len(part.vertices_model) for part in parts)])
        self._lattice_start = int(starts[-2])
        self._vertices = np.concatenate([part.vertices_model for part in parts]).astype(np.float64)
        self._values = np.concatenate([part.values for part in parts])
        shifted = [part.triangles + start for part, start in zip(parts, starts[:-1], strict=True)]
        self._triangles = np.concatenate(shifted).astype(np.int32)
        height = (self._vertices[:, 1] - STIFF_MM[0]) / (STIFF_MM[1] - STIFF_MM[0])
        self._with_head = np.clip(height, 0, 1)[:, None]
        self._with_head[: len(parts[0].vertices_model)] = 1.0

    def rotated(
        self,
        camera: WeakPerspective,
        background: Image8,
        *,
        body_turn: float = 1.0,
        keep_wall: bool = True,
    ) -> Image8:
        """The picture with the head at another pose.

        Args:
            camera: of the head in the new picture.
            background: (S, S, 3) uint8 RGB, as large as the new picture, shown where the surface is open.
            body_turn: how far the body turns with the head, 0 to 1.
            keep_wall: whether what is behind the person is turned, too; else all of it is `background`.
        """
        vertices = camera.image_from_model(self._vertices)
        if body_turn < 1:
            body = _body_camera(self._camera, camera, body_turn).image_from_model(self._vertices)
            vertices = vertices * self._with_head + body * (1 - self._with_head)
        lattice = vertices[self._lattice_start :].reshape(self._around.points_image.shape)
        alpha = np.ones(len(vertices), np.float32)
        kept = kept_lattice(lattice, MAX_STRETCH * CELL * camera.scale / self._camera.scale)
        kept = ndimage.uniform_filter(kept, 3, mode="nearest")  # a smooth cut
        if not keep_wall:
            kept = np.minimum(kept, 1 - self._around.wall)
        alpha[self._lattice_start :] = kept.ravel()
        drawn = draw_cut_out(vertices * FINER, alpha, self._triangles, FINER * len(background))
        return colored(*drawn, self._triangles, self._trusting(camera), self._image, background)

    def _trusting(self, camera: WeakPerspective) -> Array:
        """The vertices' values for a view: of one turned little, all that is seen is taken as it is."""
        near = 1 - float(angle_between(self._camera.rotation, camera.rotation)) / FULL_TRUST_TURN
        if near <= 0:
            return self._values
        values = self._values.copy()
        trust = values[: len(self._visible), 2]
        trust += near * np.maximum(self._visible - trust, 0)
        return values


def _body_camera(before: WeakPerspective, after: WeakPerspective, fraction: float) -> WeakPerspective:
    """The camera of a body that turns by a fraction of the head's turn about the base of the neck."""
    rotation = _partial_turn(after.rotation @ before.rotation.T, fraction) @ before.rotation
    body = WeakPerspective(rotation, after.scale, np.zeros(3))
    here, there = (c.image_from_model(NECK_BASE_MM) for c in (body, after))
    return WeakPerspective(rotation, after.scale, there - here)


def _partial_turn(turn: Array, fraction: float) -> Array:
    """A rotation by a fraction of another's angle, about its axis."""
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine = np.linalg.norm(axis) / 2
    angle = np.arctan2(sine, (np.trace(turn) - 1) / 2) * fraction
    if sine < 1e-9:
        return np.eye(3)
    x, y, z = axis / (2 * sine)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
