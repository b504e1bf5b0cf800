"""Photos of many, read one after the other: a bad one does not stop the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lineament.errors import LineamentError
from lineament.image import ImageSource, Picture, read_picture, several, size_wh


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo of many, read ahead, or why it cannot be read."""

    source: ImageSource
    picture: Picture | None
    error: LineamentError | None = None


def decoded(images: Iterable[ImageSource]) -> Iterator[DecodedPhoto]:
    """Each of the photos that are meant, read upright.

    Raises:
        ConfigError: a single picture that is no path.
    """
    for image in several(images):
        try:
            picture = read_picture(image)
        except LineamentError as error:
            yield DecodedPhoto(image, None, error)
        else:  # an array is the caller's, who may fill it anew before it is aligned
            yield DecodedPhoto(image, picture.copy() if isinstance(picture, np.ndarray) else picture)


def groups_of(photos: Iterable[DecodedPhoto], count: int, *, pixels: int) -> Iterator[list[DecodedPhoto]]:
    """So many photos each, fewer where they have more pixels together."""
    group: list[DecodedPhoto] = []
    so_far = 0
    for photo in photos:
        group.append(photo)
        so_far += 0 if photo.picture is None else math.prod(size_wh(photo.picture))
        if len(group) >= count or so_far >= pixels:
            yield group
            group, so_far = [], 0
    if group:
        yield group
