"""What several methods say of one photo, side by side: overlays above, masks of the face below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.draw.canvas import Photo
from lineament.draw.overlay import draw_overlay
from lineament.draw.sheet import PAPER_RGB, contact_sheet
from lineament.draw.smaller import scaled_face
from lineament.errors import ImageError
from lineament.image import check_image
from lineament.result import FaceResult
from lineament.several import Names

MASK_RGB = (60, 220, 130)
MASK_OPACITY = 0.6
LAYERS_COMPARED = ("mesh", "landmarks", "axes")
MARGIN = 0.6
"""Of the faces' boxes, around them: what is further away is cut off."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A method's tile.

    Attributes:
        name: of the method or weights.
        faces: its results for the photo.
        note: what is said of them, such as their time; empty for nothing.
    """

    name: str
    faces: Sequence[FaceResult]
    note: str = ""

    @property
    def masked(self) -> list[FaceResult]:
        """The faces of which the method says what is in front of them."""
        return [face for face in self.faces if face.sees_occluders and face.is_finite]


def comparison(
    photo: Photo, compared: Sequence[Compared], *, layers: Names = LAYERS_COMPARED, tile: int = 480
) -> Photo:
    """A sheet of tiles: the photo, then each method's overlay; below them the masks of those that have some.

    All tiles show the same part of the photo, that with the faces.

    Args:
        photo: (H, W, 3) uint8 RGB.
        compared: methods, in the order of their tiles.
        layers: of the overlays, see :data:`LAYERS`.
        tile: side of a tile, px.

    Raises:
        ImageError: no method, or the photo is no such array.
        ConfigError: an unknown layer.
    """
    if not compared:
        raise ImageError("There is nothing to compare: give at least one method.")
    part = part_with_faces(check_image(photo), [face for one in compared for face in one.faces])
    factor = min(1.0, tile / max(part[1].stop - part[1].start, part[0].stop - part[0].start))
    picture, compared = _at_size(photo, compared, factor)
    rows, columns = (slice(round(side.start * factor), round(side.stop * factor)) for side in part)
    pictures, captions = [picture[rows, columns]], ["photograph"]
    for one in compared:
        pictures.append(draw_overlay(picture, one.faces, layers=layers, opacity=0.4)[rows, columns])
        captions.append(f"{one.name}: {one.note}" if one.note else one.name)
    per_row = len(pictures)
    if any(one.masked for one in compared):
        empty = np.full((8, 8, 3), PAPER_RGB, np.uint8)
        pictures.append(empty)
        captions.append("")
        for one in compared:
            pictures.append(_with_mask(picture, one.masked)[rows, columns] if one.masked else empty)
            captions.append(f"{one.name}: mask" if one.masked else "")
    return contact_sheet(pictures, captions=captions, columns=per_row, tile=tile)


def part_with_faces(photo: Photo, faces: Sequence[FaceResult]) -> tuple[slice, slice]:
    """Rows and columns of the photo that show the faces and some of what is around; all without any face."""
    height, width = photo.shape[:2]
    boxes = np.array([face.detection.box_xyxy for face in faces], float).reshape(-1, 4)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return slice(0, height), slice(0, width)
    around = MARGIN * (boxes[:, 2:] - boxes[:, :2]).max(axis=0)
    low, high = boxes[:, :2].min(axis=0) - around, boxes[:, 2:].max(axis=0) + around
    left, top = np.floor(np.clip(low, 0, (width - 1, height - 1))).astype(int)
    right, bottom = np.ceil(np.clip(high, (left + 1, top + 1), (width, height))).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _at_size(photo: Photo, compared: Sequence[Compared], factor: float) -> tuple[Photo, Sequence[Compared]]:
    """The photo and the faces that have a place on it, both `factor` times as large."""
    size_wh = tuple(max(1, round(side * factor)) for side in photo.shape[1::-1])
    picture = photo if factor == 1 else np.array(Image.fromarray(photo).resize(size_wh, Image.Resampling.BOX))
    found = []
    for one in compared:
        faces = [face for face in one.faces if face.is_finite]
        found.append(replace(one, faces=[scaled_face(face, factor) for face in faces]))
    return picture, found


def _with_mask(photo: Photo, faces: Sequence[FaceResult]) -> Photo:
    """The photo, green where it shows the skin of a face."""
    alpha = np.max([face.face_mask(photo.shape[:2]) for face in faces], axis=0)[..., None] * MASK_OPACITY
    mixed: NDArray[np.floating] = photo * (1 - alpha) + np.array(MASK_RGB) * alpha
    return np.round(mixed).astype(np.uint8)
