"""One scene on its way to a picture: placed, drawn into a z-buffer, given hair, lit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.fitting.fitted import Mask
from lineament.data.heads.eyes import gaze_directions
from lineament.data.render.body import BodyMesh
from lineament.data.render.hair import hair_field
from lineament.data.render.kernels import (
    BODY,
    EYE,
    MOUTH,
    SKIN,
    TEETH,
    draw_depth,
    draw_onto,
    normals_of,
)
from lineament.data.render.lighting import shadow_frame
from lineament.data.render.roots import HeadRoots, head_roots
from lineament.data.render.scene import RenderConfig, Scene
from lineament.data.render.shading import ALBEDO, HAIR, LIGHT, NORMAL, REST, WIDTH, hidden_skin, shade
from lineament.data.render.strands import draw_strands
from lineament.data.render.styling import Strands, strands_of
from lineament.data.render.teeth import Teeth
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.morphable import MorphableModel
from lineament.models.texture import sampled

Array = NDArray[np.floating]

EYE_RADIUS_MM = 15.1
SHADOW_SIZE, SHADOW_MM, SHADOW_BIAS_MM = 200, 200.0, 4.5
"""Side of the shadow map, px, half of what it spans, mm, and how far behind a surface its shadow begins."""
MOUTH_RGB = (0.09, 0.02, 0.02)
NECK_TONE = 0.82
"""Of the neck against the cheeks, in linear light."""
SPECK = 0.0075
"""Standard deviation, in sides of the picture, over which masks are made whole."""
NOISE = 256


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered face before it is a picture.

    Attributes:
        light: (h, w, 3) float32 linear light of what is drawn, weighted by its cover.
        cover: (h, w) float32, how much of a pixel is covered.
        occlusion: (h, w) bool, where something lies in front of the face.
        skin: (h, w) bool, where the face itself (with eyes and mouth) is what is seen or would be.
    """

    light: Array
    cover: Array
    occlusion: Mask
    skin: Mask


@dataclass(frozen=True, slots=True, repr=False)
class RenderTables:
    """What all pictures of a face model share.

    Attributes:
        body: skull, neck and shoulders.
        teeth: behind the lips.
        triangles: (M, 3) of the face model, the teeth and the body; vertices: face model, body, teeth.
        material: (M,) uint8.
        face_count: how many triangles are not the body's.
        rest: (V, 3) float32 mm, of face model and body.
        roots: where hair starts.
        uv: (V', 2) float32 places on the chart, zero beyond the face model's.
        noise: (NOISE, NOISE) float32, tiling.
        casting: (M', 3) triangles that cast shadows.
    """

    body: BodyMesh
    teeth: Teeth
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]
    face_count: int
    rest: Array
    roots: HeadRoots
    uv: Array
    noise: Array
    casting: NDArray[np.int32]

    @classmethod
    def of(cls, model: MorphableModel) -> RenderTables:
        """Tables for a face model with a chart, eyeballs and a mouth."""
        body, teeth = BodyMesh.of(model), Teeth.of(model)
        head = len(model.neutral_model) + len(body.rest_model)
        parts = [model.triangles, teeth.triangles + head, body.triangles]
        material = np.full(len(model.triangles), SKIN, np.uint8)
        for name, value in (("eyeballs", EYE), ("mouth", MOUTH)):
            first, last = model.parts[name]
            material[first:last] = value
        kinds = [material, np.full(len(parts[1]), TEETH, np.uint8), np.full(len(parts[2]), BODY, np.uint8)]
        uv = np.zeros((head + len(teeth.rest_model), 2), np.float32)
        uv[: len(model.neutral_model)] = model.uv
        first, last = model.parts["face"]
        return cls(
            body=body,
            teeth=teeth,
            triangles=np.ascontiguousarray(np.concatenate(parts), np.int32),
            material=np.concatenate(kinds),
            face_count=len(parts[0]) + len(parts[1]),
            rest=np.concatenate([model.neutral_model, body.rest_model]).astype(np.float32),
            roots=head_roots(model, body),
            uv=uv,
            noise=_noise(),
            casting=np.concatenate([model.triangles[first:last], body.triangles]).astype(np.int32),
        )


def _noise() -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    layers = [
        ndimage.gaussian_filter(rng.normal(0, s, (NOISE, NOISE)), s, mode="wrap") for s in (0.6, 1.5, 4)
    ]
    noise = np.sum(layers, axis=0)
    return (noise / noise.std()).astype(np.float32)


def without_specks(hidden: Mask, face: Mask) -> Mask:
    """What hides the face as a mask of whole areas: no single hairs, no gaps between many.

    A pixel is hidden where most of the face around it is: a hair of a pixel's width hides nothing that
    could be learned from.

    Args:
        hidden: (h, w) bool, pixels where something is in front.
        face: (h, w) bool, the pixels of the face.
    """
    reach = SPECK * len(hidden)
    fraction = ndimage.gaussian_filter(hidden.astype(np.float32), reach)
    return face & (fraction > 0.5 * ndimage.gaussian_filter(face.astype(np.float32), reach))


class Drawing:
    """One scene, placed and ready to be drawn.

    Args:
        model: the face model.
        tables: of the same model.
        scene: what to draw.
        config: size and fineness of the picture.
    """

    def __init__(
        self, model: MorphableModel, tables: RenderTables, scene: Scene, config: RenderConfig
    ) -> None:
        self.model, self.tables, self.scene, self.config = model, tables, scene, config
        self.scale = np.float32(scene.camera.scale * config.factor)
        self.offset = (scene.camera.translation * config.factor).astype(np.float32)
        shape = np.asarray(model.vertices_model(scene.identity, scene.expression), np.float32)
        tube = tables.body.vertices_model(model, shape, neck=scene.neck)
        row = tables.teeth.vertices_model(model, scene.identity, scene.expression)
        turn = scene.camera.rotation.astype(np.float32)
        bent = tables.body.bent(tube, scene.camera.rotation, scene.shoulders)
        self.head = np.concatenate([shape, tube])  # mm, model frame, before the neck bends
        self.rotated = np.concatenate([shape @ turn.T, bent, row @ turn.T])  # mm, axes of the model frame
        self.normals = np.zeros_like(self.rotated)
        normals_of(self.rotated, tables.triangles, self.normals)
        self.to_light, self.shadow = self._shadow()

    def in_picture(self, rotated: Array) -> Array:
        """(V, 3) float32 px of the fine picture of turned places in mm."""
        return rotated * (self.scale * PICTURE_AXES.astype(np.float32)) + self.offset

    def rendered(self) -> Rendered:
        """Draw everything."""
        fine, tables = self.config.size * self.config.factor, self.tables
        index = np.full((fine, fine), -1, np.int32)
        weights = np.zeros((fine, fine, 2), np.float32)
        depth = np.full((fine, fine), np.inf, np.float32)
        placed, count = self.in_picture(self.rotated), tables.face_count
        draw_onto(placed, tables.triangles[:count], 0, False, index, weights, depth)
        skin = index.copy()
        draw_onto(placed, tables.triangles[count:], count, True, index, weights, depth)
        strand = np.zeros((fine, fine), np.uint8)
        strand_rgb = np.zeros((fine, fine, 3), np.float32)
        field = hair_field(tables.rest, self.scene.hair)
        for strands in self._strands():
            self._draw_strands(strands, depth, strand, strand_rgb)
        return self._shaded(index, weights, depth, strand, strand_rgb, field, skin)

    def _shaded(
        self,
        index: Array,
        weights: Array,
        depth: Array,
        strand: Array,
        strand_rgb: Array,
        field: Array,
        skin: Array,
    ) -> Rendered:
        scene, tables, config = self.scene, self.tables, self.config
        attributes = self._attributes(field)
        light = np.zeros((config.size, config.size, 3), np.float32)
        cover = np.zeros((config.size, config.size), np.float32)
        under_hair = (scene.hair.rgb * 0.5 + 0.008).astype(np.float32)
        shade(
            index, weights, depth, strand, strand_rgb, tables.triangles, tables.material, attributes,
            tables.uv, np.square(scene.albedo), tables.noise, self._key(), self.to_light, self.shadow,
            np.float32(SHADOW_BIAS_MM), scene.skin, under_hair, self._eyes(), scene.clothes, config.factor,
            light, cover,
        )  # fmt: skip
        hair = np.ascontiguousarray(attributes[:, HAIR])
        occlusion, visible = hidden_skin(
            skin, index, strand, tables.triangles, tables.material, attributes, hair, config.factor
        )
        return Rendered(light, cover, without_specks(occlusion, visible), visible)

    def _attributes(self, field: Array) -> NDArray[np.float32]:
        """(V, WIDTH) what is interpolated over the triangles."""
        scene, tables, count = self.scene, self.tables, len(self.model.neutral_model)
        head = len(tables.rest)
        out = np.zeros((len(self.rotated), WIDTH), np.float32)
        out[:, LIGHT : LIGHT + 3] = scene.light.irradiance(self.normals)
        out[:, NORMAL : NORMAL + 3] = self.normals
        out[count:head, ALBEDO : ALBEDO + 3] = self._neck()
        border = np.unique(tables.body.column)
        out[border, ALBEDO : ALBEDO + 3] = np.square(sampled(scene.albedo, tables.uv[border]))
        first, last = self.model.parts["mouth"]
        out[np.unique(self.model.triangles[first:last]), ALBEDO : ALBEDO + 3] = MOUTH_RGB
        # A shorn head shows its skin between the hairs.
        out[:head, HAIR] = field * min(1.0, 0.45 + scene.hair.length_mm / 25)
        out[count:head, REST : REST + 3] = tables.rest[count:]
        out[head:, ALBEDO : ALBEDO + 3] = tables.teeth.albedo
        out[head:, REST] = tables.teeth.count
        self._paint_gaze(out)
        return out

    def _neck(self) -> Array:
        """(V, 3) linear skin of the tube: the border's own colour goes over into that of the neck."""
        body = self.tables.body
        cheeks = self.scene.skin_rgb
        border = np.square(sampled(self.scene.albedo, self.tables.uv[body.column]))
        fraction = body.near_border[:, None]
        return border * fraction + cheeks * NECK_TONE * (1 - fraction)

    def _paint_gaze(self, attributes: Array) -> None:
        """Give the eyeballs their places about the gaze: z along it."""
        first, last = self.model.parts["eyeballs"]
        vertices = np.unique(self.model.triangles[first:last])
        left, right = np.array_split(vertices, 2)
        for ball, gaze in zip((left, right), gaze_directions(self.model, self.scene.expression), strict=True):
            centre = self.head[ball[0]] - np.float32([0, 0, EYE_RADIUS_MM])
            outward = self.head[ball] - centre
            outward /= np.linalg.norm(outward, axis=1, keepdims=True)
            aside = np.cross([0.0, 1.0, 0.0], gaze)
            aside /= np.linalg.norm(aside)
            frame = np.stack([aside, np.cross(gaze, aside), gaze])
            attributes[ball, REST : REST + 3] = outward @ frame.T

    def _eyes(self) -> NDArray[np.float32]:
        eyes = self.scene.eyes
        phase = eyes.seed % 1000 / 159.0
        return np.array(
            [*np.square(eyes.iris_rgb), *np.square(eyes.sclera_rgb), eyes.pupil, phase, 0.35], np.float32
        )

    def _key(self) -> NDArray[np.float32]:
        light = self.scene.light
        half = light.key_direction + np.array([0.0, 0.0, 1.0])
        return np.array([*light.key_direction, *light.key_rgb, *half / np.linalg.norm(half)], np.float32)

    def _shadow(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """From the fine picture to the shadow map (3, 4), and the map: depth in mm along the light."""
        to_map = shadow_frame(self.scene.light.key_direction, SHADOW_SIZE, SHADOW_MM)
        shadow = np.full((SHADOW_SIZE, SHADOW_SIZE), np.inf, np.float32)
        visible = (self.rotated @ to_map[:, :3].T + to_map[:, 3]).astype(np.float32)
        draw_depth(visible, self.tables.casting, shadow)
        back = PICTURE_AXES / float(self.scale)
        linear = to_map[:, :3] * back
        shift = to_map[:, 3] - linear @ self.offset.astype(float)
        return np.concatenate([linear, shift[:, None]], axis=1).astype(np.float32), shadow

    def _strands(self) -> Iterator[Strands]:
        rng = np.random.default_rng(self.scene.seed)
        return strands_of(self.scene, self.tables.roots, self.head, rng)

    def _draw_strands(self, strands: Strands, depth: Array, strand: Array, strand_rgb: Array) -> None:
        light, rotation = self.scene.light, self.scene.camera.rotation.astype(np.float32)
        points = np.ascontiguousarray(self.in_picture(strands.points_model @ rotation.T))
        ambient = light.irradiance(np.array([[0.0, 0.5, 0.86]]))[0]
        draw_strands(
            points, strands.albedo, strands.width_mm * self.scale, strands.taper, ambient.astype(np.float32),
            (light.key_direction * PICTURE_AXES).astype(np.float32), light.key_rgb.astype(np.float32),
            strands.shine, strands.root_shade, self.to_light, self.shadow, np.float32(SHADOW_BIAS_MM + 2),
            strands.kind, np.float32(strands.lift_mm * self.scale), depth, strand, strand_rgb,
        )  # fmt: skip
