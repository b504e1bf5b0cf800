"""What readers of published data sets give: a photograph, its landmarks in our frames, and whose it is.

Readers are lazy: photographs are opened when asked for. A damaged file raises DataError naming it, or, when
the caller passes a list `errors`, is noted there and the reading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective

Array = NDArray[Any]
Value = TypeVar("Value")

JAW_3D = "300w-lp"
"""68 points, jaw fixed on the head: what `landmarks_image` of a result holds."""
JAW_2D = "68-outline"
"""68 points, jaw on the outline that is seen (300W, 300VW, COFW); not that of rotated heads in 3D."""


class Photo(Protocol):
    """A photograph that has not been opened yet."""

    def read(self) -> NDArray[np.uint8]:
        """The photograph, (H, W, 3) uint8 RGB.

        Raises:
            LineamentError: it cannot be read; the message names it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedFace:
    """One face of a data set, in the frames of lineament whatever the set's own are.

    Attributes:
        name: of the face, unique in its set.
        photo: opened by `photo.read()`.
        landmarks: (P, 2) or (P, 3) float64 px, image frame (z away from the viewer); NaN where absent.
        scheme: which points these are; sets of different schemes are not comparable.
        box_xyxy: (4,) px, the set's own box of the face, or that of the landmarks where it gives none.
        visible: (P,) bool, False where a point is hidden; None where the set does not tell.
        camera: from the face model the set was fitted with (mm) to the photograph; None where there is none.
        subject: who it is, or the sequence or original photograph it belongs to; items of one subject belong
            on one side of a split. Empty where unknown.
    """

    name: str
    photo: Photo
    landmarks: Array
    scheme: str
    box_xyxy: Array
    visible: NDArray[np.bool_] | None = None
    camera: WeakPerspective | None = None
    subject: str = ""

    @property
    def present(self) -> NDArray[np.bool_]:
        """(P,) where there is a point at all."""
        return np.isfinite(self.landmarks).all(axis=-1)


def box_of_points(points: Array) -> Array:
    """(4,) left, top, right, bottom of the points (P, 2 or 3) that are there; NaN when none is."""
    there = points[np.isfinite(points).all(axis=-1), :2]
    return np.concatenate([there.min(axis=0), there.max(axis=0)]) if len(there) else np.full(4, np.nan)


def points_from_matlab(points: ArrayLike) -> Array:
    """(P, 2) px of the image frame from Matlab's, where the first pixel's centre is at 1 (here: at 0.5)."""
    return np.asarray(points, dtype=np.float64) - 0.5


def box_from_matlab(box_xywh: ArrayLike) -> Array:
    """(4,) left, top, right, bottom in the image frame of a box whose first pixel is counted from 1."""
    left, top, width, height = np.asarray(box_xywh, dtype=np.float64)
    return np.array([left - 1, top - 1, left - 1 + width, top - 1 + height])


def without_absent(points: ArrayLike) -> Array:
    """(P, 2) points with NaN in place of those marked -1 in x or y.

    AFLW marks an absent point with -1, and sets derived from it have flipped, moved or scaled the y of that
    mark (452 in AFLW2000-3D), so that one coordinate must be enough.
    """
    points = np.array(points, dtype=np.float64)
    points[(points == -1).any(axis=-1)] = np.nan
    return points


def read_each(
    readers: Iterable[Callable[[], Value]], *, errors: list[DataError] | None = None
) -> Iterator[Value]:
    """The values of readers, in order.

    Args:
        readers: each reads one item.
        errors: takes what goes wrong with single items, and the rest is read; None raises it.

    Raises:
        DataError: an item cannot be read, and there is no list to note it in.
    """
    for read in readers:
        try:
            value = read()
        except DataError as error:
            if errors is None:
                raise
            errors.append(error)
            continue
        yield value
