"""What a method says of the face in one crop, in the photo, before it becomes a result."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.result import Detection, FaceResult, MorphableResult

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Estimate(ABC):
    """What every method knows of a face.

    Attributes:
        camera: puts the model frame into the photo.
        landmarks_image: (P, 3) px of the photo, the points that a better crop is cut around.
        uncertainty_mm: how far several predictions are apart; None where the method makes one.
    """

    camera: WeakPerspective
    landmarks_image: Array
    uncertainty_mm: float | None = None

    @property
    def is_finite(self) -> bool:
        """Whether the network gave numbers; an estimate that is not finite is not believed."""
        uncertainty = 0.0 if self.uncertainty_mm is None else self.uncertainty_mm
        return math.isfinite(uncertainty + self.camera.scale) and all(
            bool(np.isfinite(values).all()) for values in self._numbers()
        )

    def _numbers(self) -> tuple[Array, ...]:
        """What has to be finite beside the scale and the uncertainty."""
        return self.camera.rotation, self.camera.translation, self.landmarks_image

    @abstractmethod
    def result(self, *, crop_box: CropBox, detection: Detection) -> FaceResult:
        """The whole face.

        Args:
            crop_box: the crop it was estimated from.
            detection: where the face was found, or the box that was given.
        """


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MorphableEstimate(Estimate):
    """A face as coefficients of a morphable model.

    Attributes:
        model: whose coefficients they are.
        identity: (K,).
        expression: (E,).
        own_landmarks_image: (68, 3) px of the photo, scheme "300w-lp", depth from the model's origin:
            landmarks that the network gives by themselves, finer than the coefficients have them, or None.
    """

    model: MorphableModel
    identity: Array
    expression: Array
    own_landmarks_image: Array | None = None

    def _numbers(self) -> tuple[Array, ...]:
        """See :class:`Estimate`; landmarks that are finite come from coefficients that are."""
        own = self.own_landmarks_image
        return (*Estimate._numbers(self), *(() if own is None else (own,)))

    def result(self, *, crop_box: CropBox, detection: Detection) -> MorphableResult:
        """The whole face."""
        face = MorphableResult.from_coefficients(
            self.model,
            self.identity,
            self.expression,
            camera=self.camera,
            crop_box=crop_box,
            detection=detection,
            uncertainty_mm=self.uncertainty_mm,
        )
        if self.own_landmarks_image is None:
            return face
        return replace(face, landmarks_image=self.own_landmarks_image.astype(np.float32))
