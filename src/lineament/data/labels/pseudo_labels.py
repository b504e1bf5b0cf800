"""Faces that our own aligner proposes for photographs without landmarks, and how they are checked.

A pseudo label is kept only if the aligner, shown the face again, mirrored and in another crop box, says the
same: what it merely guesses (a blurred or hidden face, a thing that is no face) comes out differently. The
mean of both predictions is the fit; it is better than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament import FaceAligner, MorphableModel, MorphableResult
from lineament.data.samples.view import mirrored_camera
from lineament.errors import ConfigError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angle_between

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

SCHEME = "300w-lp"


@dataclass(frozen=True, slots=True)
class PseudoLabelChecks:
    """When a proposed face is kept.

    Attributes:
        min_score: of the detection.
        min_inside: fraction of the 68 landmarks that lie in the photograph.
        max_apart: mean distance of the landmarks of both predictions, as a fraction of the face's size.
        max_turn: angle between the poses of both predictions, radians.
        max_identity: root mean square of the identity's coefficients; larger is nobody's face.
        max_uncertainty_mm: of what the aligner says of itself, where it does.
        shift: how far the second pass's box is moved down, as a fraction of its height.
        growth: how much larger the second pass's box is.
    """

    min_score: float = 0.5
    min_inside: float = 0.9
    max_apart: float = 0.025
    max_turn: float = np.radians(8)
    max_identity: float = 2.5
    max_uncertainty_mm: float = 3.5
    shift: float = 0.06
    growth: float = 1.08


@dataclass(frozen=True, slots=True)
class PseudoLabel:
    """A proposed face.

    Attributes:
        camera: of the head in the photograph.
        identity: (K,).
        expression: (E,).
        apart: distance of both predictions' landmarks, as a fraction of the face's size.
        reason: why it is not to be used; empty where it passes all checks.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    apart: float
    reason: str


class Proposer:
    """Proposes the faces of photographs.

    Args:
        aligner: whose results are coefficients of `model`.
        model: the face model.
        checks: when a face is kept.
    """

    def __init__(
        self, aligner: FaceAligner, model: MorphableModel, checks: PseudoLabelChecks | None = None
    ) -> None:
        self._aligner = aligner
        self._model = model
        self._checks = checks or PseudoLabelChecks()

    def propose(self, photo: Image8, *, boxes: ArrayLike | None = None) -> list[PseudoLabel]:
        """The faces of one photograph, largest first, those that fail a check with the reason.

        Args:
            photo: (H, W, 3) uint8 RGB.
            boxes: (n, 4) px of faces known already; found when None.

        Raises:
            BoxError: a box that is none.
        """
        first = [self._own(face) for face in self._aligner(photo, boxes=boxes)]
        if not first:
            return []
        mirrored_boxes = [self._second_box(face, photo.shape[1]) for face in first]
        mirrored = self._aligner(np.ascontiguousarray(photo[:, ::-1]), boxes=mirrored_boxes)
        pairs = zip(first, [self._own(face) for face in mirrored], strict=True)
        found = [self._judged(one, two, photo) for one, two in pairs]
        return sorted(found, key=lambda pseudo_label: -pseudo_label.camera.scale)

    def _own(self, face: object) -> MorphableResult:
        if not isinstance(face, MorphableResult) or face.model.name != self._model.name:
            raise ConfigError(
                f"Photographs without landmarks need an aligner that gives coefficients of "
                f"{self._model.name!r}: use the weights called 'default'."
            )
        return face

    def _second_box(self, face: MorphableResult, width: int) -> Array:
        """(4,) the face's box in the mirror, moved down and grown."""
        low, high = (f(face.landmarks_image[:, :2], axis=0) for f in (np.min, np.max))
        half = (high - low) / 2 * self._checks.growth
        center = (low + high) / 2
        center = np.array([width - center[0], center[1] + self._checks.shift * (high - low)[1]])
        return np.concatenate([center - half, center + half])

    def _judged(self, one: MorphableResult, mirrored: MorphableResult, photo: Image8) -> PseudoLabel:
        """The mean of two predictions, and whether they are close enough."""
        camera = mirrored_camera(mirrored.camera, width=photo.shape[1])
        identity, expression = self._model.mirrored(mirrored.identity, mirrored.expression)
        both = [
            self._model.landmarks_model(identity, expression, scheme=SCHEME),
            self._model.landmarks_model(one.identity, one.expression, scheme=SCHEME),
        ]
        points = camera.image_from_model(both[0])[:, :2], one.camera.image_from_model(both[1])[:, :2]
        apart = float(np.linalg.norm(points[0] - points[1], axis=-1).mean() / face_size(points[1]))
        turn = float(angle_between(camera.rotation, one.camera.rotation))
        mean = _mean_camera(one.camera, camera)
        return PseudoLabel(
            camera=mean,
            identity=(one.identity + identity) / 2,
            expression=(one.expression + expression) / 2,
            apart=apart,
            reason=self._objection(one, points[1], photo.shape[:2], apart, turn),
        )

    def _objection(
        self, face: MorphableResult, points: Array, size_hw: Sequence[int], apart: float, turn: float
    ) -> str:
        """Why a face is not to be used; empty when nothing speaks against it."""
        checks, score = self._checks, float(face.detection.score)
        inside = float(((points >= 0) & (points < [size_hw[1], size_hw[0]])).all(axis=-1).mean())
        deviation = float(np.sqrt(np.mean(face.identity**2)))
        if score < checks.min_score:
            return f"the face was found with a score of {score:.2f}, less than {checks.min_score}"
        if inside < checks.min_inside:
            return f"only {inside:.0%} of the face lie in the photograph"
        if apart > checks.max_apart or turn > checks.max_turn:
            return (
                f"two predictions of the face differ by {apart:.1%} of its size and "
                f"{np.degrees(turn):.0f} degrees: it is not seen well enough"
            )
        if (face.uncertainty_mm or 0.0) > checks.max_uncertainty_mm:
            return f"the aligner is uncertain of the face by {face.uncertainty_mm:.1f} mm"
        if deviation > checks.max_identity:
            return f"the fitted face is {deviation:.1f} standard deviations from the mean face"
        return ""


def face_size(points_image: Array) -> float:
    """Square root of the area of the points' upright box, px."""
    return float(np.sqrt(np.prod(np.ptp(points_image[:, :2], axis=0))))


def _mean_camera(one: WeakPerspective, two: WeakPerspective) -> WeakPerspective:
    """The camera half way between two that are close."""
    left, _, right = np.linalg.svd(one.rotation + two.rotation)
    rotation = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    translation = (np.asarray(one.translation, float) + two.translation) / 2
    return WeakPerspective(rotation, float(np.sqrt(one.scale * two.scale)), translation)
