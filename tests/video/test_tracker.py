"""Discs of different colours play the people: a colour is a shape, and a disc seen from afar is not seen."""

from dataclasses import replace

import numpy as np
import pytest

from faces import egg_face
from lineament.crop import CropBox
from lineament.errors import ConfigError
from lineament.result import Detection
from lineament.video import FaceTracker

RADIUS = 20
COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SHAPES = {(255, 0, 0): 1.0, (0, 255, 0): -1.0, (0, 0, 255): 0.0}


def picture_of(**places):
    """A dark picture with discs; of two at one place the first is in front."""
    picture = np.zeros((200, 400, 3), np.uint8)
    y, x = np.mgrid[0:200, 0:400] + 0.5
    for name, (center_x, center_y) in reversed(places.items()):
        picture[np.hypot(x - center_x, y - center_y) < RADIUS] = COLORS[name]
    return picture


class Discs:
    """Method, detector and aligner at once: exact on discs, blind elsewhere."""

    passes = 1

    def __init__(self):
        self.method = self.detector = self
        self.looks = 0

    def detect(self, picture):
        self.looks += 1
        found = []
        for color in COLORS.values():
            y, x = np.nonzero((picture == color).all(axis=-1))
            if len(x) > 0.5 * np.pi * RADIUS**2:
                center = np.array([x.mean() + 0.5, y.mean() + 0.5])
                found.append(Detection(np.float32([*(center - RADIUS), *(center + RADIUS)]), 0.9))
        return found

    def crop_rule(self, detection):
        left, top, right, bottom = detection.box_xyxy
        return CropBox(center_xy=((left + right) / 2, (top + bottom) / 2), side=2.5 * RADIUS, size=64)

    def reconstruct(self, picture, squares, *, detections, passes):
        return [
            self._face(picture, square, detection)
            for square, detection in zip(squares, detections, strict=True)
        ]

    def _face(self, picture, square, detection):
        center = np.array(square.center_xy)
        low = np.maximum(center - square.side / 2, 0).astype(int)
        high = (center + square.side / 2).astype(int)
        window = picture[low[1] : high[1], low[0] : high[0]]
        counts = (
            {color: (window == color).all(axis=-1).sum() for color in COLORS.values()} if window.size else {}
        )
        color = max(counts, key=counts.get, default=None)
        shape = 0.0
        if color is not None and counts[color] > 200:
            y, x = np.nonzero((window == color).all(axis=-1))
            center, shape = low + np.array([x.mean() + 0.5, y.mean() + 0.5]), SHAPES[color]
        face = egg_face(center_xy=tuple(center), scale=RADIUS / 70)
        identity = np.float32([shape, 1 - abs(shape)])
        return replace(face, identity=identity, detection=detection)


def people(frames, rate=25):
    """Person of each disc in each frame, by the place where the face was found."""
    tracker = FaceTracker(Discs())
    return [
        {
            tracked.person: tracked.face.pose.translation[:2]
            for tracked in tracker.step(number / rate, picture)
        }
        for number, picture in enumerate(frames)
    ]


def test_a_moving_face_keeps_its_number_and_its_place_is_found_in_every_frame():
    frames = people(picture_of(red=(40 + 6 * k, 100)) for k in range(50))
    for number, found in enumerate(frames):
        np.testing.assert_allclose(found[1], [40 + 6 * number, 100], atol=1)
        assert len(found) == 1


def test_between_looks_the_detector_rests():
    aligner = Discs()
    tracker = FaceTracker(aligner)
    for number in range(50):
        tracker.step(number / 25, picture_of(red=(100, 100)))
    assert aligner.looks == 10


def test_people_who_cross_keep_their_numbers():
    frames = people(picture_of(red=(50 + 6 * k, 90), green=(350 - 6 * k, 120)) for k in range(50))
    assert frames[0].keys() == frames[-1].keys() == {1, 2}
    first = {person: place[0] for person, place in frames[0].items()}
    last = {person: place[0] for person, place in frames[-1].items()}
    assert (first[1] < first[2]) != (last[1] < last[2])


def test_who_leaves_and_returns_elsewhere_is_known_by_shape():
    gone = [picture_of()] * 60
    frames = people([picture_of(red=(60, 60))] * 10 + gone + [picture_of(red=(300, 150))] * 10)
    assert frames[5].keys() == frames[-1].keys() == {1}
    assert not any(frames[20:60])


def test_somebody_else_is_a_new_person():
    gone = [picture_of()] * 60
    frames = people([picture_of(red=(60, 60))] * 10 + gone + [picture_of(green=(300, 150))] * 10)
    assert frames[-1].keys() == {2}


def test_a_face_that_vanishes_is_gone_after_the_detectors_next_look():
    frames = people([picture_of(red=(100, 100))] * 11 + [picture_of()] * 10)
    assert not any(frames[16:])


def test_a_newcomer_is_found_beside_those_known():
    frames = people([picture_of(red=(60, 60))] * 10 + [picture_of(red=(60, 60), blue=(300, 150))] * 10)
    assert frames[9].keys() == {1}
    assert frames[-1].keys() == {1, 2}


def test_an_aligner_without_a_detector_cannot_follow():
    aligner = Discs()
    aligner.detector = None
    with pytest.raises(ConfigError, match="no detector"):
        FaceTracker(aligner)
