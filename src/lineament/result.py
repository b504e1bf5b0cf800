"""What lineament gives back: frozen values, all in the frames `image` (px) and `model` (mm)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.errors import ConfigError, LineamentError
from lineament.expression_keys import KeyScale, TargetNames, key_groups, reported_weights
from lineament.face_values import face_values
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.face_mesh import FaceMesh, LandmarkScheme, Recipe, whole
from lineament.geometry.landmark_neighbours import scheme_neighbours
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients, NearestFit
from lineament.geometry.raster import visible_vertices

Array: TypeAlias = NDArray[Any]

DEFAULT_SCHEME = "300w-lp"
"""The landmarks of `landmarks_image`: 68 points with the hidden side of the jaw, as 300W-LP labels them."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in the photo.

    Attributes:
        box_xyxy: (4,) float32 left, top, right, bottom in px: the upright box of the 68 landmarks, hidden
            side included.
        score: 0..1.
        roll: radians, counter-clockwise to the viewer; roughly.
    """

    box_xyxy: Array
    score: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How the head is turned, and where it is in the photo.

    Attributes:
        rotation: (3, 3) of the model frame, ``Rx(pitch) @ Ry(yaw) @ Rz(roll)``.
        yaw: radians; positive turns the nose to the viewer's right.
        pitch: radians; positive lowers the nose.
        roll: radians; positive is counter-clockwise to the viewer.
        scale: image px per mm.
        translation: (3,) px, where the model's origin falls in the photo; its depth is arbitrary.
    """

    rotation: Array
    yaw: float
    pitch: float
    roll: float
    scale: float
    translation: Array

    @classmethod
    def of_camera(cls, camera: WeakPerspective) -> Pose:
        """The pose that a camera of the photo sees."""
        angles = camera.angles
        return cls(
            rotation=camera.rotation,
            yaw=float(angles.yaw),
            pitch=float(angles.pitch),
            roll=float(angles.roll),
            scale=camera.scale,
            translation=camera.translation,
        )

    @property
    def angles_deg(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in degrees, for people to read."""
        return math.degrees(self.yaw), math.degrees(self.pitch), math.degrees(self.roll)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FaceResult:
    """One aligned face: what every method gives.

    A face that was asked for by its box, but for which the network gave NaN or infinity, is NaN throughout
    and not :attr:`is_finite`; among faces that a detector found there is none such.

    Attributes:
        detection: where the face was found, or the box that was given.
        crop_box: the crop the face was last predicted from.
        camera: maps the model frame into the photo.
        landmarks_image: (P, 3) float32 px; depth in px too, growing away from the viewer.
        landmark_scheme: which landmarks these are.
        vertices_image: (N, 3) float32 px, the dense face.
        mesh: what all faces of its topology share: triangles, chart, parts, landmark schemes.
        uncertainty_mm: how far the 68 landmarks of several predictions of this face are apart on average, mm
            on the head; None where the method predicts once. Most faces have less than 3; of what is no face,
            or can hardly be seen, every prediction says something else.
    """

    detection: Detection
    crop_box: CropBox
    camera: WeakPerspective
    landmarks_image: Array
    landmark_scheme: str
    vertices_image: Array
    mesh: FaceMesh
    uncertainty_mm: float | None = None
    _visibility: Array | None = field(default=None, init=False)

    def __repr__(self) -> str:
        """Where, how turned, how certain."""
        yaw, pitch, roll = self.pose.angles_deg
        left, top, right, bottom = np.asarray(self.detection.box_xyxy).round().astype(int).tolist()
        doubt = "" if self.uncertainty_mm is None else f"uncertainty={self.uncertainty_mm:.1f} mm, "
        return (
            f"{type(self).__name__}(box=({left}, {top}, {right}, {bottom}), "
            f"score={self.detection.score:.2f}, {doubt}yaw={yaw:.0f}°, pitch={pitch:.0f}°, roll={roll:.0f}°, "
            f"landmarks={len(self.landmarks_image)}, vertices={len(self.vertices_image)})"
        )

    def __reduce__(self) -> Recipe:
        """Pickled and copied without what is found again when asked for."""
        return whole(self)

    @property
    def pose(self) -> Pose:
        """How the head is turned, and where it is in the photo."""
        return Pose.of_camera(self.camera)

    @property
    def triangles(self) -> Array:
        """(M, 3) int32, counter-clockwise seen from outside."""
        return self.mesh.triangles

    @property
    def vertices_model(self) -> Array:
        """(N, 3) float32 mm, frame `model`: the face itself, not turned, with its expression."""
        return self.camera.model_from_image(self.vertices_image)

    @property
    def is_finite(self) -> bool:
        """Whether all values are numbers; False where the method failed on a box that was given."""
        uncertainty = 0.0 if self.uncertainty_mm is None else self.uncertainty_mm
        values = [getattr(self, name) for name in _value_names(self)]
        camera = [self.camera.rotation, self.camera.translation, self.camera.scale]
        return all(bool(np.isfinite(value).all()) for value in (uncertainty, *camera, *values))

    def without_values(self) -> Self:
        """The same face with NaN for all that a network said, so that nothing of it can be believed."""
        camera = WeakPerspective(np.full((3, 3), np.nan), math.nan, np.full(3, np.nan))
        found = {name: getattr(self, name) for name in _value_names(self)}
        values: dict[str, Any] = {
            name: np.full_like(value, np.nan) if isinstance(value, np.ndarray) else math.nan
            for name, value in found.items()
        }
        return replace(self, camera=camera, uncertainty_mm=math.nan, **values)

    @property
    def visibility(self) -> Array:
        """(N,) float32 in 0..1: 0 where the head itself hides a vertex, between at the silhouette.

        It follows from the mesh alone. Hands, hair, glasses or people in front of the face are not noticed: a
        vertex behind them counts as visible. Found once, when first asked for.
        """
        if self._visibility is None:
            visibility = visible_vertices(self.vertices_image, self.triangles).astype(np.float32)
            object.__setattr__(self, "_visibility", visibility)
            return visibility
        return self._visibility

    @property
    def landmark_visibility(self) -> Array:
        """(P,) float32 in 0..1 for `landmarks_image`: 0 where the head itself hides a landmark.

        That of the most visible vertex near each landmark: landmarks lie on silhouettes and in corners, where
        the visibility of vertices ends.
        """
        scheme = self.mesh.schemes.get(self.landmark_scheme)
        if scheme is None or len(scheme.vertex_index) != len(self.landmarks_image):
            return np.ones(len(self.landmarks_image), np.float32)
        if not self.is_finite:
            return np.full(len(self.landmarks_image), np.nan, np.float32)
        near = scheme_neighbours(self.mesh, self.landmark_scheme)
        visibility: Array = np.maximum.reduceat(self.visibility[near.vertices], near.starts)
        return visibility

    def to_dict(self) -> dict[str, Any]:
        """The face as plain values, under the names of ``docs/json.md``: what its JSON says of it."""
        return face_values(self)

    def landmarks(self, scheme: str = DEFAULT_SCHEME) -> Array:
        """(P, 3) float32 px of the photo: the landmarks of one of ``mesh.schemes``.

        Those of `landmark_scheme` are `landmarks_image`, which a method may have found by themselves; others
        lie on the mesh, moved as their convention has them.

        Raises:
            ConfigError: the mesh has no such scheme.
        """
        if scheme == self.landmark_scheme:
            return self.landmarks_image
        layout = self.mesh.schemes.get(scheme)
        if layout is None:
            raise ConfigError(
                f"The face model {self.mesh.name!r} has no landmark scheme {scheme!r}. "
                f"Choose from {', '.join(sorted(self.mesh.schemes))}."
            )
        return self.camera.image_from_model(self.points_model(layout))

    def points_model(self, layout: LandmarkScheme) -> Array:
        """(P, 3) float32 mm, frame `model`: the landmarks of a scheme on this face's mesh."""
        return layout.points_model(self.vertices_model)


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
        weights = self.reported_expression
        groups = key_groups(self.model.expression_names[: len(weights)], targets)
        return {name: float(weights[list(group)].mean()) if group else 0.0 for name, group in groups.items()}

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
        return layout.points_model(self.vertices_model, self.identity, self.expression)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FreeFormResult(MorphableResult):
    """A face whose vertices a method found by themselves, and the nearest coefficients of the model to it.

    ``vertices_image`` is what the method found; camera, identity and expression are the fit of
    :class:`lineament.geometry.nearest_coefficients.NearestCoefficients`, so that pose and blendshapes exist.

    Attributes:
        fit_residual_mm: mean distance of the vertices from the face that the coefficients make, mm.
    """

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


def _value_names(face: FaceResult) -> list[str]:
    """Names of the fields that a network or a fit gave as arrays or numbers, but camera and uncertainty."""
    known = ("landmarks_image", "vertices_image", "identity", "expression", "fit_residual_mm")
    return [each.name for each in fields(face) if each.name in known]


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPhoto:
    """One photo of many: its faces, or why it has none.

    Attributes:
        source: what was given.
        faces: the faces found, best first; empty when there are none or the photo could not be read.
        error: what went wrong with this photo, or None.
    """

    source: object
    faces: list[FaceResult]
    error: LineamentError | None = None
