"""A second look at doubtful faces: detector and method are both asked again where the face was aligned.

A detector that was not sure has often framed a face badly, a profile with all of its hair for instance. Where
the alignment found the face all the same, it tells a better place, at which the detector sees it upright and
in the middle, and from which it is aligned once more. Of a face all of these agree; of a sleeve they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.belief import (
    AGREEMENT,
    CONFIRMING_SCORE,
    CONFIRMING_TURN,
    LOW_SCORE,
    is_beyond,
    second_limit,
)
from lineament.crop import upright_roll
from lineament.detect import CloserDetector, overlap
from lineament.image import Picture
from lineament.result import DEFAULT_SCHEME, Detection, FaceResult

Array: TypeAlias = NDArray[Any]
Align: TypeAlias = Callable[[Sequence[Picture], Sequence[Detection]], list[FaceResult]]
"""One face for each detection, on the photo at the same place."""

FRAMED = 0.5
"""Overlap with the box of its landmarks from which a detection has framed its face."""
LEAST_PX = 1.0  # sides of a box of landmarks that has anything to look at


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Confirms doubtful faces.

    Attributes:
        detector: looks at where the faces were aligned.
        align: predicts faces as well as it can.
        max_uncertainty_mm: what is less certain is no face.
    """

    detector: CloserDetector
    align: Align
    max_uncertainty_mm: float

    def settled(
        self, photos: Sequence[Picture], faces: Sequence[FaceResult], certain: Sequence[bool]
    ) -> list[FaceResult | None]:
        """The faces that are believed, None for the others.

        What is certain, was found by a sure detection and framed well stays as it is. All else is looked at
        again: where both looks agree, the face has the result and the detector's box of the second. Where
        they do not, what was doubtful is none, and what was framed badly stays.

        Args:
            photos: the photo of each face.
            faces: as aligned at first.
            certain: whether each is certain enough to be believed if its detection is.
        """
        sure = [c and face.detection.score >= LOW_SCORE for face, c in zip(faces, certain, strict=True)]
        settled = [face if is_sure else None for face, is_sure in zip(faces, sure, strict=True)]
        due = [
            number
            for number, face in enumerate(faces)
            if face.is_finite and not (sure[number] and _is_framed(face))
        ]
        seen = {number: self._look(photos[number], faces[number]) for number in due}
        looks = {n: look for n, look in seen.items() if look is not None and (certain[n] or look.confirms)}
        again = self.align([photos[number] for number in looks], [look.place for look in looks.values()])
        for (number, look), face in zip(looks.items(), again, strict=True):
            score = min(look.score, faces[number].detection.score)
            limit_mm = second_limit(score, self.max_uncertainty_mm, certain=certain[number])
            if face.is_finite and not is_beyond(face, limit_mm) and _agree(faces[number], face):
                settled[number] = face
        return settled

    def _look(self, photo: Picture, face: FaceResult) -> _Look | None:
        """What the detector sees where a face was aligned; None where that is no place."""
        box_xyxy, roll = landmark_box(face).astype(np.float32), upright_roll(face.camera.rotation)
        if np.any(box_xyxy[2:] - box_xyxy[:2] < LEAST_PX):
            return None
        place = Detection(box_xyxy, face.detection.score, roll)
        (seen,) = self.detector.look_closer(photo, [place])
        turn = abs(float(np.angle(np.exp(1j * (seen.roll - roll)))))
        confirms = seen.score >= CONFIRMING_SCORE and turn <= CONFIRMING_TURN
        return _Look(replace(place, box_xyxy=seen.box_xyxy) if confirms else place, seen.score, confirms)


@dataclass(frozen=True, slots=True)
class _Look:
    """Where a face is to be aligned again.

    Attributes:
        place: with the box of the detector's look where that confirms the face, else of its landmarks.
        score: of that look.
        confirms: whether the detector sees the face as it was aligned.
    """

    place: Detection
    score: float
    confirms: bool


def _is_framed(face: FaceResult) -> bool:
    """Whether the detection's box is about that of the landmarks."""
    return bool(overlap(np.asarray(face.detection.box_xyxy), landmark_box(face)[None])[0] >= FRAMED)


def _agree(first: FaceResult, second: FaceResult) -> bool:
    """Whether two alignments have the landmarks at the same places."""
    points, others = (np.asarray(landmarks_68(face), np.float64)[:, :2] for face in (first, second))
    box_xyxy = landmark_box(first)
    apart = float(np.linalg.norm(points - others, axis=1).mean())
    return apart <= AGREEMENT * float(np.max(box_xyxy[2:] - box_xyxy[:2]))


def landmarks_68(face: FaceResult) -> Array:
    """(68, 3) px, whatever landmarks are wanted; those of the method with a mesh that has no such scheme."""
    return face.landmarks(DEFAULT_SCHEME) if DEFAULT_SCHEME in face.mesh.schemes else face.landmarks_image


def landmark_box(face: FaceResult) -> Array:
    """(4,) left, top, right, bottom px of the 68 landmarks."""
    points = np.asarray(landmarks_68(face), np.float64)[:, :2]
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
