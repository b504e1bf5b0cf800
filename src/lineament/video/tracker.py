"""Who is who in a video: faces followed from frame to frame, found again after they were away.

Between two looks of the detector a face is aligned in the square around where it is expected; the detector
confirms faces, finds new ones, and ends those it no longer sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.aligner.second_look import landmark_box
from lineament.crop import upright_roll
from lineament.detect import overlap
from lineament.errors import ConfigError
from lineament.result import Detection, FaceResult, MorphableResult

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """When the detector looks, and when two faces are one person's."""

    detect_every_s: float = 0.2
    overlap: float = 0.25  # least intersection over union of a face expected and one found
    same_place: float = 1.0  # distance, in sizes of the face, within which a face that was away returns
    same_place_s: float = 1.5  # for how long the place counts, then the shape has to agree
    same_shape: float = 0.75  # least correlation of identities
    remember_s: float = 60.0  # for how long a person that is away is remembered
    largest_step: float = 0.45  # sizes of the face; further from where it was expected it is lost
    ahead_s: float = 0.2  # for how long a face is expected to go on as it moved last
    same_face: float = 0.6  # intersection over union from which two faces of a frame are one


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face in a frame and whose it is."""

    person: int  # from 1, in the order in which people appear
    face: FaceResult


@dataclass(slots=True)
class _Track:
    """What is known of one person."""

    person: int
    face: FaceResult
    time_s: float
    velocity: Array = field(default_factory=lambda: np.zeros(2))  # px a second
    identity: Array | None = None
    weight: float = 0.0

    def expected_box(self, time_s: float, ahead_s: float) -> Array:
        """The landmarks' box, moved on as it moved last; not for longer than `ahead_s`."""
        return landmark_box(self.face) + np.tile(self.velocity * min(time_s - self.time_s, ahead_s), 2)

    def update(self, face: FaceResult, time_s: float) -> None:
        elapsed = time_s - self.time_s
        if 0 < elapsed < 0.5:
            moved = (_center(landmark_box(face)) - _center(landmark_box(self.face))) / elapsed
            self.velocity = 0.5 * self.velocity + 0.5 * moved
        else:
            self.velocity = np.zeros(2)
        if isinstance(face, MorphableResult):
            weight = max(0.05, float(np.cos(face.pose.yaw)) ** 2)
            before = np.zeros_like(face.identity) if self.identity is None else self.identity
            self.weight = min(self.weight + weight, 50.0)
            self.identity = before + weight / self.weight * (face.identity - before)
        self.face, self.time_s = face, time_s


class FaceTracker:
    """Follows the faces of one video; make a new one for another."""

    def __init__(self, aligner: FaceAligner, *, config: TrackingConfig | None = None) -> None:
        """Follow with an aligner that has a detector.

        Raises:
            ConfigError: the aligner has no detector.
        """
        if aligner.detector is None:
            raise ConfigError("This aligner has no detector, so no face would ever be found in a video.")
        self.aligner = aligner
        self.config = config or TrackingConfig()
        self._live: list[_Track] = []
        self._away: list[_Track] = []
        self._people = 0
        self._detected_s = -np.inf

    def step(self, time_s: float, picture: Array) -> list[TrackedFace]:
        """The faces of the next frame, by person.

        Args:
            time_s: of the frame, after the one before.
            picture: (H, W, 3) uint8 RGB.
        """
        self._away = [track for track in self._away if time_s - track.time_s < self.config.remember_s]
        self._follow(time_s, picture)
        if time_s - self._detected_s >= self.config.detect_every_s - 1e-6:
            self._detect(time_s, picture)
            self._detected_s = time_s
        found = [TrackedFace(track.person, track.face) for track in self._live]
        return sorted(found, key=lambda tracked: tracked.person)

    def _follow(self, time_s: float, picture: Array) -> None:
        """Align every live face where it is expected; those that jump or leave are away."""
        expected = [track.expected_box(time_s, self.config.ahead_s) for track in self._live]
        detections = [_detection(track.face, box) for track, box in zip(self._live, expected, strict=True)]
        faces = self.aligner.align(picture, detections, passes=1)
        kept: list[_Track] = []
        for track, box, face in zip(self._live, expected, faces, strict=True):
            if self._is_plausible(box, face, picture) and not self._is_taken(face, kept):
                track.update(face, time_s)
                kept.append(track)
            else:
                self._away.append(track)
        self._live = kept

    def _is_plausible(self, expected: Array, face: FaceResult, picture: Array) -> bool:
        box = landmark_box(face)
        size = _size(expected)
        step = np.linalg.norm(_center(box) - _center(expected)) / size
        inside = (_center(box) > 0).all() and (_center(box) < picture.shape[1::-1]).all()
        return bool(np.isfinite(box).all() and step < self.config.largest_step and inside)

    def _is_taken(self, face: FaceResult, tracks: Sequence[_Track]) -> bool:
        """Whether another person's face was found at the same place in this frame."""
        others = np.array([landmark_box(track.face) for track in tracks]).reshape(-1, 4)
        return bool((overlap(landmark_box(face), others) > self.config.same_face).any())

    def _detect(self, time_s: float, picture: Array) -> None:
        """Confirm live faces by the detector, end those it does not see, begin those that are new."""
        assert self.aligner.detector is not None
        detections = self.aligner.detector.detect(picture)
        boxes = np.array([detection.box_xyxy for detection in detections], np.float64).reshape(-1, 4)
        pairs = sorted(
            (
                (shared, t, d)
                for t, track in enumerate(self._live)
                for d, shared in enumerate(overlap(landmark_box(track.face), boxes).tolist())
            ),
            reverse=True,
        )
        tracks, taken = set(), set()
        for shared, t, d in pairs:
            if shared >= self.config.overlap and t not in tracks and d not in taken:
                tracks.add(t)
                taken.add(d)
        self._away += [track for t, track in enumerate(self._live) if t not in tracks]
        self._live = [track for t, track in enumerate(self._live) if t in tracks]
        new = [detection for d, detection in enumerate(detections) if d not in taken]
        for face in self.aligner.align_found(picture, new):
            if not self._is_taken(face, self._live):
                self._live.append(self._person_of(face, time_s))

    def _person_of(self, face: FaceResult, time_s: float) -> _Track:
        """The track of somebody who was away, if the place or the shape says so; else a new one's."""
        likely = [(self._likeness(track, face, time_s), number) for number, track in enumerate(self._away)]
        best, number = max(likely, default=(0.0, -1))
        if best > 0:
            track = self._away.pop(number)
        else:
            self._people += 1
            track = _Track(self._people, face, time_s)
        track.update(face, time_s)
        return track

    def _likeness(self, track: _Track, face: FaceResult, time_s: float) -> float:
        """Above 0 where a face is likely that of a person who was away."""
        here, there = landmark_box(face), landmark_box(track.face)
        distance = np.linalg.norm(_center(here) - _center(there)) / max(_size(there), 1e-9)
        if time_s - track.time_s < self.config.same_place_s and distance < self.config.same_place:
            return float(2 - distance)
        if not isinstance(face, MorphableResult) or track.identity is None:
            return 0.0
        alike = correlation(face.identity, track.identity)
        return alike if alike > self.config.same_shape else 0.0


def correlation(first: Array, second: Array) -> float:
    """Cosine of the angle between two vectors of coefficients; 0 where one is zero."""
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.dot(first, second)) / length if length > 0 else 0.0


def _detection(face: FaceResult, box: Array) -> Detection:
    """Where a face is expected, as the detector would say it."""
    return Detection(box.astype(np.float32), face.detection.score, upright_roll(face.pose.rotation))


def _center(box: Array) -> Array:
    return (box[:2] + box[2:]) / 2


def _size(box: Array) -> float:
    return float(np.max(box[2:] - box[:2]))
