"""Samples made visible: their labels laid over the picture, and sheets of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.drawing.zbuffer import draw_mesh, interpolate
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import ImageMaps, PosedFace, Segment, image_maps, posed
from lineament.data.samples.sample import Sample
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import GROUPS_68

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

LIGHT = np.array([-0.25, -0.35, -0.9])  # towards the viewer's left above, image frame
SCHEME = "300w-lp"
OCCLUDER_COLOR = np.array([230, 40, 40], np.uint8)
VISIBLE_COLOR, HIDDEN_COLOR = (40, 255, 120), (255, 160, 40)


@dataclass(frozen=True, slots=True, repr=False)
class Layers:
    """A sample's labels as pictures of its size.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        mesh: (H, W, 4) uint8 RGBA, the whole mesh shaded, clear elsewhere.
        ncc: (H, W, 4), PNCC.
        depth: (H, W, 4), nearer is lighter.
        segments: (H, W, 4), face green, occluder red.
        landmarks: (68, 2) px.
        landmark_visible: (68,) bool, inside the picture and hidden neither by the head nor by an occluder.
    """

    picture: Image8
    mesh: Image8
    ncc: Image8
    depth: Image8
    segments: Image8
    landmarks: Array
    landmark_visible: NDArray[np.bool_]

    def points(self, *, scale: int = 3) -> Image8:
        """(scale H, scale W, 3) the enlarged picture with the outlines of its landmarks; hidden: orange."""
        height, width = self.picture.shape[:2]
        large = Image.fromarray(self.picture).resize(
            (scale * width, scale * height), Image.Resampling.BICUBIC
        )
        pen = ImageDraw.Draw(large)
        points = [tuple(point) for point in (scale * self.landmarks).tolist()]
        for group in GROUPS_68:
            pen.line([points[number] for number in group.strip], fill=(255, 255, 255), width=1)
        for (x, y), visible in zip(points, self.landmark_visible):
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=VISIBLE_COLOR if visible else HIDDEN_COLOR)
        return np.asarray(large)

    def over_picture(self, layer: Image8, *, opacity: float) -> Image8:
        """(H, W, 3) the picture with an RGBA layer over it."""
        fraction = layer[..., 3:].astype(np.float32) / 255 * opacity
        return (self.picture * (1 - fraction) + layer[..., :3] * fraction).astype(np.uint8)


class LayerPainter:
    """Draws the layers of samples of one face model.

    Args:
        model: the face model of the samples.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        self._surface = LabelSurface.of(model)

    def layers(self, sample: Sample) -> Layers:
        """All layers of one sample."""
        face = posed(sample.labels, self._model, size_hw=sample.size_hw)
        maps = image_maps(face, self._surface)
        landmarks = face.landmarks_image(SCHEME)
        visible = (face.landmark_visibility(SCHEME) > 0.5) & face.shown(landmarks)
        return Layers(
            picture=sample.image,
            mesh=self._shaded(face),
            ncc=_rgba(maps.ncc * 255, maps.surface),
            depth=_depth_picture(maps),
            segments=_segment_picture(maps),
            landmarks=landmarks[:, :2].astype(float),
            landmark_visible=visible,
        )

    def _shaded(self, face: PosedFace) -> Image8:
        """(H, W, 4) the mesh in grey under a light, with eyes and teeth."""
        triangles = self._model.triangles
        raster = draw_mesh(face.vertices_image, triangles, size_hw=face.size_hw)
        normals = vertex_normals(face.vertices_image, triangles)
        # A mesh of the image frame is right-handed too, so its normals still point outside.
        light = np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
        shade = interpolate(raster, triangles, (70 + 185 * light)[:, None].astype(np.float32))
        return _rgba(np.repeat(shade, 3, axis=2), raster.triangle_index >= 0)


def sample_sheet(layers: Sequence[Layers], *, columns: int = 4, tile: int = 200) -> Image8:
    """Samples in a grid, each as its picture, with the outlines of landmarks, the mesh and the segments.

    Args:
        layers: of each sample.
        columns: samples in a row.
        tile: side of each of a sample's four pictures, px.
    """
    blocks = [_block(one, tile) for one in layers]
    while len(blocks) % columns:
        blocks.append(np.full_like(blocks[0], 255))
    rows = [np.concatenate(blocks[i : i + columns], axis=1) for i in range(0, len(blocks), columns)]
    return np.concatenate(rows)


def _block(layers: Layers, tile: int) -> Image8:
    """(2 tile, 2 tile, 3) the four pictures of one sample, with a thin border."""
    pictures = (
        layers.picture,
        layers.points(),
        layers.over_picture(layers.mesh, opacity=0.8),
        layers.over_picture(layers.segments, opacity=0.6),
    )
    a, b, c, d = (_resized(picture, tile) for picture in pictures)
    block = np.concatenate([np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)])
    block[:2], block[:, :2] = 255, 255
    return block


def _resized(picture: Image8, side: int) -> Image8:
    return np.array(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def _depth_picture(maps: ImageMaps) -> Image8:
    known = maps.depth[maps.surface]
    if not len(known):
        return np.zeros((*maps.surface.shape, 4), np.uint8)
    near, far = float(known.min()), float(known.max())
    fraction = np.where(maps.surface, (far - maps.depth) / max(far - near, 1e-6), 0)
    return _rgba(np.repeat((40 + 215 * fraction)[..., None], 3, axis=2), maps.surface)


def _segment_picture(maps: ImageMaps) -> Image8:
    picture = np.zeros((*maps.surface.shape, 4), np.uint8)
    picture[maps.face] = (40, 200, 90, 255)
    picture[maps.segmentation == Segment.OCCLUDER] = (*OCCLUDER_COLOR, 255)
    return picture


def _rgba(color: Array, inside: NDArray[np.bool_]) -> Image8:
    clipped = np.clip(color, 0, 255).astype(np.uint8)
    return np.concatenate([clipped, np.where(inside, 255, 0).astype(np.uint8)[..., None]], axis=2)
