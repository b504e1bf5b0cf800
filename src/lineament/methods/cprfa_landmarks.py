"""Where CPRFA's 68 landmarks of an external detector come from: other weights, or the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import ConfigError, WeightsError
from lineament.methods.estimate import Estimate
from lineament.methods.method import Crops, Method
from lineament.methods.regressor import MorphableRegressor
from lineament.resample import resample_crop

Array: TypeAlias = NDArray[Any]

COUNT = 68


class LandmarkDetector(Protocol):
    """Says where landmarks are."""

    def landmarks(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Array:
        """(n, 68, 2) px of each crop, scheme "300w-lp"; NaN where a face or a landmark is not found.

        Args:
            crops: (n, S, S, 3) uint8.
            crop_boxes: n, where they lie in the photo.
        """
        ...


class MethodLandmarks:
    """Another method's landmarks, found in the same crops.

    Args:
        method: of these.
        margin: of the crops that are given, at least the method's own.

    Raises:
        WeightsError: the method wants wider crops than are given.
    """

    def __init__(self, method: Method, margin: float) -> None:
        if method.crop_rule.margin > margin * 1.001:
            raise WeightsError(
                f"The landmark detector wants crops {method.crop_rule.margin:.2f} times as wide as the "
                f"landmarks' box, the crops at hand are {margin:.2f} times. Choose another detector."
            )
        self.method, self._share = method, method.crop_rule.margin / margin

    def landmarks(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Array:
        """See :class:`LandmarkDetector`."""
        found = self.estimates(crops, crop_boxes)
        return np.stack(
            [
                box.crop_from_image(each.landmarks_image[:, :2].astype(np.float64))
                for each, box in zip(found, crop_boxes, strict=True)
            ]
        )

    def estimates(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Sequence[Estimate]:
        """The other method's faces, in the photo.

        Args:
            crops: (n, S, S, 3) uint8.
            crop_boxes: n, of that size.
        """
        size = crops.shape[1]
        inner = CropBox((size / 2, size / 2), size * self._share, self.method.crop_rule.size)
        cut = np.stack([resample_crop(crop, inner) for crop in crops])
        where = [replace(box, side=box.side * self._share, size=inner.size) for box in crop_boxes]
        return self.method.estimate(cut, where)


class GivenLandmarks:
    """Landmarks that somebody gives; each crop gets those whose middle is nearest to its own.

    Args:
        landmarks_image: (m, 68, 2 or 3) px of the photo, scheme "300w-lp"; NaN where not known.

    Raises:
        ConfigError: the array has another shape.
    """

    def __init__(self, landmarks_image: ArrayLike) -> None:
        points = np.asarray(landmarks_image, np.float64)
        points = points[None] if points.ndim == 2 else points
        if points.ndim != 3 or points.shape[1] != COUNT or points.shape[2] not in (2, 3):
            raise ConfigError(
                f"Landmarks are ({COUNT}, 2) px of the photo a face, found {points.shape}. Give the 68 of "
                f"300W, NaN where one is not known."
            )
        self._points = points[..., :2]

    def landmarks(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Array:
        """See :class:`LandmarkDetector`."""
        known = np.asarray(np.isfinite(self._points).all(axis=2))
        faces = np.flatnonzero(known.any(axis=1))
        found = np.full((len(crops), COUNT, 2), np.nan)
        if not len(faces):
            return found
        middles = np.stack([self._points[face][known[face]].mean(axis=0) for face in faces])
        for row, box in enumerate(crop_boxes):
            away = np.linalg.norm(middles - np.asarray(box.center_xy), axis=1)
            if away.min() <= box.side / 2:  # otherwise they are of somebody else
                found[row] = box.crop_from_image(self._points[faces[away.argmin()]])
        return found


class LandmarkRow:
    """The external detector as a method of its own, in CPRFA's crops: what a fusion has to beat.

    Args:
        detector: whose faces they are.
        crop_rule: of CPRFA.
    """

    def __init__(self, detector: MethodLandmarks, crop_rule: CropRule) -> None:
        self.crop_rule, self._detector = crop_rule, detector

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """The row of a regressor's weights, in crops of its own; see :class:`Method`."""
        method = MorphableRegressor.from_bundle(bundle, threads=threads, device=device)
        return cls(MethodLandmarks(method, method.crop_rule.margin), method.crop_rule)

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Sequence[Estimate]:
        """The detector's own faces, in the photo."""
        return self._detector.estimates(crops, crop_boxes)
