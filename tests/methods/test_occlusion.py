"""What is in front of a face: the mask, and weights that have a network for it."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.image import read_image
from lineament.methods.pretrained import open_method
from lineament.result import Detection, MorphableResult
from lineament.result.face_mask import FaceMask
from lineament.train.occlusion.method import EXPORTER
from lineament.train.occlusion.training import OcclusionTrainConfig, new_network
from shared import ROOT
from tests.train.exports import exported

PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"
BOX = CropBox(center_xy=(100.0, 90.0), side=200.0, size=64)


def half(left=0.0, right=1.0):
    values = np.full((32, 32), right, np.float32)
    values[:, :16] = left
    return FaceMask(values, BOX)


@pytest.fixture
def face(lfm):
    return MorphableResult.from_coefficients(
        lfm,
        np.zeros(100, np.float32),
        np.zeros(53, np.float32),
        camera=WeakPerspective(np.eye(3, dtype=np.float32), 0.6, np.array([100.0, 90.0, 0.0])),
        crop_box=BOX,
        detection=Detection(np.float32([40, 30, 160, 150]), 0.9),
    )


def test_a_mask_is_read_between_its_cells_and_beyond_them_as_the_nearest_has_it():
    places = np.array([[30.0, 90.0], [170.0, 90.0], [100.0, 90.0], [400.0, 90.0], [np.nan, 90.0]])
    np.testing.assert_array_equal(half().at(np.array([[-50.0, 90.0], [np.nan, 90.0]]), extended=True), 0)
    np.testing.assert_allclose(half().at(places), [0, 1, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(half().at(places, extended=True), [0, 1, 0.5, 1, 0], atol=1e-6)
    over = half().over((180, 220))
    assert over.shape == (180, 220)
    assert over[90, 30] == 0
    assert over[90, 170] == 1


def test_vertices_and_landmarks_behind_something_are_hidden(face):
    covered = replace(face, shown=half())
    left = covered.vertices_image[:, 0] < 95
    assert face.visibility[left].max() == 1
    assert covered.visibility[left].max() == 0
    right = covered.vertices_image[:, 0] > 105
    np.testing.assert_array_equal(covered.visibility[right], face.visibility[right])
    # MediaPipe's and iBUG's right is the viewer's left: the corner of the right eye, and of the left one.
    assert covered.landmark_visibility[36] == 0
    assert covered.landmark_visibility[45] == 1
    assert covered.to_dict()["landmark_visibility"][36] == 0


def test_the_mask_over_the_photo_keeps_to_the_face(face):
    whole, covered = face.face_mask((180, 220)), replace(face, shown=half()).face_mask((180, 220))
    assert whole[90, 100] == 1
    assert whole[2, 2] == 0
    assert covered[90, 70] == 0
    assert covered[90, 130] == 1
    assert (covered <= whole).all()
    assert np.isnan(replace(face, shown=half()).without_values().face_mask((4, 5))).all()


def test_it_travels_with_the_face(face):
    again = pickle.loads(pickle.dumps(replace(face, shown=half())))
    np.testing.assert_array_equal(again.shown.values, half().values)
    np.testing.assert_array_equal(again.visibility, replace(face, shown=half()).visibility)


def bundle_with(lfm, tmp_path, **constants):
    torch.manual_seed(0)
    network = new_network(OcclusionTrainConfig(), lfm).eval()
    with torch.no_grad():
        network.mask.bias.fill_(9.0)  # nothing is ever in front
        network.mask.weight.zero_()
    made = Bundle.open(exported(EXPORTER, network, tmp_path / "occlusion.lineament", half=False))
    fast = Bundle.open("fast")
    return Bundle.write(
        tmp_path / "with.lineament",
        replace(fast.manifest, method="close-up-regressor"),
        graphs={"network": fast.graph(), "occlusion": made.graph()},
        arrays={"occlusion": {"size": np.int32(64), "margin": np.float32(1.4142)} | constants},
    )


def test_weights_with_a_network_for_it_give_every_face_a_mask(lfm, tmp_path):
    path = bundle_with(lfm, tmp_path)
    image = read_image(PHOTO)
    (plain,) = FaceAligner.from_pretrained("fast", threads=1)(image)
    (masked,) = FaceAligner.from_pretrained(str(path), threads=1)(image)
    assert plain.shown is None
    assert masked.shown.values.shape == (32, 32)
    np.testing.assert_allclose(masked.landmarks_image, plain.landmarks_image, atol=1e-3)
    np.testing.assert_allclose(masked.visibility, plain.visibility, atol=1e-3)
    inside = masked.shown.box.crop_from_image(masked.landmarks_image[:, :2])
    assert inside.min() > 0
    assert inside.max() < 64


@pytest.mark.parametrize("constants", [{"size": np.int32(100_000)}, {"margin": np.float32(np.nan)}])
def test_weights_that_say_nonsense_of_its_crops_are_refused(lfm, tmp_path, constants):
    with pytest.raises(WeightsError, match="occlusion network's crops"):
        open_method(Bundle.open(bundle_with(lfm, tmp_path, **constants)), threads=1)
