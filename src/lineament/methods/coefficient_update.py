"""Pose and coefficients moved by what close-ups show: one step of a Kalman filter on the face model.

A network that sees a whole face knows pose, identity and expression to within errors that go together: their
covariance was measured. A network that sees an eye or a mouth alone knows points and keys there to within
other errors, measured too. The face that both explain best is a linear update (Kalman 1960; an extended
filter's, since points depend on the pose): it stays a face of the model, moves what is not seen along with
what is, and moves nothing by more than errors of that size explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox, upright_roll
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_roll, matrix_from_vector, vector_from_matrix
from lineament.methods.closeup import CloseUp
from lineament.result.face_mask import FaceMask

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
        vertices_image: (N, 3) px of the photo, where a method knows better than camera and coefficients where
            they are; None where these say it.
        shown: what is seen in front of the face; None where nobody looked.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    vertices_image: Array | None = None
    shown: FaceMask | None = None

    def places(self, part: CloseUp) -> tuple[Array, Array]:
        """(P, 3) mm, model frame, and (P, 3) px of the photo: where the points of a part are."""
        points = part.points.vertices_model(self.identity, self.expression).astype(np.float64)
        if self.vertices_image is None:
            return points, self.camera.image_from_model(points)
        return points, part.points_on(self.vertices_image, self.camera, self.expression)

    def moved(self, step: Array) -> FaceState:
        """The face that camera and coefficients are of after a step.

        Args:
            step: (6 + K + E,), see :data:`POSE`.
        """
        turn = matrix_from_roll(upright_roll(self.camera.rotation))
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
        turn = matrix_from_roll(upright_roll(self.camera.rotation))
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
class Evidence:
    """What close-ups say of a face, on a scale on which its errors are independent and of variance one.

    Attributes:
        slope: (M, 6 + K + E) derivatives by the step.
        deviation: (M,) from what the face has.
    """

    slope: Array
    deviation: Array

    def left_by(self, step: Array) -> Array:
        """(M,) what a step (6 + K + E,) leaves of the deviation."""
        left: Array = self.deviation - self.slope @ step
        return left

    def rows(self, chosen: Array | slice) -> Evidence:
        """Some of it."""
        return Evidence(self.slope[chosen], self.deviation[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class CoefficientUpdate:
    """The measured errors of both kinds of networks, and the update that they make.

    It is the filter's information form, for close-ups have more rows than a face has coefficients. Its step
    is that of the gain, ``prior S' (S prior S' + noise)^-1 deviation``, to rounding (Woodbury's identity).

    Attributes:
        prior: (6 + K + E, 6 + K + E) covariance of what the face's step lacks.
        noise: by part, (2P + K, 2P + K) covariance of the errors of its points, sides, and keys.
        information: (6 + K + E, 6 + K + E) inverse of `prior`.
        whitening: by part, (2P + K, 2P + K) float32, lower triangular, by which deviations become
            independent, of variance one.

    Raises:
        numpy.linalg.LinAlgError: one of them is not positive definite.
    """

    prior: Array
    noise: dict[str, Array]
    information: Array = field(init=False, repr=False)
    whitening: dict[str, Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Invert what no face changes."""
        root = _inverse_root(self.prior)
        object.__setattr__(self, "information", root.T @ root)
        whitening = {part: _inverse_root(noise).astype(np.float32) for part, noise in self.noise.items()}
        object.__setattr__(self, "whitening", whitening)

    def __call__(self, face: FaceState, sightings: Sequence[tuple[str, Sighting]]) -> FaceState:
        """The face that it and the close-ups explain best.

        Args:
            face: as seen whole.
            sightings: name of the part, which is a key of `noise`, and what was seen.
        """
        if not sightings:
            return face
        evidence, of_each = self._evidence(face, sightings)
        step = self._best_step(evidence)
        is_believed = self._are_believed(evidence, of_each, step)
        if not any(is_believed):
            return face
        if not all(is_believed):
            kept = np.concatenate(
                [np.full(own.stop - own.start, yes) for own, yes in zip(of_each, is_believed)]
            )
            step = self._best_step(evidence.rows(kept))
        return face.moved(step)

    def _evidence(
        self, face: FaceState, sightings: Sequence[tuple[str, Sighting]]
    ) -> tuple[Evidence, list[slice]]:
        """What all sightings say of a face together, and the rows of each."""
        ends = list(accumulate(len(self.noise[part]) for part, _ in sightings))
        of_each = [slice(start, end) for start, end in zip([0, *ends], ends)]
        evidence = Evidence(np.empty((ends[-1], len(self.prior)), np.float32), np.empty(ends[-1], np.float32))
        trust = np.float32(1 / np.sqrt(_distrust(face.camera)))
        places = [face.places(sighting.close_up) for _, sighting in sightings]
        believed = beliefs(face.shown, [(own, seen) for (_, own), (_, seen) in zip(sightings, places)])
        for own, (part, sighting), place, belief in zip(of_each, sightings, places, believed, strict=True):
            slope, deviation = expected(face, sighting, place)
            whitening = self.whitening[part] * (trust * belief)
            np.matmul(whitening, slope, out=evidence.slope[own])
            np.matmul(whitening, deviation.astype(np.float32), out=evidence.deviation[own])
        return evidence, of_each

    def _best_step(self, evidence: Evidence) -> Array:
        """(6 + K + E,) the likeliest step."""
        slope = evidence.slope
        return np.linalg.solve(self.information + slope.T @ slope, slope.T @ evidence.deviation)

    def _are_believed(self, evidence: Evidence, of_each: Sequence[slice], step: Array) -> list[bool]:
        """Whether a likely step explains each sighting: whether it surprises less than :data:`MAX_SURPRISE`.

        ``deviation' (S prior S' + noise)^-1 deviation`` is the least that any step costs. That of the step
        for all sightings is an upper bound, which most often settles it.

        Args:
            evidence: of all sightings.
            of_each: the rows of each of them.
            step: the likeliest.
        """
        unlikely, left = self._unlikelihood(step), evidence.left_by(step)
        return [
            unlikely + _square(left[own]) <= MAX_SURPRISE * (own.stop - own.start)
            or self._least_cost(evidence.rows(own)) <= MAX_SURPRISE * (own.stop - own.start)
            for own in of_each
        ]

    def _least_cost(self, evidence: Evidence) -> float:
        """How unlikely the likeliest step and what it leaves are together, in squared standard deviations."""
        step = self._best_step(evidence)
        return self._unlikelihood(step) + _square(evidence.left_by(step))

    def _unlikelihood(self, step: Array) -> float:
        """Of a step by itself, in squared standard deviations."""
        return float(step @ self.information @ step)


def expected(face: FaceState, sighting: Sighting, places: tuple[Array, Array]) -> tuple[Array, Array]:
    """How what a close-up shows depends on the face, and how far it is from what the face has there.

    Args:
        face: as seen whole.
        sighting: of one of its parts.
        places: that part's points, :meth:`FaceState.places`.

    Returns:
        (2P + K, 6 + K + E) derivatives, and (2P + K,) deviations, points before keys, x and y in turn, in
        sides of the close-up as the network saw it.
    """
    part, box = sighting.close_up, sighting.box
    camera = box.camera_in_crop(face.camera)
    points, points_image = places
    there = box.crop_from_image(points_image[:, :2]) / box.size - 0.5
    if part.mirrored:
        there *= (-1, 1)
    count, rows = 2 * len(points), POSE + len(face.identity) + part.keys
    slope = np.zeros((count + len(rows), POSE + part.bases.shape[-1]), np.float32)
    _fill_slope_of_points(slope[:count].reshape(len(points), 2, -1), part, camera, points, size=box.size)
    slope[count + np.arange(len(rows)), rows] = 1
    deviation = [(sighting.points - there).ravel(), sighting.keys - face.expression[part.keys]]
    return slope, np.concatenate(deviation)


def beliefs(shown: FaceMask | None, looks: Sequence[tuple[Sighting, Array]]) -> list[NDArray[np.float32]]:
    """How much of what close-ups say is believed where something is in front of the face.

    Where a point is hidden its network guesses, and the less of a part is free, the worse it guesses the
    rest.

    Args:
        shown: what is seen in front; None where nobody looked.
        looks: what was seen, and (P, 3) px of the photo: where the face has its points.

    Returns:
        One each, (2P + K,) in 0..1, points before keys: what divides the standard deviation of each error.
        That of a point is how surely it is seen, times the mean of all points; that of a key is this mean
        squared.
    """
    if shown is None:
        return [np.ones(2 * len(seen.points) + len(seen.keys), np.float32) for seen, _ in looks]
    surely = shown.at(np.concatenate([places for _, places in looks]), extended=True)
    ends = list(accumulate(len(places) for _, places in looks))
    return [
        _belief(surely[start:end], keys=len(seen.keys))
        for (seen, _), start, end in zip(looks, [0, *ends], ends)
    ]


def _belief(seen: Array, *, keys: int) -> NDArray[np.float32]:
    """(2P + K,) of one close-up, of whose points is known how surely each is seen, (P,)."""
    free = seen.mean()
    return np.concatenate([np.repeat(seen * free, 2), np.full(keys, free**2, np.float32)])


def _fill_slope_of_points(
    slope: Array, part: CloseUp, camera: WeakPerspective, points: Array, *, size: int
) -> None:
    """Write into (P, 2, 6 + K + E) zeros how a step moves the points of a part, sides of the close-up.

    Args:
        slope: to fill; x before y.
        part: whose points.
        camera: of the close-up before it is mirrored.
        points: (P, 3) mm, model frame.
        size: px of the close-up.
    """
    signs = np.array([[-1.0], [-1.0]]) if part.mirrored else np.array([[1.0], [-1.0]])  # y down
    side_per_mm = signs * (camera.scale / size)
    rotation = np.asarray(camera.rotation, np.float64)
    x, y, z = rotation @ points.T  # mm, axes of the close-up, y up
    slope[:, 0, 1], slope[:, 0, 2], slope[:, 0, 3], slope[:, 0, 4] = z, -y, x, 1
    slope[:, 1, 0], slope[:, 1, 2], slope[:, 1, 3], slope[:, 1, 5] = -z, x, y, 1
    slope[..., :POSE] *= side_per_mm
    np.matmul((side_per_mm * rotation[:2]).astype(slope.dtype), part.bases, out=slope[..., POSE:])


def _square(values: Array) -> float:
    """Sum of the squares of (M,) numbers."""
    return float(values @ values)


def _inverse_root(covariance: Array) -> Array:
    """(D, D) by which vectors of that covariance become independent, of variance one."""
    return np.linalg.inv(np.linalg.cholesky(covariance))


def _distrust(camera: WeakPerspective) -> float:
    """Factor on the variances of close-ups of a head that is turned; see :data:`TRUSTED_YAW`."""
    yaw = float(np.arctan2(camera.rotation[0, 2], camera.rotation[2, 2]))
    return 1 + (yaw / TRUSTED_YAW) ** 4
