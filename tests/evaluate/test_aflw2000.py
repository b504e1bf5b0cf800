import io
import zipfile
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lineament.crop import CropBox
from lineament.evaluate.aflw2000 import (
    Aflw2000,
    Alignments,
    align_with_detector,
    align_with_true_crops,
    overlap,
    read_aflw2000,
    report,
)
from lineament.evaluate.metrics import by_yaw, normalised_mean_error
from lineament.geometry.rotation import angles_from_matrix, matrix_from_angles
from shared import shared_path


@pytest.fixture(scope="module")
def real():
    """The 400 photographs kept for development."""
    return read_aflw2000(shared_path("aflw2000_dev"))


@dataclass(frozen=True)
class Known:
    """A face that says what it was told."""

    points: np.ndarray
    angles_deg: np.ndarray

    def landmarks(self, scheme):
        assert scheme == "300w-lp"
        return np.column_stack([self.points, np.zeros(68)])

    @property
    def pose(self):
        pitch, yaw, roll = np.radians(self.angles_deg)
        return SimpleNamespace(pitch=pitch, yaw=yaw, roll=roll)


def test_the_real_set_scores_zero_on_its_own_truth(real):
    faces = tuple(Known(*face) for face in zip(real.landmarks, real.angles_deg, strict=True))
    lines = report(real, Alignments(faces), scheme="300w-lp").splitlines()
    assert lines[0].startswith("found 400 of 400")
    assert lines[1] == "| original | 0.00 / 0.00 / 0.00 / **0.00** / 0.00 |"
    assert lines[3].startswith("pose MAE pitch / yaw / roll: 0.00 / 0.00 / 0.00, mean 0.00")


def test_the_two_label_sets_of_the_real_set_differ_by_about_three_percent(real):
    # 3.09 % is published for all 2000 photographs; 3.27 % was measured on these 400, where profiles abound.
    error = 100 * normalised_mean_error(real.reannotated, real.landmarks)
    assert by_yaw(error, real.yaw_deg).mean_of_images == pytest.approx(3.27, abs=0.01)
    bias = (real.reannotated - real.landmarks)[:, 17:].mean(axis=(0, 1))
    assert np.abs(bias).max() < 1.5  # px: both are in the same frame


def test_the_real_labels_fit_their_crops_photographs_and_poses(real):
    assert len(real.names) == 400
    middle = (real.landmarks.min(axis=1) + real.landmarks.max(axis=1)) / 2
    box_middle = (real.crop_boxes[:, :2] + real.crop_boxes[:, 2:]) / 2
    side = real.crop_boxes[:, 2] - real.crop_boxes[:, 0]
    assert (np.linalg.norm(middle - box_middle, axis=1) / side).max() < 0.2
    np.testing.assert_allclose(np.abs(real.angles_deg[:, 1]), real.yaw_deg, atol=0.1)


def test_the_real_poses_turn_noses_to_where_the_landmarks_have_them(real):
    nose = real.landmarks[:, 30, 0] - real.landmarks[:, [36, 45], 0].mean(axis=1)
    angles = np.radians(real.angles_deg)
    rotation = matrix_from_angles(angles[:, 1], angles[:, 0], angles[:, 2])
    turned = np.abs(real.angles_deg[:, 1]) > 20
    agree = np.sign(nose[turned]) == np.sign(rotation[turned, 0, 2])
    assert agree.mean() > 0.95
    up = real.landmarks[:, 27] - real.landmarks[:, 8]
    leaning = np.abs(real.angles_deg[:, 2]) > 15
    frontal = leaning & ~turned
    assert (np.sign(-up[frontal, 0]) == np.sign(angles[frontal, 2])).mean() > 0.9
    assert np.isfinite(angles_from_matrix(rotation).yaw).all()


@pytest.mark.parametrize(
    ("other", "share"),
    [
        ([0, 0, 10, 10], 1.0),
        ([5, 0, 15, 10], 1 / 3),
        ([0, 0, 20, 20], 0.25),
        ([10, 0, 20, 10], 0.0),
        ([30, 30, 40, 40], 0.0),
    ],
)
def test_the_overlap_of_boxes_is_their_intersection_over_their_union(other, share):
    box, other = np.array([0.0, 0, 10, 10]), np.array(other, float)
    assert overlap(box, other) == pytest.approx(share)
    assert overlap(other, box) == pytest.approx(share)


@pytest.fixture
def tiny(tmp_path):
    """Two photographs with one face each, its landmarks' box from 20 to 60 px."""
    archive = tmp_path / "tiny.zip"
    with zipfile.ZipFile(archive, "w") as files:
        for name in ("a.png", "b.png"):
            picture = io.BytesIO()
            Image.new("RGB", (90, 80)).save(picture, "PNG")
            files.writestr(name, picture.getvalue())
    points = np.random.default_rng(0).uniform(20, 60, (2, 68, 2))
    points[:, :2] = [[20, 20], [60, 60]]
    boxes = np.array([[10, 12, 70, 72], [20, 20, 60, 60]])
    return Aflw2000(
        archive, ("a.png", "b.png"), points, points + 1, np.array([10.0, 70]), boxes, np.zeros((2, 3))
    )


def detected(*box):
    return SimpleNamespace(detection=SimpleNamespace(box_xyxy=np.array(box, float)))


def test_of_the_faces_detected_the_one_at_the_true_place_is_taken(tiny):
    near, far = detected(22, 20, 60, 61), detected(0, 0, 30, 30)
    found = align_with_detector(tiny, lambda photo: [far, near])
    assert found.faces == (near, near)


def test_a_face_elsewhere_or_none_at_all_counts_as_not_found(tiny):
    answers = iter([[detected(0, 0, 30, 30)], []])
    found = align_with_detector(tiny, lambda photo: next(answers))
    assert found.faces == (None, None)
    np.testing.assert_array_equal(found.found, [False, False])


def test_faces_not_found_are_left_out_of_the_table_and_told(tiny):
    face = Known(tiny.landmarks[1], np.array([0.0, 2, 0]))
    lines = report(tiny, Alignments((None, face)), scheme="300w-lp").splitlines()
    assert lines[0].startswith("found 1 of 2")
    assert lines[1] == "| original | nan / nan / 0.00 / **nan** / 0.00 |"
    assert "0.00 / 2.00 / 0.00, mean 0.67" in lines[3]


def test_the_stored_crops_are_the_first_that_a_method_sees(tiny):
    method = RecordingMethod()
    found = align_with_true_crops(tiny, SimpleNamespace(method=method), passes=1)
    assert method.boxes == [CropBox((40.0, 42.0), 60.0, 64), CropBox((40.0, 40.0), 40.0, 64)]
    assert found.faces == ("face", "face")
    assert method.refined == 0
    align_with_true_crops(tiny, SimpleNamespace(method=method), passes=3)
    assert method.refined == 4  # two more passes on each of two photographs


class RecordingMethod:
    """Notes the crops it is given."""

    crop_size = 64

    def __init__(self):
        self.boxes, self.refined = [], 0

    def refine_crops(self, photo, boxes):
        assert photo.shape == (80, 90, 3)
        self.refined += 1
        return boxes

    def reconstruct(self, photo, boxes):
        self.boxes += boxes
        return ["face"] * len(boxes)
