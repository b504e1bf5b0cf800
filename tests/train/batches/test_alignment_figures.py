import numpy as np
import pytest
import torch

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.train.batches.alignment_figures import (
    FIGURES,
    TRAIN_NME,
    CropEstimate,
    CropLandmarks,
    figures_on,
    landmark_errors,
)
from lineament.train.networks.regressor import RegressorOutput

YAWS_DEG = (0.0, -40.0, 70.0)


@pytest.fixture(scope="module")
def faces(tiny_model):
    """Three faces, one a yaw bin, and their cameras."""
    rng = np.random.default_rng(0)
    rotations = np.stack([matrix_from_angles(np.radians(yaw), 0.0, 0.0) for yaw in YAWS_DEG])
    values = (
        rotations,
        np.full(3, 0.5),
        np.full((3, 2), 50.0),
        rng.normal(size=(3, 4)),
        rng.uniform(size=(3, 3)),
    )
    return RegressorOutput(*(torch.as_tensor(value).float() for value in values))


def test_landmarks_in_the_crop_are_the_cameras(tiny_model, faces):
    found = CropLandmarks(tiny_model)(faces).numpy()
    for row in range(3):
        camera = WeakPerspective(faces.rotation[row].numpy().astype(float), 0.5, np.array([50.0, 50.0, 0.0]))
        marks = tiny_model.landmarks_model(
            faces.identity[row].numpy(), faces.expression[row].numpy(), scheme="300w-lp"
        )
        np.testing.assert_allclose(found[row], camera.image_from_model(marks), atol=1e-3)


def test_modes_that_a_network_does_not_give_are_zero(tiny_model, faces):
    landmarks = CropLandmarks(tiny_model)
    few = RegressorOutput(*faces_without_modes(faces))
    none = RegressorOutput(
        faces.rotation, faces.scale, faces.translation, few.identity * 0, few.expression * 0
    )
    torch.testing.assert_close(landmarks(few), landmarks(none))


def faces_without_modes(faces):
    return faces.rotation, faces.scale, faces.translation, faces.identity[:, :0], faces.expression[:, :0]


def test_an_error_of_a_tenth_of_the_box_is_ten_percent():
    square = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]])
    torch.testing.assert_close(
        landmark_errors(square + torch.tensor([1.0, 0.0]), square), torch.tensor([10.0])
    )


def test_every_method_has_the_figures_of_the_table_and_its_own_landmarks_beside_them(tiny_model, faces):
    landmarks = CropLandmarks(tiny_model)
    right = landmarks(faces)

    def estimate(crops):
        assert crops.shape == (3, 8, 8, 3)
        return CropEstimate(right, faces.rotation, {"coarse": right + 1})

    figures = figures_on([(torch.zeros(3, 8, 8, 3), faces)], estimate, landmarks)
    assert set(FIGURES) - {TRAIN_NME} <= set(figures)
    assert figures["nme_percent"] == pytest.approx(0, abs=1e-4)
    assert figures["coarse_nme_percent"] > 1
    assert figures["rotation_error_deg"] == pytest.approx(0, abs=0.1)
