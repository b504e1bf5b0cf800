"""Sets of points on one photograph, each with its own scheme, trust and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.face_labels import AnnotatedPoints, PointSource
from lineament.errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class PointSet:
    """Points of one scheme on one photograph.

    Attributes:
        points_image: (P, 2) px, image frame; NaN where a point is not annotated.
        scheme: which points these are.
        source: who set them.
        sigma_px: standard deviation of the points per axis, px; None takes what was measured of the scheme.
        sigma_face: the same as a fraction of the face's size; at most one of the two is given.

    Raises:
        DataError: both deviations are given, or one is not positive.
    """

    points_image: Array
    scheme: str
    source: PointSource = PointSource.HAND
    sigma_px: float | None = None
    sigma_face: float | None = None

    def __post_init__(self) -> None:
        """Refuse a trust that says two things, or nothing."""
        given = [sigma for sigma in (self.sigma_px, self.sigma_face) if sigma is not None]
        if len(given) > 1 or any(not sigma > 0 for sigma in given):
            raise DataError(
                f"The trust in points of {self.scheme!r} is sigma_px={self.sigma_px}, "
                f"sigma_face={self.sigma_face}: give at most one of them, above 0."
            )

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """(P,) which points are annotated."""
        return np.isfinite(self.points_image[:, :2]).all(axis=1)

    def without(self, left_out: NDArray[np.bool_]) -> PointSet:
        """The same without some of its points, (P,) True for those."""
        points = np.array(self.points_image, float)
        points[left_out] = np.nan
        return PointSet(points, self.scheme, self.source, self.sigma_px, self.sigma_face)

    def as_label(self) -> AnnotatedPoints:
        """The points as a sample keeps them."""
        return AnnotatedPoints(np.asarray(self.points_image, np.float32), self.scheme, self.source)
