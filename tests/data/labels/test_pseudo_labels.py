from pathlib import Path

import numpy as np
import pytest

from lineament import FaceAligner, read_image
from lineament.data.fitting.annotated import AnnotatedFitter
from lineament.data.fitting.collection_fits import PartFitter
from lineament.data.labels.pseudo_labels import Proposer, PseudoLabelChecks
from lineament.data.photographs.collection import PhotoEntry, read_photo_collection
from lineament.data.photographs.landmark_files import FaceLandmarks
from lineament.data.samples.recipe import PhotoOptions
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import aflw21_from_68

PHOTOS = Path(__file__).parents[3] / "demo" / "photos"
SCHEME = "300w-lp"


@pytest.fixture(scope="module")
def proposer(lfm):
    return Proposer(FaceAligner.from_pretrained(threads=1), lfm)


@pytest.fixture(scope="module")
def photo():
    return read_image(PHOTOS / "astronaut.jpg")


@pytest.fixture(scope="module")
def pseudo_label(proposer, photo):
    return proposer.propose(photo)[0]


def landmarks_of(lfm, face):
    points = lfm.landmarks_model(face.identity, face.expression, scheme=SCHEME)
    return face.camera.image_from_model(points.astype(float))


def test_a_clear_face_passes_and_both_passes_nearly_agree(pseudo_label):
    assert pseudo_label.reason == ""
    assert pseudo_label.apart < PseudoLabelChecks().max_apart


def test_the_mirrored_photograph_gives_the_mirrored_face(proposer, photo, pseudo_label, lfm):
    mirrored = proposer.propose(np.ascontiguousarray(photo[:, ::-1]))[0]
    identity, _ = lfm.mirrored(mirrored.identity, mirrored.expression)
    assert np.abs(identity - pseudo_label.identity).max() < 0.5
    assert mirrored.camera.angles.yaw == pytest.approx(-pseudo_label.camera.angles.yaw, abs=0.03)


def test_what_is_no_face_is_refused_even_with_a_box(proposer, photo):
    flag = proposer.propose(photo, boxes=[[0, 0, 130, 150]])
    assert flag[0].reason != ""


def test_a_photograph_without_a_face_gives_nothing(proposer):
    assert proposer.propose(np.full((200, 300, 3), 90, np.uint8)) == []


def test_a_face_cut_by_the_photographs_border_is_refused(proposer, photo, pseudo_label, lfm):
    middle = int(landmarks_of(lfm, pseudo_label)[30, 0])
    found = proposer.propose(np.ascontiguousarray(photo[:, :middle]))
    assert all("lie in the photograph" in face.reason or face.reason for face in found)


@pytest.fixture(scope="module")
def moved(lfm, pseudo_label):
    """The proposed face with a wider head, another pose and an open mouth: what a person would annotate."""
    turn = matrix_from_angles(0.06, 0.04, 0.03)
    camera = pseudo_label.camera
    identity = pseudo_label.identity.copy()
    identity[:3] += 0.8
    expression = pseudo_label.expression.copy()
    expression[lfm.expression_names.index("jawOpen")] += 0.3
    placed = WeakPerspective(
        turn @ camera.rotation, camera.scale * 1.03, camera.translation + np.array([3.0, -2, 0])
    )
    return type(pseudo_label)(placed, identity, expression, 0.0, "")


@pytest.mark.parametrize("scheme", ["300w-lp", "68-outline", "aflw-21"])
def test_annotated_points_pull_the_proposal_to_them(lfm, pseudo_label, moved, scheme):
    true = landmarks_of(lfm, moved)[:, :2]
    points = aflw21_from_68(true) if scheme == "aflw-21" else true.copy()
    points[3] = np.nan  # one point is not there
    fitter = AnnotatedFitter(lfm)
    landmarks = FaceLandmarks(points, scheme)
    before = fitter.distance(pseudo_label, landmarks)
    fit = fitter.fit(pseudo_label, landmarks)
    assert fit.residual == pytest.approx(fitter.distance(fit, landmarks))
    assert fit.residual < 0.4 * before
    inner = np.linalg.norm(landmarks_of(lfm, fit)[17:, :2] - true[17:], axis=1).mean()
    assert inner < 0.5 * np.linalg.norm(landmarks_of(lfm, pseudo_label)[17:, :2] - true[17:], axis=1).mean()


def test_photographs_without_landmarks_are_fitted_and_annotations_of_something_else_refused(lfm):
    collection = read_photo_collection(PHOTOS)
    entries = [entry for entry in collection.entries if "astronaut" in entry.photo]
    far = FaceLandmarks(np.random.default_rng(0).uniform(0, 90, (68, 2)), SCHEME)
    wrong = PhotoEntry(entries[0].photo, entries[0].person, far)
    fits = PartFitter(lfm, PhotoOptions()).fit(collection.root, [*entries, wrong])
    assert [face.photo for face in fits.kept] == [entries[0].photo]
    assert "away from the annotated points" in fits.failed[0][1]
