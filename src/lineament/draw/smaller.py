"""A photo and its faces at a smaller size: pictures for people need no 24 megapixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.result import FaceResult

BAND_PX = 256  # rows that are made at a time


def smaller(
    photo: Image.Image, faces: Sequence[FaceResult], *, longer_px: int
) -> tuple[Image.Image, list[FaceResult]]:
    """The photo with its longer side at most so long, and its faces in that photo's frame.

    Args:
        photo: of mode RGB.
        faces: aligned on it.
        longer_px: px.

    Returns:
        Both as they were where the photo is small enough.
    """
    factor = longer_px / max(photo.size)
    if factor >= 1:
        return photo, list(faces)
    size_wh = (max(1, round(photo.width * factor)), max(1, round(photo.height * factor)))
    picture = Image.new("RGB", size_wh)
    for top in range(0, size_wh[1], BAND_PX):  # whole, Pillow would need a third of the photo's memory for it
        bottom = min(top + BAND_PX, size_wh[1])
        rows = (top * photo.height / size_wh[1], bottom * photo.height / size_wh[1])
        band = photo.resize(
            (size_wh[0], bottom - top), Image.Resampling.BILINEAR, box=(0, rows[0], photo.width, rows[1])
        )
        picture.paste(band, (0, top))
    return picture, [scaled_face(face, factor) for face in faces]


def scaled_face(face: FaceResult, factor: float) -> FaceResult:
    """The same face on a photo `factor` times as large; the head itself stays as it is."""
    detection = replace(face.detection, box_xyxy=np.asarray(face.detection.box_xyxy) * np.float32(factor))
    camera, box = face.camera, face.crop_box
    shown = face.shown
    scaled = replace(
        face,
        detection=detection,
        crop_box=_scaled_box(box, factor),
        shown=None if shown is None else replace(shown, box=_scaled_box(shown.box, factor)),
        camera=WeakPerspective(camera.rotation, camera.scale * factor, camera.translation * factor),
        landmarks_image=face.landmarks_image * np.float32(factor),
        vertices_image=face.vertices_image * np.float32(factor),
    )
    return scaled


def _scaled_box(box: CropBox, factor: float) -> CropBox:
    """The crop of a photo `factor` times as large."""
    center_xy = (box.center_xy[0] * factor, box.center_xy[1] * factor)
    return replace(box, center_xy=center_xy, side=box.side * factor)
