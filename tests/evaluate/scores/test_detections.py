import numpy as np
import pytest

from faces import egg_face
from lineament.evaluate.items import LFM, LFM_FACE, Prediction, TrueSurface
from lineament.evaluate.scores.detections import detection_error, detection_failed, detection_rate
from lineament.evaluate.scores.surfaces import FACE_VERTICES, MEASURES
from lineament.geometry.camera import WeakPerspective


@pytest.fixture(scope="module")
def truth(lfm):
    camera = WeakPerspective(np.eye(3), 1.0, np.array([128.0, 128.0, 0.0]))
    vertices = camera.image_from_model(lfm.neutral_model[:FACE_VERTICES].astype(float))
    landmarks = lfm.schemes["lfm-68"].points_on(vertices)
    return TrueSurface(
        vertices_image=vertices,
        triangles=lfm.triangles[slice(*lfm.parts["face"])],
        topology=LFM_FACE,
        landmarks_image=landmarks,
        nose_image=landmarks[30],
        px_per_mm=1.0,
    )


def prediction(truth, lfm, *, detected, shift=0.0, chosen=None):
    """Some vertices where the truth has them, or beside it."""
    found = np.full((len(lfm.neutral_model), 2), np.nan)
    found[:FACE_VERTICES][detected] = truth.vertices_image[detected, :2] + [shift, 0]
    return Prediction(
        landmarks_image=np.zeros((68, 2)), topology=LFM, detected_image=found, chosen_vertices=chosen
    )


def test_errors_are_of_the_detected_and_rates_of_all(truth, lfm):
    detected = np.arange(FACE_VERTICES) % 4 == 0
    chosen = np.arange(0, 400)
    found = prediction(truth, lfm, detected=detected, shift=3.0, chosen=chosen)
    box = np.sqrt(np.prod(np.ptp(truth.landmarks_image[:, :2], axis=0)))
    for part in ("all", "chosen"):
        assert detection_error(found, truth, part) == pytest.approx(3 / box)
        assert detection_rate(found, truth, part, visible=False) == pytest.approx(0.25, abs=1e-3)
    assert MEASURES["detection-all-rate"].value(found, truth) == pytest.approx(25, abs=0.1)
    assert detection_failed(found, truth, "all") == 0


def test_the_rate_of_the_visible_leaves_hidden_vertices_out(truth, lfm):
    front = truth.vertices_image[:, 2] < np.median(truth.vertices_image[:, 2])
    found = prediction(truth, lfm, detected=front)
    assert detection_rate(found, truth, "all", visible=True) > detection_rate(
        found, truth, "all", visible=False
    )


def test_faces_fail_by_their_error_or_by_their_rate(truth, lfm):
    every = np.ones(FACE_VERTICES, bool)
    few = np.arange(FACE_VERTICES) < 0.05 * FACE_VERTICES
    assert detection_failed(prediction(truth, lfm, detected=every, shift=30.0), truth, "all") == 1
    assert detection_failed(prediction(truth, lfm, detected=few), truth, "all") == 1
    assert detection_failed(prediction(truth, lfm, detected=~every), truth, "all") == 1


def test_a_landmark_is_detected_where_all_corners_of_its_triangle_are(truth, lfm):
    layout = lfm.schemes["lfm-68"]
    detected = np.ones(FACE_VERTICES, bool)
    detected[layout.vertex_index[5, 0]] = False
    found = prediction(truth, lfm, detected=detected)
    lost = (layout.vertex_index == layout.vertex_index[5, 0]).any(axis=1).sum()
    assert detection_rate(found, truth, "68", visible=False) == pytest.approx(1 - lost / 68)
    assert detection_error(found, truth, "68") == pytest.approx(0, abs=1e-9)


def test_a_method_with_a_mesh_detects_all_of_it_and_others_nothing(truth, lfm):
    face = egg_face()
    mesh = np.concatenate([truth.vertices_image, np.zeros((len(lfm.neutral_model) - FACE_VERTICES, 3))])
    whole = Prediction(landmarks_image=np.zeros((68, 2)), topology=LFM, vertices_image=mesh)
    assert detection_rate(whole, truth, "all", visible=False) == 1
    assert detection_error(whole, truth, "all") == 0
    assert np.isnan(detection_error(whole, truth, "chosen"))
    other = Prediction(landmarks_image=np.zeros((68, 2)), vertices_image=face.vertices_image)
    assert np.isnan(detection_error(other, truth, "all"))
