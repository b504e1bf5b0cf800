import numpy as np
import pytest

import discs
from discs import COLORS, disc_aligner, picture_of


def test_what_is_found_but_uncertain_is_no_face_and_what_is_given_stays():
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: 6.1, COLORS["green"]: 5.9, COLORS["blue"]: None}
    photo = picture_of(red=(50, 100), green=(150, 100), blue=(300, 100))
    found = aligner(photo)
    np.testing.assert_allclose([face.pose.translation[0] for face in found], [150, 300], atol=1)
    boxes = [[30, 80, 70, 120], [130, 80, 170, 120]]
    assert [face.uncertainty_mm for face in aligner(photo, boxes=boxes)] == [6.1, 5.9]
    aligner.max_uncertainty_mm = np.inf
    assert len(aligner(photo)) == 3


@pytest.mark.parametrize(("true_roll", "said"), [(0.0, 2.5), (0.4, 0.4 - np.pi), (-2.0, -2.0)])
def test_a_face_that_the_detector_turned_wrongly_is_predicted_again(true_roll, said):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: said}
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 20 * abs(np.sin((roll - true_roll) / 2))
    }
    (face,) = aligner(picture_of(red=(50, 100)))
    assert np.cos(face.detection.roll - true_roll) == pytest.approx(1)
    assert face.uncertainty_mm == pytest.approx(1.0)


@pytest.mark.parametrize(("true_roll", "said"), [(0.0, 3.0), (0.1, 2.2), (np.pi, np.pi), (1.0, 1.0)])
def test_a_face_said_to_stand_on_its_head_is_predicted_upright_too(true_roll, said):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: said}
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 4 * abs(np.sin((roll - true_roll) / 2))  # certain of all of them
    }
    (face,) = aligner(picture_of(red=(50, 100)))
    assert np.cos(face.detection.roll - true_roll) > 0.99


def test_a_method_that_does_not_tell_how_certain_it_is_believes_the_detector():
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: 3.0}
    (face,) = aligner(picture_of(red=(50, 100)))
    assert face.detection.roll == pytest.approx(3.0)


@pytest.mark.parametrize(("again", "faces"), [(2.9, 1), (3.1, 0)])
def test_a_face_that_only_another_pass_finds_has_to_be_twice_as_certain(again, faces):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: 1.0}
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: again if roll == 0 else 9.0}
    assert len(aligner(picture_of(red=(50, 100)))) == faces


@pytest.mark.parametrize("true_roll", [np.pi / 2, np.pi, -np.pi / 2, 2.2])
def test_a_face_in_a_given_box_is_predicted_turned_if_it_is_doubtful(true_roll):
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 20 * np.sin((roll - true_roll) / 2) ** 2,
        COLORS["green"]: 2.0,
    }
    photo, boxes = picture_of(red=(50, 100), green=(150, 100)), [[30, 80, 70, 120], [130, 80, 170, 120]]
    rotated, certain = aligner(photo, boxes=boxes)
    assert np.cos(rotated.crop_box.roll - true_roll) > 0.7
    assert rotated.uncertainty_mm < 4
    assert certain.crop_box.roll == 0
    np.testing.assert_array_equal([face.detection.box_xyxy for face in (rotated, certain)], boxes)


@pytest.mark.parametrize(("rotated_mm", "roll"), [(2.4, np.pi), (2.6, 0.0)])
def test_a_turned_prediction_has_to_be_twice_as_certain(rotated_mm, roll):
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda at: rotated_mm if np.cos(at) < -0.9 else 5.0}
    (face,) = aligner(picture_of(red=(50, 100)), boxes=[[30, 80, 70, 120]])
    assert face.crop_box.roll == roll


def test_certain_faces_in_given_boxes_are_predicted_once_and_doubtful_ones_never_dropped():
    aligner = disc_aligner()
    runs, estimate = [], aligner.method.estimate
    aligner.method.estimate = lambda crops, boxes: runs.append(len(crops)) or estimate(crops, boxes)
    photo, box = picture_of(red=(50, 100)), [[30, 80, 70, 120]]
    aligner.method.uncertainty_mm = {COLORS["red"]: 2.9}
    assert len(aligner(photo, boxes=box)) == 1
    assert runs == [1]
    aligner.method.uncertainty_mm = {COLORS["red"]: 50.0}
    (face,) = aligner(photo, boxes=box)
    assert runs == [1, 1, 3]
    assert (face.uncertainty_mm, face.crop_box.roll) == (50.0, 0)


@pytest.mark.parametrize("limit_mm", [6.0, np.inf])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_face_whose_uncertainty_is_no_number_is_not_believed(broken, limit_mm):
    aligner = disc_aligner()
    aligner.max_uncertainty_mm = limit_mm
    aligner.method.uncertainty_mm = {COLORS["red"]: broken, COLORS["green"]: 1.0}
    photo = picture_of(red=(50, 100), green=(150, 100))
    (found,) = aligner(photo)
    assert found.pose.translation[0] == pytest.approx(150, abs=1)
    lost, given = aligner(photo, boxes=[[30, 80, 70, 120], [130, 80, 170, 120]])
    assert not lost.is_finite
    assert np.isnan(lost.landmarks_image).all()
    np.testing.assert_allclose(given.vertices_image, found.vertices_image, atol=0.5)


def test_a_face_that_breaks_the_network_upright_but_not_turned_is_found():
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: np.nan if roll == 0 else 2.0}
    (face,) = aligner(picture_of(red=(50, 100)), boxes=[[30, 80, 70, 120]])
    assert face.is_finite
    (face,) = aligner(picture_of(red=(50, 100)))
    assert face.is_finite


def looked_aligner():
    """An aligner of discs that another one looks at first."""
    aligner = disc_aligner()
    aligner.passes, aligner.first_look = 2, discs.Discs()
    return aligner


def crops_of(method):
    """The crop boxes that a method is asked about from now on."""
    asked, estimate = [], method.estimate

    def noted(crops, boxes):
        asked.extend(boxes)
        return estimate(crops, boxes)

    method.estimate = noted
    return asked


def test_a_first_look_is_for_what_was_found_and_not_for_what_is_given():
    aligner, photo = looked_aligner(), picture_of(red=(100, 100))
    first, own = crops_of(aligner.first_look), crops_of(aligner.method)
    (found,) = aligner(photo)
    assert (len(first), own) == (1, [found.crop_box])
    assert own[0] != first[0]
    (given,) = aligner(photo, boxes=[found.detection.box_xyxy])
    assert len(first) == 1
    np.testing.assert_allclose(given.pose.translation, found.pose.translation, atol=0.5)


def test_what_is_doubtful_after_a_first_look_is_looked_at_without_it():
    aligner, photo = looked_aligner(), picture_of(red=(100, 100))
    said = iter([9.0, *[5.0] * 2, *[9.0] * 8])  # after the first look, in two passes without it, turned
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: next(said)}
    assert [face.uncertainty_mm for face in aligner(photo)] == [5.0]
    aligner.method.uncertainty_mm = {COLORS["red"]: 9.0}
    assert aligner(photo) == []
