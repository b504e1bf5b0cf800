"""Who is who, with discs for people whose true places are known."""

from dataclasses import fields, replace

import numpy as np
import pytest

from discs import COLORS, disc_aligner, picture_of
from lineament.errors import ConfigError
from lineament.methods import Estimate
from lineament.result import FaceResult
from lineament.video import FaceTracker


def people(frames, rate=25):
    """Person of each disc in each frame, by the place where the face was found."""
    tracker = FaceTracker(disc_aligner())
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


def test_between_passes_the_detector_rests():
    aligner = disc_aligner()
    tracker = FaceTracker(aligner)
    for number in range(50):
        tracker.step(number / 25, picture_of(red=(100, 100)))
    assert aligner.detector.calls == 10


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


def test_a_face_that_vanishes_is_gone_after_the_detectors_next_pass():
    frames = people([picture_of(red=(100, 100))] * 11 + [picture_of()] * 10)
    assert not any(frames[16:])


def test_a_newcomer_is_found_beside_those_known():
    frames = people([picture_of(red=(60, 60))] * 10 + [picture_of(red=(60, 60), blue=(300, 150))] * 10)
    assert frames[9].keys() == {1}
    assert frames[-1].keys() == {1, 2}


def test_an_aligner_without_a_detector_cannot_follow():
    aligner = disc_aligner()
    aligner.detector = None
    with pytest.raises(ConfigError, match="no detector"):
        FaceTracker(aligner)


def test_nobody_begins_where_the_aligner_is_not_certain_of_a_face():
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: 20.0, COLORS["green"]: 1.0}
    tracker = FaceTracker(aligner)
    (tracked,) = tracker.step(0.0, picture_of(red=(50, 100), green=(300, 100)))
    np.testing.assert_allclose(tracked.face.pose.translation[:2], [300, 100], atol=1)


def test_a_face_that_is_followed_stays_when_it_becomes_uncertain():
    aligner = disc_aligner()
    tracker = FaceTracker(aligner)
    tracker.step(0.0, picture_of(red=(50, 100)))
    aligner.method.uncertainty_mm = {COLORS["red"]: 20.0}
    for number in range(1, 20):
        (tracked,) = tracker.step(number / 25, picture_of(red=(50, 100)))
        assert tracked.person == 1


class Plain(Estimate):
    """A face without coefficients, of landmarks that are not the 68."""

    def __init__(self, estimate):
        face = estimate.face
        known = {each.name: getattr(face, each.name) for each in fields(FaceResult) if each.init}
        known |= {"landmarks_image": face.landmarks_image[30:31], "landmark_scheme": "nose"}
        object.__setattr__(self, "face", FaceResult(**known))
        super().__init__(camera=face.camera, landmarks_image=face.landmarks_image)

    def result(self, *, crop_box, detection):
        return replace(self.face, crop_box=crop_box, detection=detection)


def test_faces_without_coefficients_and_of_other_landmarks_are_followed():
    aligner = disc_aligner()
    estimate = aligner.method.estimate
    aligner.method.estimate = lambda crops, boxes: [Plain(one) for one in estimate(crops, boxes)]
    tracker = FaceTracker(aligner)
    for number in range(30):
        (tracked,) = tracker.step(number / 25, picture_of(red=(40 + 4 * number, 100)))
        assert tracked.person == 1
        assert tracked.face.landmark_scheme == "nose"
        np.testing.assert_allclose(tracked.face.pose.translation[:2], [40 + 4 * number, 100], atol=1)


def test_a_face_that_breaks_the_network_is_away_and_comes_back_as_the_same_person():
    aligner = disc_aligner()
    tracker = FaceTracker(aligner)
    for number in range(5):
        tracker.step(number / 25, picture_of(red=(50, 100)))
    aligner.method.uncertainty_mm = {COLORS["red"]: np.nan}
    assert tracker.step(5 / 25, picture_of(red=(50, 100))) == []
    aligner.method.uncertainty_mm = {}
    people = {t.person for k in range(6, 12) for t in tracker.step(k / 25, picture_of(red=(50, 100)))}
    assert people == {1}
