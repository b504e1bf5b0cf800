"""Photos of many, read one by one and aligned several at a time: a bad one does not stop the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from lineament.errors import LineamentError
from lineament.image import ImageSource, Picture, read_picture, several, size_wh
from lineament.result import AlignedPhoto, Detection, FaceResult

PIXELS_AT_ONCE = 50_000_000
"""Of the photos of a group together: they are all in memory."""


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo of many, read ahead, or why it cannot be read."""

    source: ImageSource
    picture: Picture | None
    error: LineamentError | None = None


@dataclass(frozen=True, slots=True)
class SearchedPhoto:
    """A photo with the places where faces may be; none where it cannot be read or searched.

    Attributes:
        source: what was given.
        places: the picture and a detection each.
        error: why it has none.
    """

    source: ImageSource
    places: Sequence[tuple[Picture, Detection]] = ()
    error: LineamentError | None = None


Detect = Callable[[Picture], list[Detection]]
Align = Callable[[Sequence[Picture], Sequence[Detection]], list[FaceResult | None]]


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


def groups_of(
    photos: Iterable[DecodedPhoto], count: int, *, pixels: int = PIXELS_AT_ONCE
) -> Iterator[list[DecodedPhoto]]:
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


def align_group(group: Sequence[DecodedPhoto], detect: Detect, align: Align) -> Iterator[AlignedPhoto]:
    """The photos of a group, aligned together; one after the other where that fails.

    Args:
        group: the photos.
        detect: finds the faces of one.
        align: gives the face of each place on the photo beside it, or None for what is no face.
    """
    searched = [_searched(photo, detect) for photo in group]
    try:
        faces = iter(_aligned([place for photo in searched for place in photo.places], align))
    except LineamentError:  # of one of them, which is to be named
        yield from (_aligned_alone(photo, align) for photo in searched)
        return
    for photo in searched:
        mine = [face for face in islice(faces, len(photo.places)) if face is not None]
        yield AlignedPhoto(source=photo.source, faces=mine, error=photo.error)


def _searched(photo: DecodedPhoto, detect: Detect) -> SearchedPhoto:
    if photo.picture is None:
        return SearchedPhoto(photo.source, error=photo.error)
    try:
        found = detect(photo.picture)
    except LineamentError as error:
        return SearchedPhoto(photo.source, error=error)
    return SearchedPhoto(photo.source, [(photo.picture, detection) for detection in found])


def _aligned_alone(photo: SearchedPhoto, align: Align) -> AlignedPhoto:
    try:
        faces = [face for face in _aligned(photo.places, align) if face is not None]
    except LineamentError as error:
        return AlignedPhoto(source=photo.source, faces=[], error=error)
    return AlignedPhoto(source=photo.source, faces=faces, error=photo.error)


def _aligned(places: Sequence[tuple[Picture, Detection]], align: Align) -> list[FaceResult | None]:
    return align([picture for picture, _ in places], [detection for _, detection in places])
