from dataclasses import replace

import numpy as np
import pytest

import discs
from discs import COLORS, disc_aligner, picture_of
from lineament.aligner.second_look import SecondLook, landmark_box
from lineament.belief import CONFIRMING_SCORE, LOW_SCORE, WHEN_BEYOND, WHEN_BEYOND_BUT_SEEN
from lineament.detect import CloserDetector
from lineament.result import Detection


class LookingDiscs(discs.Discs):
    """Discs that can be asked about places; every answer and detection is as wanted."""

    def __init__(self, *, score=0.9, seen_score=0.9, turn=0.0, shift=0.0):
        super().__init__()
        self.score, self.seen_score, self.turn, self.shift = score, seen_score, turn, shift
        self.asked = []

    def detect(self, image):
        found = super().detect(image)
        return [replace(face, score=self.score, box_xyxy=face.box_xyxy + self.shift) for face in found]

    def look_closer(self, image, places):
        self.asked += places
        return [
            Detection(place.box_xyxy + np.float32(1), self.seen_score, place.roll + self.turn)
            for place in places
        ]


def looking_aligner(uncertainty_mm, **seen):
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: uncertainty_mm}
    aligner.detector = LookingDiscs(**seen)
    assert isinstance(aligner.detector, CloserDetector)
    return aligner


PHOTO = picture_of(red=(150, 100))


def uncertain_at_first(first, again):
    """Uncertainties of one look, of those upright and turned by half, and of the second."""
    said = iter([first, first, first, again])
    return lambda roll: next(said)


def test_who_is_certain_of_what_was_found_surely_is_not_looked_at_again():
    aligner = looking_aligner(2.0)
    (face,) = aligner(PHOTO)
    assert aligner.detector.asked == []
    assert face.detection.score == 0.9


@pytest.mark.parametrize(("share", "count"), [(0.99, 1), (1.01, 0)])
@pytest.mark.parametrize(
    ("seen_score", "part"), [(LOW_SCORE - 0.01, WHEN_BEYOND), (LOW_SCORE, WHEN_BEYOND_BUT_SEEN)]
)
def test_a_face_beyond_the_limit_is_believed_by_what_the_detector_sees(seen_score, part, share, count):
    again = 6.0 * part * share
    aligner = looking_aligner(uncertain_at_first(12.0, again), seen_score=seen_score)
    faces = aligner(PHOTO)
    assert len(faces) == count
    assert [face.uncertainty_mm for face in faces] == [again] * count


@pytest.mark.parametrize(("first_score", "count"), [(LOW_SCORE, 1), (LOW_SCORE - 0.01, 0)])
def test_what_the_detector_doubted_at_first_has_the_stricter_limit(first_score, count):
    looks = uncertain_at_first(6.5, 6.0 * (WHEN_BEYOND + WHEN_BEYOND_BUT_SEEN) / 2)
    assert len(looking_aligner(looks, score=first_score, seen_score=0.9)(PHOTO)) == count


def test_a_face_that_the_second_look_confirms_has_the_box_of_that_look():
    aligner = looking_aligner(uncertain_at_first(6.5, 2.0))
    (face,) = aligner(PHOTO)
    (place,) = aligner.detector.asked
    np.testing.assert_array_equal(face.detection.box_xyxy, place.box_xyxy + 1)
    np.testing.assert_allclose(place.box_xyxy, landmark_box(face), atol=1)
    assert face.detection.score == 0.9


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        ({"seen_score": CONFIRMING_SCORE + 0.01}, 1),
        ({"seen_score": CONFIRMING_SCORE - 0.01}, 0),
        ({"turn": np.radians(29)}, 1),
        ({"turn": np.radians(-31)}, 0),
    ],
)
def test_what_the_method_doubts_the_detector_has_to_see_as_it_was_aligned(seen, count):
    assert len(looking_aligner(uncertain_at_first(6.5, 2.0), **seen)(PHOTO)) == count
    # What the method was certain of needs a second alignment that agrees, whatever the detector says of it.
    assert len(looking_aligner(2.0, score=LOW_SCORE - 0.01, **seen)(PHOTO)) == 1


@pytest.mark.parametrize(("again", "count"), [(5.9, 1), (6.1, 0)])
def test_a_weak_detection_is_aligned_twice_and_has_to_be_certain_both_times(again, count):
    said = iter([2.0, again])
    aligner = looking_aligner(lambda roll: next(said), score=LOW_SCORE - 0.01)
    assert len(aligner(PHOTO)) == count


def test_alignments_that_disagree_confirm_nothing():
    aligner = looking_aligner(2.0, score=LOW_SCORE - 0.01)
    moved = replace(found_face(), landmarks_image=found_face().landmarks_image + np.float32([9, 0, 0]))
    look = SecondLook(aligner.detector, lambda photos, places: [moved for _ in places], 6.0)
    face = replace(found_face(), detection=Detection(landmark_box(found_face()), LOW_SCORE - 0.01))
    assert look.settled([PHOTO], [face], [True]) == [None]


def found_face():
    """The face of the photo as a sure detection gives it."""
    (face,) = looking_aligner(2.0)(PHOTO)
    return face


def test_a_badly_framed_face_takes_the_new_box_and_is_never_lost():
    aligner = looking_aligner(2.0, shift=np.float32([-20, -20, 20, 20]))
    (face,) = aligner(PHOTO)
    np.testing.assert_allclose(face.detection.box_xyxy, landmark_box(face) + 1, atol=1)
    said = iter([2.0, 9.0])
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: next(said)}
    (kept,) = aligner(PHOTO)
    assert kept.uncertainty_mm == 2.0


def test_methods_that_know_no_doubt_have_weak_detections_confirmed_too():
    aligner = looking_aligner(None, score=LOW_SCORE - 0.01)
    aligner.max_uncertainty_mm = np.inf
    assert len(aligner(PHOTO)) == 1
    assert len(aligner.detector.asked) == 1
