"""Which pixels and landmarks of a picture show a face itself: the truth for masks and visibility."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask, vertex_visibility
from lineament.data.labels.label_surface import closing_membranes
from lineament.data.occlusion.natural import hull_mask
from lineament.evaluate.items import LFM_FACE, EvaluationItem, FaceRegion
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
class PackedRegion:
    """A region kept in an eighth of its bytes, without the margins where nothing counts.

    Attributes:
        bits: of face, shown and counted within the window.
        window: (rows, columns) of the picture.
        size_hw: of the picture.
    """

    bits: NDArray[np.uint8]
    window: tuple[slice, slice]
    size_hw: tuple[int, int]

    @classmethod
    def of(cls, region: FaceRegion) -> PackedRegion:
        """Pack a region."""
        rows, columns = (np.flatnonzero(region.counted.any(axis=axis)) for axis in (1, 0))
        window = (slice(0, 0), slice(0, 0))
        if len(rows):
            window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        masks = np.stack([region.face[window], region.shown[window], region.counted[window]])
        return cls(np.packbits(masks), window, (region.counted.shape[0], region.counted.shape[1]))

    def open(self) -> FaceRegion:
        """The region."""
        height, width = (side.stop - side.start for side in self.window)
        masks = np.unpackbits(self.bits, count=3 * height * width).reshape(3, height, width).astype(bool)
        whole = np.zeros((3, *self.size_hw), bool)
        whole[:, self.window[0], self.window[1]] = masks
        return FaceRegion(face=whole[0], shown=whole[1], counted=whole[2])


def truth_behind(item: EvaluationItem, hidden: Mask) -> tuple[Mask, FaceRegion]:
    """Of an item before which something was laid: landmarks that the head itself shows, and its region.

    Where the item knows its surface on LFM's vertices, that decides, and the whole picture counts. Elsewhere
    the mean head does, carried onto the 68 landmarks by a similarity, and only what lies within their hull
    counts: how far a forehead or an ear reaches is not known there.

    Args:
        item: with 68 landmarks (68, 3) px of one of LFM's schemes, z away from the viewer.
        hidden: (H, W) what the occluder hides.

    Returns:
        (68,) bool, and the region.
    """
    points = next(iter(item.landmarks.values()))
    surface = None if item.surface is None else item.surface()
    if surface is not None and surface.topology == LFM_FACE:
        face, exact = surface.vertices_image, True
    else:
        face, exact = _mean_face(points, item.scheme), False
    layout = load_builtin().schemes[item.scheme]
    visible = vertex_visibility(face, _skin())[layout.vertex_index].max(axis=1) > SEEN
    return visible, _region(face, points[:, :2], hidden, exact=exact)


def _region(face_image: Array, landmarks_xy: Array, hidden: Mask, *, exact: bool) -> FaceRegion:
    size_hw = (hidden.shape[0], hidden.shape[1])
    closed = _closed_skin()
    raster = draw_mesh(face_image, closed, size_hw=size_hw)
    opening = raster.triangle_index >= len(_skin())
    surface = facing_mask(raster, closed, face_image) & ~opening
    openings = opening | _rings(size_hw, landmarks_xy)
    counted = ~openings if exact else surface & ~openings & hull_mask(size_hw, landmarks_xy)
    face = surface & counted
    return FaceRegion(face=face, shown=face & ~hidden, counted=counted)


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
def _closed_skin() -> NDArray[np.int32]:
    """(M, 3) the skin's triangles, then those across the openings of eyes and mouth."""
    model = load_builtin()
    assert model.uv is not None
    return np.concatenate([_skin(), *closing_membranes(_skin(), model.uv)]).astype(np.int32)


def _rings(size_hw: tuple[int, int], landmarks_xy: Array) -> Mask:
    picture = Image.new("1", (size_hw[1], size_hw[0]))
    draw = ImageDraw.Draw(picture)
    for ring in RINGS:
        draw.polygon([(float(x), float(y)) for x, y in landmarks_xy[ring] - 0.5], fill=1, outline=1)
    return np.asarray(picture, bool)
