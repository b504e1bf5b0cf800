import sys
import textwrap

import numpy as np
import pytest

from evaluate.items import item
from lineament.errors import ConfigError
from lineament.evaluate.baselines import baseline_predictor
from lineament.evaluate.baselines.mesh478 import MESH_POINTS, Mesh478Map
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles


def test_weights_of_the_map_are_means_of_a_few_neighbours():
    mesh = Mesh478Map.builtin()
    assert mesh.weights.shape == (68, MESH_POINTS)
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1)
    assert (mesh.weights >= 0).all()
    assert (mesh.weights > 0).sum(axis=1).max() <= 6


def test_inner_landmarks_lie_on_the_mesh_and_the_jaw_near_it():
    offset = np.linalg.norm(Mesh478Map.builtin().offset_model, axis=1)
    assert np.median(offset[17:]) < 2.5  # mm
    assert offset.max() < 25


def test_a_face_at_rest_in_any_pose_gets_its_68_landmarks_and_its_pose_exactly(lfm):
    mesh = Mesh478Map.builtin()
    camera = WeakPerspective(matrix_from_angles(0.7, -0.3, 0.2), 1.3, np.array([200.0, 150, 0]))
    found = mesh.prediction(camera.image_from_model(mesh.mesh_model))
    landmarks = camera.image_from_model(lfm.landmark_points("300w-lp").neutral_model.astype(float))
    np.testing.assert_allclose(found.landmarks_image, landmarks, atol=1e-6)
    np.testing.assert_allclose(found.rotation, camera.rotation, atol=1e-9)


@pytest.mark.parametrize("text", ["nonsense", "3ddfa-v2", "3ddfa-v2=python:/nowhere/at/all"])
def test_baselines_that_cannot_be_are_refused(text):
    with pytest.raises(ConfigError, match="3ddfa-v2"):
        baseline_predictor(text)


def test_a_baseline_that_is_not_installed_says_so_once_and_is_not_started_again():
    predictor = baseline_predictor(f"face-alignment={sys.executable}")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"Is it installed there(.|\n)*face_alignment"):
            predictor.predict([item(0)])
    predictor.close()


def test_an_interpreter_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="/nowhere/python"):
        baseline_predictor("mediapipe=/nowhere/python").predict([item(0)])


CHECKOUT = """
import numpy as np
class TDDFA_ONNX:
    def __init__(self, gpu_mode, arch):
        assert arch == "small"
    def __call__(self, bgr, boxes, crop_policy):
        assert crop_policy == "landmark"
        assert bgr[0, 0].tolist() == [90, 90, 90]
        (low, high), _ = boxes[0]
        parameters = np.zeros(62)
        parameters[:12] = (3 * np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7.0]])).ravel()
        return [parameters], [[low, high]]
    def recon_vers(self, parameters, rois, dense_flag):
        low, high = rois[0]
        count = 100 if dense_flag else 68
        x = np.linspace(low, high, count)
        return [np.stack([x, x, np.full(count, 4.0)])]
"""


def test_a_checkout_of_3ddfa_is_asked_in_its_own_process_and_frame(tmp_path):
    (tmp_path / "TDDFA_ONNX.py").write_text(textwrap.dedent(CHECKOUT))
    (tmp_path / "yaml.py").write_text("def safe_load(stream):\n    return {'arch': stream.read().strip()}\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mb05_120x120.yml").write_text("small")
    predictor = baseline_predictor(f"3ddfa-v2={sys.executable}:{tmp_path}")
    found = predictor.predict([item(0)])[0]
    recipe = predictor.recipe
    predictor.close()
    np.testing.assert_allclose(found.landmarks_image[[0, -1]], [[30.5, 30.5, -4], [90.5, 90.5, -4]])
    np.testing.assert_allclose(found.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert found.vertices_image.shape == (100, 3)
    assert recipe["peer"] == "3ddfa-v2"
