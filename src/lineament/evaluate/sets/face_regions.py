"""Which pixels and landmarks of a picture show a face itself: the truth for masks and visibility."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask, vertex_visibility
from lineament.data.labels.label_surface import closing_membranes
from lineament.data.occlusion.natural import hull_mask
from lineament.evaluate.items import EvaluationItem, FaceRegion
from lineament.evaluate.scores.surfaces import FACE_VERTICES
from lineament.geometry.similarity import fit_similarity
from lineament.models.builtin import load_builtin

Array: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]

RINGS = (slice(36, 42), slice(42, 48), slice(60, 68))
"""Eyes and the mouth's opening: some methods count them as face, others do not."""
SEEN = 0.5
IMAGE_FROM_MODEL = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, slots=True, eq=False)
class PackedMask:
    """A (H, W) bool mask in an eighth of its bytes."""

    bits: NDArray[np.uint8]
    size_hw: tuple[int, int]

    @classmethod
    def of(cls, mask: Mask) -> PackedMask:
        """Pack a mask."""
        return cls(np.packbits(mask), (mask.shape[0], mask.shape[1]))

    def open(self) -> Mask:
        """The mask."""
        height, width = self.size_hw
        return np.unpackbits(self.bits, count=height * width).reshape(self.size_hw).astype(bool)


def with_truth_behind(item: EvaluationItem, hidden: Mask) -> tuple[Mask, Callable[[], FaceRegion]]:
    """Of an item before which something was laid: landmarks the head itself shows, and what opens its region.

    Where the item knows its surface on LFM's vertices, that decides, and the whole picture counts. Elsewhere
    the mean head does, carried onto the 68 landmarks by a similarity, and only what lies within their hull
    counts: how far a forehead or an ear reaches is not known there.

    Args:
        item: with 68 landmarks (68, 3) px of one of LFM's schemes, z away from the viewer.
        hidden: (H, W) what the occluder hides.

    Returns:
        (68,) bool, and a function that gives the region.
    """
    points = next(iter(item.landmarks.values()))
    known = item.surface is not None and item.surface().topology == "lfm-face"
    face = _true_face(item) if known else _mean_face(points, item.scheme)
    region = partial(_region, item, PackedMask.of(hidden), exact=known)
    layout = load_builtin().schemes[item.scheme]
    visible = vertex_visibility(face, _skin())[layout.vertex_index].max(axis=1) > SEEN
    return visible, region


def _region(item: EvaluationItem, hidden: PackedMask, *, exact: bool) -> FaceRegion:
    points = next(iter(item.landmarks.values()))
    face = _true_face(item) if exact else _mean_face(points, item.scheme)
    skin = _skin()
    closed = np.concatenate([skin, _membranes()])
    raster = draw_mesh(face, closed, size_hw=hidden.size_hw)
    outside = facing_mask(raster, closed, face)
    opening = raster.triangle_index >= len(skin)
    surface = outside & ~opening
    openings = opening | _rings(hidden.size_hw, points[:, :2])
    counted = ~openings if exact else surface & ~openings & hull_mask(hidden.size_hw, points[:, :2])
    face_pixels = surface & counted
    return FaceRegion(face=face_pixels, shown=face_pixels & ~hidden.open(), counted=counted)


def _true_face(item: EvaluationItem) -> Array:
    assert item.surface is not None
    return item.surface().vertices_image


def _mean_face(landmarks_image: Array, scheme: str) -> Array:
    """(8683, 3) px: LFM's face at rest, turned, scaled and moved onto landmarks."""
    model = load_builtin()
    points = model.landmark_points(scheme).neutral_model.astype(np.float64) * IMAGE_FROM_MODEL
    fit = fit_similarity(points, landmarks_image)
    return fit.apply(model.neutral_model[:FACE_VERTICES].astype(np.float64) * IMAGE_FROM_MODEL)


@cache
def _skin() -> NDArray[np.int32]:
    model = load_builtin()
    return np.ascontiguousarray(model.triangles[slice(*model.parts["face"])], np.int32)


@cache
def _membranes() -> NDArray[np.int32]:
    model = load_builtin()
    assert model.uv is not None
    return np.concatenate(closing_membranes(_skin(), model.uv)).astype(np.int32)


def _rings(size_hw: tuple[int, int], landmarks_xy: Array) -> Mask:
    picture = Image.new("1", (size_hw[1], size_hw[0]))
    draw = ImageDraw.Draw(picture)
    for ring in RINGS:
        draw.polygon([(float(x), float(y)) for x, y in landmarks_xy[ring] - 0.5], fill=1, outline=1)
    return np.asarray(picture, bool)
