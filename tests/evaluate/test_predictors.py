from types import SimpleNamespace

import numpy as np
import pytest

from evaluate.items import FACE, item, small_set
from lineament.aligner import FaceAligner
from lineament.crop import CropRule
from lineament.errors import DataError
from lineament.evaluate.items import LFM
from lineament.evaluate.predictors import (
    FilePredictor,
    LineamentPredictor,
    best_overlap,
    prediction_of,
    scheme_for,
)
from lineament.evaluate.protocols.protocol import Crops
from lineament.geometry.rotation import matrix_from_angles
from lineament.methods.regressor import MorphableRegressor


def detected(*box):
    return SimpleNamespace(detection=SimpleNamespace(box_xyxy=np.array(box, float)))


def test_of_the_faces_detected_the_one_at_the_true_place_is_taken():
    truth = np.array([20.0, 20, 60, 60])
    near, far = detected(22, 20, 60, 61), detected(0, 0, 30, 30)
    assert best_overlap([far, near], truth) is near
    assert best_overlap([far], truth) is None
    assert best_overlap([], truth) is None


@pytest.fixture
def disc_predictor(disc_network, tiny_model):
    method = MorphableRegressor(disc_network, tiny_model, crop_rule=CropRule(64, 1.75))
    return LineamentPredictor(FaceAligner(method), "discs", Crops.TRUTH, "300w-lp", "none")


def test_true_boxes_lead_the_network_to_the_face(disc_predictor, disc_photo):
    photo = SimpleNamespace(read=lambda: disc_photo((200, 300), [(190.0, 80.0, 30.0), (60.0, 60.0, 25.0)]))
    asked = item(0, photo=photo, box_xyxy=np.array([160.0, 50, 220, 110]))
    found = disc_predictor.predict([asked])[0]
    assert found.landmarks_image.shape == (68, 3)
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-6)
    middle = found.vertices_image[40, :2]  # the dome's top
    np.testing.assert_allclose(middle, [190, 80], atol=6)


def test_faces_on_our_mesh_are_known_to_be(lfm):
    face = SimpleNamespace(
        landmarks=lambda scheme: FACE,
        pose=SimpleNamespace(rotation=np.eye(3)),
        vertices_image=lfm.neutral_model,
        mesh=lfm.mesh,
        triangles=lfm.triangles,
    )
    assert prediction_of(face, "300w-lp").topology == LFM


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("300w-lp", "300w-lp"),
        ("lfm-68", "lfm-68"),
        ("aflw-21", "300w-lp"),
        ("68-outline", "ibug-68"),
        ("cfp-30", "ibug-68"),
        ("fgnet-13", "ibug-68"),
    ],
)
def test_the_landmarks_compared_follow_the_convention_of_the_labels(lfm, labels, scheme):
    assert scheme_for(item(0, scheme=labels), lfm.mesh) == scheme


def test_a_mesh_without_the_fitting_landmarks_gives_its_usual_ones(tiny_model):
    assert scheme_for(item(0, scheme="cfp-30"), tiny_model.mesh) == "300w-lp"


def write(path, **arrays):
    np.savez(path, **arrays)
    return FilePredictor.read(path)


def test_predictions_of_a_file_are_found_by_name(tmp_path):
    rows = np.stack([FACE, FACE + 1, np.full_like(FACE, np.nan)])
    predictor = write(
        tmp_path / "theirs.npz", names=np.array(["face1.jpg", "face0", "face2"]), landmarks=rows
    )
    first, second, third, fourth = predictor.predict(small_set().items)
    np.testing.assert_allclose(first.landmarks_image, FACE + 1)
    np.testing.assert_allclose(second.landmarks_image, FACE)
    assert third is None
    assert fourth is None
    assert predictor.name == "theirs"


@pytest.mark.parametrize(("first_pixel", "shift"), [(0.5, 0.0), (0.0, 0.5), (1.0, -0.5)])
def test_pixels_counted_from_elsewhere_are_shifted(tmp_path, first_pixel, shift):
    predictor = write(
        tmp_path / "a.npz", names=np.array(["face0"]), landmarks=FACE[None, :, :2], first_pixel=first_pixel
    )
    found = predictor.predict([item(0)])[0].landmarks_image
    np.testing.assert_allclose(found, FACE[:, :2] + shift)


def test_angles_of_a_file_become_rotations(tmp_path):
    predictor = write(
        tmp_path / "a.npz",
        names=np.array(["face0"]),
        landmarks=FACE[None],
        angles_deg=np.array([[10.0, 20.0, 30.0]]),
    )
    expected = matrix_from_angles(yaw=np.radians(20), pitch=np.radians(10), roll=np.radians(30))
    np.testing.assert_allclose(predictor.predict([item(0)])[0].rotation, expected)


@pytest.mark.parametrize(
    "arrays",
    [
        {"landmarks": FACE[None]},
        {"names": np.array(["a"]), "landmarks": FACE[None, :60]},
        {"names": np.array(["a"]), "landmarks": FACE[None], "rotation": np.zeros((2, 3, 3))},
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path, arrays):
    with pytest.raises(DataError, match=r"odd\.npz"):
        write(tmp_path / "odd.npz", **arrays)


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(DataError, match=r"names"):
        FilePredictor.read(tmp_path / "text.npz")


def test_photographs_of_one_name_in_two_folders_are_told_apart(tmp_path):
    rows = np.stack([FACE, FACE + 1, FACE + 2])
    names = np.array(["001/000001.png", "002/000001.png", "002/000002.png"])
    predictor = write(tmp_path / "theirs.npz", names=names, landmarks=rows)
    asked = [item(0, name=name) for name in ("001/000001", "002/000001", "000001", "anywhere/000002.jpg")]
    first, second, ambiguous, by_itself = predictor.predict(asked)
    np.testing.assert_allclose(first.landmarks_image, FACE)
    np.testing.assert_allclose(second.landmarks_image, FACE + 1)
    assert ambiguous is None
    np.testing.assert_allclose(by_itself.landmarks_image, FACE + 2)


def test_a_photograph_with_two_rows_is_refused(tmp_path):
    with pytest.raises(DataError, match="a stands in several rows"):
        write(tmp_path / "a.npz", names=np.array(["a.jpg", "a.png"]), landmarks=np.stack([FACE, FACE]))
