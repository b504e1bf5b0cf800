"""Faces of methods that know what of a face is seen: hands, hair, masks and people in front are noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.methods.estimate import FreeFormEstimate
from lineament.result import Detection, FreeFormResult
from lineament.result.face import extended
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class SeenFaceResult(FreeFormResult):
    """A free-form face, and which part of it the photo shows.

    Attributes:
        crop_mask: (A, A) float32 in 0..1: fraction of each cell of the crop box in which the face itself is
            seen and nothing in front of it.
        confidence: (N,) float32 in 0..1, how much the method believes each vertex, hidden ones too.
    """

    crop_mask: Array
    confidence: Array
    _beside: ClassVar[tuple[str, ...]] = ("crop_mask", "confidence")

    @property
    def own_mask(self) -> FaceMask:
        """See :attr:`FaceResult.own_mask`: :attr:`crop_mask` over its crop."""
        return FaceMask(self.crop_mask, self.crop_box)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SeenFaceEstimate(FreeFormEstimate):
    """A free-form estimate, and which part of the face its crop shows.

    Attributes:
        crop_mask: see :class:`SeenFaceResult`.
        confidence: see :class:`SeenFaceResult`.
    """

    crop_mask: Array
    confidence: Array

    @classmethod
    def of_seen_vertices(
        cls,
        nearest: NearestCoefficients,
        vertices_image: Array,
        *,
        crop_mask: Array,
        confidence: Array,
        weights: Array,
    ) -> Self:
        """What vertices, a mask and confidences say of a face.

        Args:
            nearest: of the model whose mesh the vertices are of; made once.
            vertices_image: see :meth:`FreeFormEstimate.of_vertices`.
            crop_mask: (A, A).
            confidence: (N,).
            weights: (N,) of the fit.
        """
        plain = FreeFormEstimate.of_vertices(nearest, vertices_image, weights=weights)
        return cls(
            camera=plain.camera,
            landmarks_image=plain.landmarks_image,
            model=plain.model,
            fit=plain.fit,
            vertices_image=plain.vertices_image,
            crop_mask=crop_mask.astype(np.float32),
            confidence=confidence.astype(np.float32),
        )

    def result(self, *, crop_box: CropBox, detection: Detection) -> SeenFaceResult:
        """The whole face."""
        plain = FreeFormEstimate.result(self, crop_box=crop_box, detection=detection)
        return extended(plain, SeenFaceResult, crop_mask=self.crop_mask, confidence=self.confidence)
