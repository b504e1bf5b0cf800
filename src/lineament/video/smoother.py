"""One person's face through time without jitter, by any method whose results have a mesh.

The camera is filtered in the model's unit, rotations on the rotation group, in the tangent at the last one. A
face of coefficients is smoothed in its coefficients. What a method found beyond them, vertices or landmarks
of its own, is smoothed as its distance from them in the model frame, where the head does not move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_vector, vector_from_matrix
from lineament.result import FaceResult, FreeFormResult, MorphableResult
from lineament.video.one_euro import Filtered, OneEuro

Array = NDArray[Any]
Face = TypeVar("Face", bound=FaceResult)


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """Of a face. Turns in radians, places and points in mm, sizes as logarithms, expressions as weights."""

    turn: OneEuro = OneEuro(rest_hz=0.7, speed_hz=3.0, speed_cutoff_hz=2.0)
    place: OneEuro = OneEuro(rest_hz=0.7, speed_hz=0.06)
    size: OneEuro = OneEuro(rest_hz=0.5, speed_hz=6.0)
    expression: OneEuro = OneEuro(rest_hz=1.0, speed_hz=4.0)
    points: OneEuro = OneEuro(rest_hz=1.0, speed_hz=0.13)  # an open jaw is 30 mm from a shut one
    identity_s: float = 5.0  # over how many seconds the person's shape is averaged before it stands still
    longest_gap_s: float = 0.5  # after longer ones the motion begins anew; the shape is kept


@dataclass(slots=True)
class FaceSmoother:
    """Smooths the face of one person, frame after frame."""

    config: SmoothingConfig = field(default_factory=SmoothingConfig)
    _time_s: float = field(default=-math.inf, init=False)
    _kind: tuple[object, ...] = field(default=(), init=False)
    _rotation: Array | None = field(default=None, init=False)
    _turn: Filtered = field(init=False)
    _place: Filtered = field(init=False)
    _size: Filtered = field(init=False)
    _expression: Filtered = field(init=False)
    _vertices: Filtered = field(init=False)
    _landmarks: Filtered = field(init=False)
    _identity: Array | None = field(default=None, init=False)
    _identity_weight_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._rotation = None
        self._turn, self._place = Filtered(self.config.turn), Filtered(self.config.place)
        self._size = Filtered(self.config.size)
        self._expression = Filtered(self.config.expression)
        self._vertices, self._landmarks = Filtered(self.config.points), Filtered(self.config.points)

    def step(self, time_s: float, face: Face) -> Face:
        """The face smoothed, of its own kind and with its own landmark scheme.

        Args:
            time_s: of its frame; one that is not after the last counts as a millisecond later.
            face: of the same method as those before; with another one everything begins anew. One that is not
                finite is given back as it is, and forgotten.
        """
        if not face.is_finite:
            return face
        elapsed = self._elapsed(time_s, face)
        camera = self._smooth_camera(face.camera, elapsed)
        smooth = self._smooth_shape(face, camera, elapsed)
        own = face.camera.model_from_image(face.landmarks_image) - _points_model(face)
        landmarks_model = _points_model(smooth) + self._landmarks.step(own, elapsed)
        return replace(smooth, landmarks_image=camera.image_from_model(landmarks_model.astype(np.float32)))

    def _elapsed(self, time_s: float, face: FaceResult) -> float:
        """Seconds since the last face, at least a millisecond; a new start after gaps, for other methods."""
        elapsed = max(time_s - self._time_s, 1e-3)
        self._time_s = time_s
        kind = (type(face), face.mesh.name, face.vertices_image.shape, face.landmark_scheme)
        if kind != self._kind:
            self._kind, self._identity, self._identity_weight_s = kind, None, 0.0
            elapsed = math.inf
        if elapsed > self.config.longest_gap_s:
            self._begin()
            elapsed = self.config.longest_gap_s
        return elapsed

    def _smooth_shape(self, face: Face, camera: WeakPerspective, elapsed: float) -> Face:
        """The face with a smooth mesh in a smooth camera, its landmarks not yet."""
        if not isinstance(face, MorphableResult):
            return _with_mesh(face, camera, self._vertices.step(face.vertices_model, elapsed))
        identity = self._averaged(face, elapsed)
        weights = self._expression.step(face.expression[:, None].astype(np.float64), elapsed)
        expression = weights[:, 0].astype(np.float32)  # one by one: a blink is fast, whatever the mouth does
        vertices_model = face.model.vertices_model(identity, expression)
        if isinstance(face, FreeFormResult):
            nearest = face.model.vertices_model(face.identity, face.expression)
            vertices_model = vertices_model + self._vertices.step(face.vertices_model - nearest, elapsed)
        return replace(_with_mesh(face, camera, vertices_model), identity=identity, expression=expression)

    def _smooth_camera(self, camera: WeakPerspective, elapsed: float) -> WeakPerspective:
        rotation = np.asarray(camera.rotation, np.float64)
        if self._rotation is None:
            self._rotation = rotation
        else:
            step = vector_from_matrix(self._rotation.T @ rotation)
            self._rotation = self._rotation @ matrix_from_vector(self._turn.followed(step, elapsed))
        scale = float(np.exp(self._size.step(np.array([math.log(camera.scale)]), elapsed))[0])
        # The place is filtered in mm, by the smooth size: a jittering size must not move it.
        place = self._place.step(np.asarray(camera.translation, np.float64)[:2] / scale, elapsed) * scale
        depth = float(camera.translation[2])
        return WeakPerspective(self._rotation, scale, np.array([*place, depth]))

    def _averaged(self, face: MorphableResult, elapsed: float) -> Array:
        """The mean shape so far; the longer it is known the less a frame changes it.

        Frames that show the face from the side count less: its shape is seen worse there.
        """
        weight = min(elapsed, 0.1) * max(0.1, math.cos(face.pose.yaw) ** 2)
        identity = np.asarray(face.identity, np.float64)
        known = min(self._identity_weight_s, self.config.identity_s)
        if self._identity is None:
            self._identity = identity
        else:
            self._identity = self._identity + weight / (known + weight) * (identity - self._identity)
        self._identity_weight_s += weight
        return self._identity.astype(np.float32)


def _with_mesh(face: Face, camera: WeakPerspective, vertices_model: Array) -> Face:
    moved = replace(face, camera=camera)
    seen_by = getattr(moved, "perspective", None) or camera  # of faces whose distance is known
    return replace(moved, vertices_image=seen_by.image_from_model(vertices_model.astype(np.float32)))


def _points_model(face: FaceResult) -> Array:
    """(P, 3) mm: the landmarks as mesh and coefficients have them; zero where the mesh has no such scheme."""
    layout = face.mesh.schemes.get(face.landmark_scheme)
    if layout is None:
        return np.zeros_like(face.landmarks_image)
    return face.points_model(layout)
