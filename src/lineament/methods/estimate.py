"""What a method says of the face in one crop, in the photo, before it becomes a result."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients, NearestFit
from lineament.methods.coefficient_update import FaceState
from lineament.result import (
    DEFAULT_SCHEME,
    Detection,
    FaceResult,
    FreeFormResult,
    MorphableResult,
    free_form_points,
)
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Estimate(ABC):
    """What every method knows of a face.

    Attributes:
        camera: puts the model frame into the photo.
        landmarks_image: (P, 3) px of the photo, the points that a better crop is cut around.
        uncertainty_mm: see :class:`lineament.result.FaceResult`; None where the method does not tell.
        shown: what the occlusion network of close-ups sees in front of the face; None where none has looked.
    """

    camera: WeakPerspective
    landmarks_image: Array
    uncertainty_mm: float | None = None
    shown: FaceMask | None = None

    @property
    def is_finite(self) -> bool:
        """Whether the network gave numbers, and a camera; an estimate of others is not believed."""
        uncertainty = 0.0 if self.uncertainty_mm is None else self.uncertainty_mm
        return (
            math.isfinite(uncertainty)
            and self.camera.is_proper
            and all(bool(np.isfinite(values).all()) for values in self._numbers())
        )

    def _numbers(self) -> tuple[Array, ...]:
        """What has to be finite beside the camera and the uncertainty."""
        return (self.landmarks_image,)

    def state(self) -> FaceState | None:
        """The face as close-ups of its eyes and mouth can move it; None where they cannot."""
        return None

    def moved_to(self, state: FaceState) -> Self:
        """The estimate with the camera and coefficients of another face, and moved as that one is.

        Args:
            state: made of :meth:`state`, moved a little.
        """
        raise NotImplementedError(f"{type(self).__name__} has no state that could move.")

    def masked_by(self, mask: FaceMask) -> Self:
        """The estimate with what another network sees in front of the face (:attr:`shown`)."""
        return replace(self, shown=mask)

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

    def state(self) -> FaceState:
        """See :meth:`Estimate.state`."""
        return FaceState(self.camera, *all_coefficients(self.model, self.identity, self.expression))

    def moved_to(self, state: FaceState) -> Self:
        """See :meth:`Estimate.moved_to`; own landmarks move as those of the coefficients do."""
        points = self.model.landmark_points(DEFAULT_SCHEME)
        landmarks = state.camera.image_from_model(points.vertices_model(state.identity, state.expression))
        own = self.own_landmarks_image
        if own is not None:
            own = own + landmarks - self._landmarks_of_coefficients(points)
        return replace(
            self,
            camera=state.camera,
            identity=state.identity,
            expression=state.expression,
            landmarks_image=landmarks,
            own_landmarks_image=own,
        )

    def _landmarks_of_coefficients(self, points: MorphableModel) -> Array:
        return self.camera.image_from_model(points.vertices_model(self.identity, self.expression))

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
            shown=self.shown,
        )
        if self.own_landmarks_image is None:
            return face
        return replace(face, landmarks_image=self.own_landmarks_image.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FreeFormEstimate(Estimate):
    """A face whose vertices a method found by themselves.

    Attributes:
        model: whose mesh they are of.
        fit: the model's nearest face.
        vertices_image: (N, 3) float32 px of the photo.
    """

    model: MorphableModel
    fit: NearestFit
    vertices_image: Array

    @classmethod
    def of_vertices(
        cls,
        nearest: NearestCoefficients,
        vertices_image: Array,
        *,
        weights: Array | None = None,
        uncertainty_mm: float | None = None,
    ) -> Self:
        """What vertices say of a face.

        Args:
            nearest: of the model whose mesh they are of; made once.
            vertices_image: (N, 3) px of the photo, depth in px too, growing away from the viewer. Those that
                are not finite are taken from the nearest face.
            weights: (N,) at least 0, how much each is believed in the fit, such as its visibility.
            uncertainty_mm: see :class:`Estimate`.
        """
        fit = nearest.fit(vertices_image, weights)
        vertices, landmarks = free_form_points(nearest.model, fit, vertices_image)
        return cls(
            camera=fit.camera,
            landmarks_image=landmarks,
            uncertainty_mm=uncertainty_mm,
            model=nearest.model,
            fit=fit,
            vertices_image=vertices,
        )

    def state(self) -> FaceState:
        """See :meth:`Estimate.state`."""
        return FaceState(self.fit.camera, self.fit.identity, self.fit.expression, self.vertices_image)

    def moved_to(self, state: FaceState) -> Self:
        """See :meth:`Estimate.moved_to`; vertices move as those of the nearest face do."""
        fit = replace(self.fit, camera=state.camera, identity=state.identity, expression=state.expression)
        before, after = (
            one.camera.image_from_model(self.model.vertices_model(one.identity, one.expression))
            for one in (self.fit, fit)
        )
        vertices, landmarks = free_form_points(self.model, fit, self.vertices_image + after - before)
        return replace(self, camera=fit.camera, landmarks_image=landmarks, fit=fit, vertices_image=vertices)

    def result(self, *, crop_box: CropBox, detection: Detection) -> FreeFormResult:
        """The whole face."""
        return FreeFormResult.from_fit(
            self.model,
            self.fit,
            self.vertices_image,
            crop_box=crop_box,
            detection=detection,
            uncertainty_mm=self.uncertainty_mm,
            shown=self.shown,
        )


def all_coefficients(model: MorphableModel, identity: Array, expression: Array) -> tuple[Array, Array]:
    """(K,) and (E,) of all modes of a model, zero for those that a network does not give."""
    return _filled(identity, len(model.identity_basis)), _filled(expression, len(model.expression_basis))


def _filled(coefficients: Array, count: int) -> Array:
    """(count,) coefficients, zero where there are none."""
    filled = np.zeros(count, coefficients.dtype)
    filled[: len(coefficients)] = coefficients
    return filled
