"""Photographs aligned several at a time, where that gives each of them what it gets by itself, to the bit.

Networks run quicker on several faces. On a CPU, of the weights that come with lineament, no face depends on
the others (``tests/batch/test_together.py``); other weights or machines may differ, so the
first photographs are aligned both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.errors import LineamentError
from lineament.result import AlignedPhoto, FaceResult


class TogetherAligner:
    """Aligns photographs, several at a time where that changes nothing."""

    def __init__(self, aligner: Any, *, may_join: bool) -> None:  # noqa: ANN401 - a FaceAligner, or like one
        """Nothing is aligned yet.

        Args:
            aligner: a :class:`lineament.FaceAligner`.
            may_join: False aligns one photograph at a time, as on a GPU, which rounds by the batch.
        """
        self._aligner, self._may_join, self._is_tried = aligner, may_join, False

    def __call__(self, photos: Sequence[Image.Image]) -> list[AlignedPhoto]:
        """One each, in order; what one fails of does not concern the others."""
        if len(photos) > 1 and self._may_join:
            found: list[AlignedPhoto] = self._aligner.align_together(photos)
            if self._is_tried or self._changes_nothing(photos, found):
                return found
            self._may_join = False
        return [self.alone(photo) for photo in photos]

    def alone(self, photo: Image.Image, boxes: NDArray[np.floating] | None = None) -> AlignedPhoto:
        """A photograph by itself; of boxes, (n, 4) px, each is a face."""
        try:
            return AlignedPhoto(source=photo, faces=self._aligner(photo, boxes=boxes))
        except LineamentError as error:
            return AlignedPhoto(source=photo, faces=[], error=error)

    def _changes_nothing(self, photos: Sequence[Image.Image], found: Sequence[AlignedPhoto]) -> bool:
        """Whether the first photograph with a face gives the same by itself, which is tried once."""
        pair = next((pair for pair in zip(photos, found, strict=True) if pair[1].faces), None)
        if pair is None:
            return True  # tried where there is a face
        self._is_tried = True
        return are_alike(pair[1], self.alone(pair[0]))


def are_alike(one: AlignedPhoto, other: AlignedPhoto) -> bool:
    """Whether two results of a photo are the same to the bit."""
    if str(one.error) != str(other.error) or len(one.faces) != len(other.faces):
        return False
    pairs = zip(one.faces, other.faces, strict=True)
    return all(
        np.array_equal(a, b, equal_nan=True)
        for mine, its in pairs
        for a, b in zip(_numbers(mine), _numbers(its), strict=True)
    )


def _numbers(face: FaceResult) -> tuple[Any, ...]:
    """What says all of a face: its mesh follows from its coefficients, if it has any."""
    uncertainty = np.nan if face.uncertainty_mm is None else face.uncertainty_mm
    shown = () if face.shown is None else (face.shown.values,)
    camera = face.camera
    where = (camera.rotation, camera.scale, camera.translation, face.detection.box_xyxy, face.crop_box.side)
    return (face.vertices_image, face.landmarks_image, uncertainty, *where, *shown)
