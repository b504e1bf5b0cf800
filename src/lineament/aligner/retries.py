"""Faces of which a method is in doubt, predicted again; and which of its predictions is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lineament.aligner.second_look import Align, SecondLook
from lineament.belief import is_beyond, limit_at, uncertainty_mm
from lineament.image import Picture
from lineament.result import Detection, FaceResult

ON_ITS_HEAD = -0.5
"""Cosine of the roll beyond which, 120 degrees, a face is predicted upright too."""

QUARTERS = (math.pi / 2, math.pi, -math.pi / 2)
"""Turns at which a doubtful face in a given box is predicted again; boxes are taken as upright at first.

Of the 400 faces of ``aflw2000_dev`` turned by 90, 180 and 270 degrees, "default" has errors above 15 % on 1,
2 and 1; without them it had them on all 400 that stand on their heads. Upright none has."""

HALVES = (None, math.pi)
"""The same for what a detector found: upright (None), and the other way round."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Aligns faces, and the doubtful ones again.

    Attributes:
        align: predicts faces as well as it can.
        first_look: predicts what was found more quickly; None leaves that to `align`.
        max_uncertainty_mm: what was found and is less certain is no face.
        second_look: settles what was found and is doubtful; without it what is certain at first is believed.
    """

    align: Align
    first_look: Align | None
    max_uncertainty_mm: float
    second_look: SecondLook | None = None

    def given(self, photos: Sequence[Picture], detections: Sequence[Detection]) -> list[FaceResult]:
        """The faces at places that somebody named, none dropped.

        Args:
            photos: the photo of each place.
            detections: the places, as upright as somebody took them for.
        """
        faces = self.align(photos, detections)
        limit_mm = self.max_uncertainty_mm / 2
        doubtful = [number for number, face in enumerate(faces) if is_beyond(face, limit_mm)]
        for number, others in self._rotated(photos, faces, doubtful, QUARTERS):
            first, best = faces[number], min(others, key=uncertainty_mm)
            if uncertainty_mm(best) < uncertainty_mm(first) / 2:
                faces[number] = replace(best, detection=first.detection)
        return faces

    def found(self, photos: Sequence[Picture], detections: Sequence[Detection]) -> list[FaceResult | None]:
        """The faces at places that a detector found, None for what is no face.

        Args:
            photos: the photo of each place.
            detections: the places.
        """
        first_faces = self._first_faces(photos, detections)
        faces, certain = [*first_faces], [not is_beyond(face, self._limit_mm(face)) for face in first_faces]
        for number, others in self._rotated(photos, first_faces, self._doubtful(first_faces), HALVES):
            first = first_faces[number]
            faces[number] = min(first, *others, key=uncertainty_mm)
            certain[number] |= not is_beyond(faces[number], self._limit_mm(first) / 2)
        believed: list[FaceResult | None]
        if self.second_look is None:
            believed = [face if is_certain else None for face, is_certain in zip(faces, certain)]
        else:
            believed = self.second_look.settled(photos, faces, certain)
        return [face if face is not None and face.is_finite else None for face in believed]

    def _first_faces(self, photos: Sequence[Picture], detections: Sequence[Detection]) -> list[FaceResult]:
        """Faces after a quick first look, the doubtful ones without it where that is more certain."""
        if self.first_look is None:
            return self.align(photos, detections)
        faces = self.first_look(photos, detections)
        doubtful = self._doubtful(faces)
        again = self.align([photos[n] for n in doubtful], [detections[n] for n in doubtful])
        for number, face in zip(doubtful, again, strict=True):
            faces[number] = min(faces[number], face, key=uncertainty_mm)
        return faces

    def _rotated(
        self,
        photos: Sequence[Picture],
        faces: Sequence[FaceResult],
        doubtful: Sequence[int],
        turns: Sequence[float | None],
    ) -> list[tuple[int, list[FaceResult]]]:
        """For each doubtful face its number, and the face as predicted at other rolls; see `QUARTERS`."""
        rotated = [
            replace(found, roll=0.0 if turn is None else found.roll + turn)
            for found in (faces[number].detection for number in doubtful)
            for turn in turns
        ]
        again = self.align([photos[number] for number in doubtful for _ in turns], rotated)
        return [
            (number, again[row * len(turns) : (row + 1) * len(turns)]) for row, number in enumerate(doubtful)
        ]

    def _doubtful(self, faces: Sequence[FaceResult]) -> list[int]:
        """Numbers of faces that were found and are to be predicted again."""
        return [
            number
            for number, face in enumerate(faces)
            if face.uncertainty_mm is not None
            and (is_beyond(face, self._limit_mm(face)) or math.cos(face.detection.roll) < ON_ITS_HEAD)
        ]

    def _limit_mm(self, face: FaceResult) -> float:
        return limit_at(face.detection.score, self.max_uncertainty_mm)
