"""What a method's network says of the face in one square, before it becomes a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.result import Detection, MorphableResult

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face as coefficients of a morphable model.

    Attributes:
        camera: puts the model into the photo.
        identity: (K,).
        expression: (E,).
        uncertainty_mm: how far several looks are apart; None after one.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    uncertainty_mm: float | None = None

    def points_image(self, points: MorphableModel) -> Array:
        """(P, 3) points of the face model in the photo, px, as the coefficients have them."""
        return self.camera.image_from_model(points.vertices_model(self.identity, self.expression))

    def result(self, model: MorphableModel, *, crop_box: CropBox, detection: Detection) -> MorphableResult:
        """The whole face."""
        return MorphableResult.from_coefficients(
            model,
            self.identity,
            self.expression,
            camera=self.camera,
            crop_box=crop_box,
            detection=detection,
            uncertainty_mm=self.uncertainty_mm,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeenLandmarks(SeenFace):
    """A face whose landmarks the network gives by themselves, finer than the coefficients have them.

    Attributes:
        landmarks_image: (68, 3) px of the photo, scheme "300w-lp"; depth from the model's origin.
    """

    landmarks_image: Array

    def result(self, model: MorphableModel, *, crop_box: CropBox, detection: Detection) -> MorphableResult:
        """The whole face, with these landmarks."""
        face = SeenFace.result(self, model, crop_box=crop_box, detection=detection)
        return replace(face, landmarks_image=self.landmarks_image)
