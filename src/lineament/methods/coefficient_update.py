"""Pose and coefficients moved by what close-ups show: one step of a Kalman filter on the face model.

A network that sees a whole face knows pose, identity and expression to within errors that go together: their
covariance was measured. A network that sees an eye or a mouth alone knows points and keys there to within
other errors, measured too. The face that both explain best is a linear update (Kalman 1960; an extended
filter's, since points depend on the pose): it stays a face of the model, moves what is not seen along with
what is, and moves nothing by more than errors of that size explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox, upright_roll
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles, matrix_from_vector, vector_from_matrix
from lineament.methods.closeup import CloseUp

Array: TypeAlias = NDArray[Any]

POSE = 6
"""Numbers of the pose in a state: rotation vector, logarithm of the scale, shift in mm; axes of the upright
head as it is seen: x right, y up, z to the viewer."""
TRUSTED_YAW = float(np.radians(30))
"""Where close-ups count half. Their labels are fits to MediaPipe's mesh, which beyond is turned too little.
On ``aflw2000_dev`` beyond 60 degrees the error is 4.46 % with full trust everywhere, 4.10 with 45 degrees
here, 4.07 with 30, and 4.11 without close-ups; on CFP's profiles, in this order, 3.12, 3.14, 3.18, 3.23."""
MAX_SURPRISE = 6.0
"""A close-up whose mean squared deviation is so many times the expected one shows something else: a hand."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceState:
    """A face as an update sees it.

    Attributes:
        camera: of the head in the photo.
        identity: (K,).
        expression: (E,).
    """

    camera: WeakPerspective
    identity: Array
    expression: Array

    def moved(self, step: Array) -> FaceState:
        """The face after a step.

        Args:
            step: (6 + K + E,), see :data:`POSE`.
        """
        turn = matrix_from_angles(0.0, 0.0, upright_roll(self.camera.rotation))
        rotation = turn @ matrix_from_vector(step[:3]) @ turn.T @ self.camera.rotation
        shift = turn[:2, :2] @ step[4:6] * self.camera.scale
        translation = np.array(self.camera.translation, np.float64)
        translation[:2] += shift * (1, -1)
        camera = WeakPerspective(
            rotation.astype(self.camera.rotation.dtype),
            self.camera.scale * float(np.exp(step[3])),
            translation,
        )
        identity, expression = np.split(step[POSE:], [len(self.identity)])
        return FaceState(
            camera,
            (self.identity + identity).astype(self.identity.dtype),
            (self.expression + expression).astype(self.expression.dtype),
        )

    def step_to(self, other: FaceState) -> Array:
        """(6 + K + E,) the step that leads to another face: the inverse of :meth:`moved`."""
        turn = matrix_from_angles(0.0, 0.0, upright_roll(self.camera.rotation))
        vector = vector_from_matrix(turn.T @ other.camera.rotation @ self.camera.rotation.T @ turn)
        shift = (np.asarray(other.camera.translation)[:2] - self.camera.translation[:2]) * (1, -1)
        return np.concatenate(
            [
                vector,
                [np.log(other.camera.scale / self.camera.scale)],
                turn[:2, :2].T @ shift / self.camera.scale,
                other.identity - self.identity,
                other.expression - self.expression,
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What a network reads off a close-up.

    Attributes:
        close_up: which part.
        box: where it was cut, upright around the head.
        points: (P, 2) sides of the close-up from its middle, as the network saw it, mirrored or not.
        keys: (K,) expression keys.
    """

    close_up: CloseUp
    box: CropBox
    points: Array
    keys: Array


@dataclass(frozen=True, slots=True, eq=False)
class CoefficientUpdate:
    """The measured errors of both kinds of networks, and the update that they make.

    Attributes:
        prior: (6 + K + E, 6 + K + E) covariance of what the face's step lacks.
        noise: by part, (2P + K, 2P + K) covariance of the errors of its points, sides, and keys.
    """

    prior: Array
    noise: dict[str, Array]

    def __call__(self, face: FaceState, sightings: Sequence[tuple[str, Sighting]]) -> FaceState:
        """The face that it and the close-ups explain best.

        Args:
            face: as seen whole.
            sightings: name of the part, which is a key of `noise`, and what was seen.
        """
        if not sightings:
            return face
        seen = [expected(face, sighting) for _, sighting in sightings]
        slope = np.concatenate([rows for rows, _ in seen])
        deviation = np.concatenate([apart for _, apart in seen])
        moved = slope @ self.prior
        spread = moved @ slope.T
        kept, start, distrust = np.ones(len(deviation), bool), 0, _distrust(face.camera)
        for part, _ in sightings:
            noise = self.noise[part] * distrust
            rows = slice(start, start + len(noise))
            spread[rows, rows] += noise
            own = deviation[rows]
            kept[rows] = own @ np.linalg.solve(spread[rows, rows], own) <= MAX_SURPRISE * len(own)
            start = rows.stop
        if not kept.any():
            return face
        if not kept.all():
            moved, deviation, spread = moved[kept], deviation[kept], spread[np.ix_(kept, kept)]
        return face.moved(np.linalg.solve(spread, deviation) @ moved)


def expected(face: FaceState, sighting: Sighting) -> tuple[Array, Array]:
    """How what a close-up shows depends on the face, and how far it is from what the face has there.

    Returns:
        (2P + K, 6 + K + E) derivatives, and (2P + K,) deviations, points before keys, x and y in turn, in
        sides of the close-up as the network saw it.
    """
    part, box = sighting.close_up, sighting.box
    camera = box.camera_in_crop(face.camera)
    model = part.points
    points = model.vertices_model(face.identity, face.expression).astype(np.float64)
    rotation = np.asarray(camera.rotation, np.float64)
    seen = points @ rotation.T  # (P, 3) mm, axes of the close-up, y up
    per_side = camera.scale / box.size
    x, y, z = seen.T
    zero = np.zeros_like(x)
    pose = np.array(
        [
            [zero, z, -y, x, zero + 1, zero],
            [-z, zero, x, y, zero, zero + 1],
        ]
    )  # (2, 6, P)
    shape = np.moveaxis(part.bases @ rotation[:2].T, -1, 0)  # (2, C, P)
    slope = np.concatenate([pose, shape], axis=1) * per_side
    slope[1] *= -1  # y down
    there = camera.image_from_model(points)[:, :2] / box.size - 0.5
    if part.mirrored:
        slope[0] *= -1
        there = there * (-1, 1)
    count = len(model.neutral_model)
    whole = np.zeros((2 * count + len(part.keys), slope.shape[1]))
    whole[: 2 * count] = slope.transpose(2, 0, 1).reshape(2 * count, -1)
    whole[2 * count + np.arange(len(part.keys)), POSE + len(face.identity) + part.keys] = 1
    deviation = np.concatenate(
        [(sighting.points - there).ravel(), sighting.keys - face.expression[part.keys]]
    )
    return whole, deviation


def _distrust(camera: WeakPerspective) -> float:
    """Factor on the variances of close-ups of a head that is turned; see :data:`TRUSTED_YAW`."""
    yaw = float(np.arctan2(camera.rotation[0, 2], camera.rotation[2, 2]))
    return 1 + (yaw / TRUSTED_YAW) ** 4
