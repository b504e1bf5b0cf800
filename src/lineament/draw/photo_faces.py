"""The faces of one photo as the list that an aligner returns; in Jupyter it shows itself on the photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import SupportsIndex, overload

import numpy as np
from PIL import Image

from lineament import notebook
from lineament.draw.overlay import draw_overlay
from lineament.image import Picture, as_picture
from lineament.result import FaceResult, faces_table

SHOWN_PX = 640
"""Longer side of the picture shown, at most: an overlay then has some ten kB in a notebook."""


class PhotoFaces(list[FaceResult]):
    """A list of results that still knows their photo, for display alone.

    It equals the plain list. What is made of it by slicing knows the photo too; what is pickled, copied or
    added up is a plain list, since photos are large.

    Attributes:
        photo: the photo upright, an (H, W, 3) uint8 RGB array or a PIL image; not copied.
    """

    __slots__ = ("photo",)

    def __init__(self, faces: Iterable[FaceResult], photo: Picture) -> None:
        """The faces aligned on `photo`."""
        super().__init__(faces)
        self.photo = photo

    @overload
    def __getitem__(self, index: SupportsIndex) -> FaceResult: ...
    @overload
    def __getitem__(self, index: slice) -> PhotoFaces: ...
    def __getitem__(self, index: SupportsIndex | slice) -> FaceResult | PhotoFaces:
        """One face, or some of them still on their photo."""
        if isinstance(index, slice):
            return PhotoFaces(super().__getitem__(index), self.photo)
        return super().__getitem__(index)

    def __reduce__(self) -> tuple[type[list[FaceResult]], tuple[list[FaceResult]]]:
        """Pickled and copied as a plain list."""
        return list, ([*self],)

    def _repr_html_(self) -> str:
        """What Jupyter shows: the overlay, not above :data:`SHOWN_PX`, and a line a face."""
        picture = as_picture(self.photo)
        zoom = min(1.0, SHOWN_PX / max(picture.size))
        if zoom < 1:
            width, height = (max(1, round(side * zoom)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        overlay = draw_overlay(np.asarray(picture), [_zoomed(face, zoom) for face in self])
        shown = notebook.photo_tag(Image.fromarray(overlay), alt="the photo with its faces")
        return notebook.beside(shown, faces_table(self))


def _zoomed(face: FaceResult, zoom: float) -> FaceResult:
    """The face on a photo of another size, as far as an overlay draws it."""
    if zoom == 1:
        return face
    detection = replace(face.detection, box_xyxy=np.asarray(face.detection.box_xyxy) * zoom)
    pose = replace(face.pose, scale=face.pose.scale * zoom, translation=face.pose.translation * zoom)
    return replace(
        face,
        detection=detection,
        pose=pose,
        landmarks_image=face.landmarks_image * np.float32(zoom),
        vertices_image=face.vertices_image * np.float32(zoom),
    )
