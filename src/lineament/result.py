"""What lineament gives back: frozen values, all in the frames `image` (px) and `model` (mm)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament import notebook
from lineament.crop import CropBox
from lineament.errors import ConfigError, LineamentError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.raster import visible_vertices

Array: TypeAlias = NDArray[Any]

DEFAULT_SCHEME = "300w-lp"
"""The landmarks of `landmarks_image`: 68 points with the hidden side of the jaw, as 300W-LP labels them."""


ARKIT_NAME_OF_SIDE = {
    "browInnerUpLeft": "browInnerUp",
    "browInnerUpRight": "browInnerUp",
    "cheekPuffLeft": "cheekPuff",
    "cheekPuffRight": "cheekPuff",
}
"""Blendshapes that face models split by side and ARKit does not; ARKit's weight is the mean of both sides."""


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

    Attributes:
        detection: where the face was found, or the box that was given.
        crop_box: the square the network saw last.
        pose: of the head.
        landmarks_image: (P, 3) float32 px; depth in px too, growing away from the viewer.
        landmark_scheme: which landmarks these are.
        vertices_image: (N, 3) float32 px, the dense face.
        triangles: (M, 3) int32, counter-clockwise seen from outside.
        uncertainty_mm: how far the 68 landmarks of several looks at this face are apart on average, mm on the
            head; None where the method looks once. Most faces have less than 3; of what is no face, or can
            hardly be seen, every look says something else.
    """

    detection: Detection
    crop_box: CropBox
    pose: Pose
    landmarks_image: Array
    landmark_scheme: str
    vertices_image: Array
    triangles: Array
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

    def _repr_html_(self) -> str:
        """What Jupyter shows: the mesh, where, how turned, how certain, the strongest expressions as bars."""
        yaw, pitch, roll = self.pose.angles_deg
        left, top, right, bottom = np.asarray(self.detection.box_xyxy).round().astype(int).tolist()
        rows = [
            ("box", f"{left}, {top} to {right}, {bottom} px"),
            ("score", f"{self.detection.score:.2f}"),
            *([] if self.uncertainty_mm is None else [("uncertainty", f"{self.uncertainty_mm:.1f} mm")]),
            ("yaw, pitch, roll", f"{yaw:+.1f}°, {pitch:+.1f}°, {roll:+.1f}°"),
            ("mesh", f"{len(self.vertices_image):,} vertices, {len(self.landmarks_image)} landmarks"),
            *((name, notebook.bar(weight)) for name, weight in self.strongest_blendshapes()),
        ]
        portrait = notebook.portrait_tag(self.vertices_image, self.triangles)
        return notebook.beside(portrait, notebook.table(rows))

    def strongest_blendshapes(self, count: int = 6) -> list[tuple[str, float]]:
        """Names and weights of the strongest expressions, strongest first; none where a method gives none."""
        return []

    @property
    def visibility(self) -> Array:
        """(N,) float32 in 0..1: 0 where the head itself hides a vertex, between at the silhouette.

        It follows from the mesh alone. Hands, hair, glasses or people in front of the face are not noticed: a
        vertex behind them counts as seen. Found once, when first asked for.
        """
        if self._visibility is None:
            visibility = visible_vertices(self.vertices_image, self.triangles).astype(np.float32)
            object.__setattr__(self, "_visibility", visibility)
            return visibility
        return self._visibility


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class MorphableResult(FaceResult):
    """A face as coefficients of a morphable model and a camera.

    Attributes:
        model: the face model, shared by all results of a method.
        identity: (K,) float32, standard deviations.
        expression: (E,) float32, weights in the order of ``model.expression_names``.
        camera: maps the model frame into the photo.
    """

    model: MorphableModel
    identity: Array
    expression: Array
    camera: WeakPerspective

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
        return cls(
            detection=detection,
            crop_box=crop_box,
            pose=Pose.of_camera(camera),
            landmarks_image=camera.image_from_model(landmarks_model),
            landmark_scheme=DEFAULT_SCHEME,
            vertices_image=camera.image_from_model(vertices_model),
            triangles=model.triangles,
            uncertainty_mm=uncertainty_mm,
            model=model,
            identity=identity,
            expression=expression,
            camera=camera,
        )

    @property
    def vertices_model(self) -> Array:
        """(N, 3) float32 mm, frame `model`: the face itself, not turned, with its expression."""
        return self.camera.model_from_image(self.vertices_image)

    @property
    def blendshapes(self) -> dict[str, float]:
        """Weight of each expression by ARKit's name, clipped to the model's bounds (0..1 for blendshapes).

        The built-in model gives ARKit's 52 names without `tongueOut`, which is not measured. Weights of both
        sides of `browInnerUp` and `cheekPuff` are merged (:data:`ARKIT_NAME_OF_SIDE`); `expression` has them
        one by one. Statistical modes keep the model's own names and are not clipped.
        """
        weights = self.expression
        if self.model.expression_bounds is not None:
            weights = np.clip(weights, *self.model.expression_bounds)
        sides: dict[str, list[float]] = {}
        for name, weight in zip(self.model.expression_names, weights.tolist(), strict=False):
            sides.setdefault(ARKIT_NAME_OF_SIDE.get(name, name), []).append(weight)
        return {name: sum(both) / len(both) for name, both in sides.items()}

    def strongest_blendshapes(self, count: int = 6) -> list[tuple[str, float]]:
        """Names and weights of the strongest of :attr:`blendshapes`, strongest first."""
        return sorted(self.blendshapes.items(), key=lambda item: -item[1])[:count]

    def landmarks(self, scheme: str = DEFAULT_SCHEME) -> Array:
        """(P, 3) float32 px of the photo: the landmarks of one of ``model.schemes``.

        Those of `landmark_scheme` are `landmarks_image`, which a method may have found by themselves; others
        come from the coefficients.

        Raises:
            ConfigError: the model has no such scheme.
        """
        if scheme == self.landmark_scheme:
            return self.landmarks_image
        layout = self.model.schemes.get(scheme)
        if layout is None:
            raise ConfigError(
                f"The face model {self.model.name!r} has no landmark scheme {scheme!r}. "
                f"Choose from {', '.join(sorted(self.model.schemes))}."
            )
        points_model = layout.points_model(self.vertices_model, self.identity, self.expression)
        return self.camera.image_from_model(points_model)


def faces_table(faces: Sequence[FaceResult], *, most: int = 20) -> str:
    """A table of HTML with a line a face, as Jupyter shows them: number, pose, score, strongest expressions.

    Args:
        faces: of one photo, numbered as in its overlay.
        most: lines; of the others only their number is told.
    """
    if not faces:
        return notebook.line("no face found")
    rows = []
    for number, face in enumerate(faces[:most]):
        angles = (f"{angle:+.1f}°" for angle in face.pose.angles_deg)
        strongest = ", ".join(f"{name} {weight:.2f}" for name, weight in face.strongest_blendshapes(3))
        rows.append((str(number), *angles, f"{face.detection.score:.2f}", strongest))
    header = ("face", "yaw", "pitch", "roll", "score", "strongest expressions")
    rest = notebook.line(f"and {len(faces) - most} more") if len(faces) > most else ""
    return notebook.table(rows, header=header) + rest


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

    def _repr_html_(self) -> str:
        """What Jupyter shows: what was given, and its faces or what went wrong."""
        name = str(self.source) if isinstance(self.source, str | os.PathLike) else type(self.source).__name__
        if self.error is not None:
            return notebook.line(f"{name}: {self.error}")
        return notebook.line(name) + faces_table(self.faces)
