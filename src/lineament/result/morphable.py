"""Faces that have coefficients of a morphable model: all of them, or as nearly as a mesh allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from lineament.crop import CropBox
from lineament.errors import ConfigError
from lineament.expression_keys import KeyScale, TargetNames, key_groups, reported_weights
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients, NearestFit
from lineament.result.face import DEFAULT_SCHEME, Array, Detection, FaceResult
from lineament.result.face_mask import FaceMask


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class MorphableResult(FaceResult):
    """A face as coefficients of a morphable model and a camera.

    Attributes:
        model: the face model, shared by all results of a method; the mesh is its mesh.
        identity: (K,) float32, standard deviations.
        expression: (E,) float32, weights in the order of ``model.expression_names``, as the mesh has them.
        key_scales: what these weights are at rest and fully raised, by name, and which of them mean anything;
            where a name is missing they are reported as they are.
        neutral: (E,) weights of this person at rest, which are reported as 0 (:meth:`relative_to`), or None.
    """

    _found: ClassVar[tuple[str, ...]] = (*FaceResult._found, "identity", "expression")
    model: MorphableModel
    identity: Array
    expression: Array
    key_scales: Mapping[str, KeyScale] = field(default_factory=dict)
    neutral: Array | None = None

    @classmethod
    def from_coefficients(
        cls,
        model: MorphableModel,
        identity: Array,
        expression: Array,
        *,
        camera: WeakPerspective,
        crop_box: CropBox,
        detection: Detection,
        uncertainty_mm: float | None = None,
        shown: FaceMask | None = None,
    ) -> MorphableResult:
        """Shape the face and project it; `camera` belongs to the photo."""
        vertices_model = model.vertices_model(identity, expression)
        landmarks_model = model.schemes[DEFAULT_SCHEME].points_model(vertices_model, identity, expression)
        return MorphableResult(
            detection=detection,
            crop_box=crop_box,
            camera=camera,
            landmarks_image=camera.image_from_model(landmarks_model),
            landmark_scheme=DEFAULT_SCHEME,
            vertices_image=camera.image_from_model(vertices_model),
            mesh=model.mesh,
            uncertainty_mm=uncertainty_mm,
            shown=shown,
            model=model,
            identity=identity,
            expression=expression,
        )

    @property
    def blendshapes(self) -> dict[str, float]:
        """Weight of each expression by ARKit's name: exactly its 52 names for the built-in model.

        0 is a face at rest, 1 the key as far as it goes (:attr:`key_scales`), clipped to the model's bounds;
        `tongueOut`, and what the weights do not measure, is 0. `browInnerUp` and `cheekPuff` are the means of
        both sides, which ``named_weights("all")`` has one by one. The mesh moves by :attr:`expression`, which
        is neither calibrated nor clipped. Statistical modes keep the model's own names and are as given.
        """
        return self.named_weights()

    def named_weights(self, targets: TargetNames = "arkit") -> dict[str, float]:
        """Reported weights by name; see :attr:`blendshapes`.

        Args:
            targets: "arkit", or "all" for the model's own names: 53 for the built-in one, no `tongueOut`.

        Raises:
            ConfigError: other targets.
        """
        weights = self.reported_expression.tolist()
        groups = key_groups(self.model.expression_names[: len(weights)], targets)
        return {
            name: sum(weights[key] for key in group) / max(len(group), 1) for name, group in groups.items()
        }

    @property
    def reported_expression(self) -> Array:
        """(E,) float64 reported weights in the order of the model's names; see :attr:`blendshapes`."""
        names = self.model.expression_names[: len(self.expression)]
        weights = reported_weights(names, self.expression.astype(float), self.key_scales, self.neutral)
        bounds = self.model.expression_bounds
        return weights if bounds is None else np.clip(weights, *bounds)

    def relative_to(self, neutral: Array | None) -> Self:
        """The same face, of which is reported how far it is from this person's own rest.

        Args:
            neutral: (E,) `expression` of the person at rest, such as `FaceAligner.neutral` gives; None takes
                what is at rest for everybody.

        Raises:
            ConfigError: it has another length than :attr:`expression`.
        """
        if neutral is not None and np.shape(neutral) != self.expression.shape:
            raise ConfigError(
                f"A rest for these faces has shape {self.expression.shape}, found {np.shape(neutral)}. "
                f"Take it from faces of the same weights."
            )
        return replace(self, neutral=neutral)

    def strongest_blendshapes(self, count: int = 6) -> list[tuple[str, float]]:
        """Names and weights of the strongest of :attr:`blendshapes`, strongest first."""
        return sorted(self.blendshapes.items(), key=lambda item: -item[1])[:count]

    def points_model(self, layout: LandmarkScheme) -> Array:
        """(P, 3) float32 mm, frame `model`: the landmarks of a scheme on mesh and coefficients."""
        points = self._points_on_mesh(layout)
        return layout.moved(points, self.identity, self.expression, self.camera.rotation)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FreeFormResult(MorphableResult):
    """A face whose vertices a method found by themselves, and the nearest coefficients of the model to it.

    ``vertices_image`` is what the method found; camera, identity and expression are the fit of
    :class:`lineament.geometry.nearest_coefficients.NearestCoefficients`, so that pose and blendshapes exist.

    Attributes:
        fit_residual_mm: mean distance of the vertices from the face that the coefficients make, mm.
    """

    _found: ClassVar[tuple[str, ...]] = (*MorphableResult._found, "fit_residual_mm")
    fit_residual_mm: float

    @classmethod
    def from_vertices(
        cls,
        nearest: NearestCoefficients,
        vertices_image: Array,
        *,
        crop_box: CropBox,
        detection: Detection,
        weights: Array | None = None,
        uncertainty_mm: float | None = None,
    ) -> FreeFormResult:
        """The face of a method that gives vertices.

        Args:
            nearest: of the model whose mesh the vertices are of; made once.
            vertices_image: (N, 3) px of the photo, depth in px too, growing away from the viewer.
            crop_box: the crop they were found in.
            detection: where the face was found.
            weights: (N,) at least 0, how much each vertex is believed in the fit, such as its visibility.
            uncertainty_mm: see :class:`FaceResult`.
        """
        return cls.from_fit(
            nearest.model,
            nearest.fit(vertices_image, weights),
            vertices_image,
            crop_box=crop_box,
            detection=detection,
            uncertainty_mm=uncertainty_mm,
        )

    @classmethod
    def from_fit(
        cls,
        model: MorphableModel,
        fit: NearestFit,
        vertices_image: Array,
        *,
        crop_box: CropBox,
        detection: Detection,
        uncertainty_mm: float | None = None,
        shown: FaceMask | None = None,
    ) -> FreeFormResult:
        """The same, where the nearest face is known already.

        Args:
            model: whose mesh the vertices are of.
            fit: the nearest face.
            vertices_image: (N, 3) px of the photo. Vertices that are not finite, such as those that have no
                place on a method's map, are those of the nearest face.
            crop_box: the crop they were found in.
            detection: where the face was found.
            uncertainty_mm: see :class:`FaceResult`.
            shown: see there.
        """
        vertices_image, landmarks_image = free_form_points(model, fit, vertices_image)
        return cls(
            detection=detection,
            crop_box=crop_box,
            camera=fit.camera,
            landmarks_image=landmarks_image,
            landmark_scheme=DEFAULT_SCHEME,
            vertices_image=vertices_image,
            mesh=model.mesh,
            uncertainty_mm=uncertainty_mm,
            shown=shown,
            model=model,
            identity=fit.identity,
            expression=fit.expression,
            fit_residual_mm=fit.residual_mm,
        )


def free_form_points(model: MorphableModel, fit: NearestFit, vertices_image: Array) -> tuple[Array, Array]:
    """All vertices and the landmarks of a face that a method found by its vertices.

    Args:
        model: whose mesh the vertices are of.
        fit: the nearest face.
        vertices_image: (N, 3) px of the photo; those that are not finite are taken from the nearest face.

    Returns:
        (N, 3) float32 vertices and (68, 3) landmarks, both px of the photo.
    """
    known = np.isfinite(vertices_image).all(axis=1, keepdims=True)
    nearest_model = model.vertices_model(fit.identity, fit.expression)
    filled = np.where(known, vertices_image, fit.camera.image_from_model(nearest_model)).astype(np.float32)
    vertices_model = fit.camera.model_from_image(filled)
    scheme = model.schemes[DEFAULT_SCHEME]
    landmarks_model = scheme.points_model(vertices_model, fit.identity, fit.expression)
    return filled, fit.camera.image_from_model(landmarks_model)
