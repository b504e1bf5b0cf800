from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from discs import Discs
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropRule
from lineament.errors import ConfigError, ImageError
from lineament.expression_keys import KeyScale
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.image import read_image, write_image
from lineament.methods.regressor import MorphableRegressor
from shared import ROOT
from tests.aligner.setups import DISCS, FixedDetector, boxes_around

HOPPER = ROOT / "demo" / "photos" / "hopper.jpg"


def test_every_face_of_a_photo_is_aligned_where_it_is(aligner, photo):
    faces = aligner(photo)
    assert [face.detection.score for face in faces] == pytest.approx([0.9, 0.8])
    for face, (x, y, radius) in zip(faces, DISCS, strict=True):
        np.testing.assert_allclose(face.pose.translation[:2], [x, y], atol=0.3)
        assert face.pose.scale * 100 == pytest.approx(radius, rel=0.02)
        assert face.visibility.shape == (len(face.vertices_image),)


def test_paths_pictures_and_arrays_give_the_same_faces(aligner, photo, tmp_path):
    path = tmp_path / "photo.png"
    write_image(path, photo)
    expected = aligner(photo)
    for source in (path, str(path), path.read_bytes(), Image.open(path)):
        for face, same in zip(expected, aligner(source), strict=True):
            np.testing.assert_array_equal(face.vertices_image, same.vertices_image)


def test_given_boxes_skip_detection_and_keep_their_order(method, photo):
    boxes = boxes_around(DISCS)[::-1]
    faces = FaceAligner(method)(photo, boxes=boxes)
    np.testing.assert_array_equal([face.detection.box_xyxy for face in faces], boxes)
    for face, (x, y, _) in zip(faces, DISCS[::-1], strict=True):
        np.testing.assert_allclose(face.pose.translation[:2], [x, y], atol=0.3)


def test_a_second_pass_cuts_around_the_face_and_not_the_box(method, photo):
    box = boxes_around(DISCS[:1], shift=10.0)
    (once,) = FaceAligner(method, passes=1)(photo, boxes=box)
    (twice,) = FaceAligner(method, passes=2)(photo, boxes=box)
    assert once.crop_box.center_xy == pytest.approx((90, 70))
    assert twice.crop_box.center_xy[0] == pytest.approx(once.landmarks_image[:, 0].mean(), abs=3)
    assert twice.crop_box.center_xy[0] < 84


def test_the_photo_given_is_not_changed(aligner, photo):
    before = photo.copy()
    aligner(photo)
    np.testing.assert_array_equal(photo, before)


def test_no_face_is_an_empty_list(method, photo):
    assert FaceAligner(method, detector=FixedDetector([]))(photo) == []
    for nothing in ([], np.zeros((0, 4))):
        assert FaceAligner(method)(photo, boxes=nothing) == []


def test_a_bad_photo_is_an_image_error(aligner):
    with pytest.raises(ImageError, match="There is no file"):
        aligner("gone.jpg")
    with pytest.raises(ImageError, match=r"np\.repeat"):
        aligner(np.zeros((10, 10), np.uint8))


def test_a_photo_of_one_pixel_is_aligned_without_complaint(method):
    (face,) = FaceAligner(method)(np.full((1, 1, 3), 255, np.uint8), boxes=[[0, 0, 1, 1]])
    assert np.isfinite(face.vertices_image).all()


def test_without_a_detector_boxes_must_be_given(method, photo):
    with pytest.raises(ConfigError, match="no detector"):
        FaceAligner(method)(photo)


def test_passes_start_at_one(method):
    with pytest.raises(ConfigError, match="at least 1"):
        FaceAligner(method, passes=0)


def test_faces_know_what_their_weights_mean(method, photo):
    scales = {"jawOpen": KeyScale(measured=False)}
    aligner = FaceAligner(method, detector=FixedDetector(boxes_around(DISCS)), key_scales=scales)
    for face in aligner(photo):
        assert face.key_scales == scales
        assert face.blendshapes["jawOpen"] == 0


def test_the_default_aligner_sees_mirrored_faces_in_mirrored_photographs_and_tells_how_sure_it_is(lfm):
    aligner = FaceAligner.from_pretrained()
    photo = read_image(HOPPER)
    (face,) = aligner(photo)
    assert 0.2 < face.uncertainty_mm < 3
    box = face.detection.box_xyxy
    mirrored_box = [photo.shape[1] - box[2], box[1], photo.shape[1] - box[0], box[3]]
    (here,) = aligner(photo, boxes=[box])
    (there,) = aligner(photo[:, ::-1].copy(), boxes=[mirrored_box])
    mirrored = there.vertices_image[lfm.mirror.vertex] * [-1, 1, 1] + [photo.shape[1], 0, 0]
    np.testing.assert_allclose(here.vertices_image[:, :2], mirrored[:, :2], atol=0.6)


def test_what_is_no_face_looks_different_in_a_mirror():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    (face,) = FaceAligner.from_pretrained()(noise, boxes=[[50, 50, 150, 150]])
    assert face.uncertainty_mm > Bundle.open("default").manifest.max_uncertainty_mm


def test_landmarks_are_where_people_set_them_unless_another_scheme_is_asked_for():
    photo = read_image(HOPPER)
    (face,) = FaceAligner.from_pretrained("fast")(photo)
    assert face.landmark_scheme == "ibug-68"
    for scheme in ("300w-lp", "lfm-68"):
        (other,) = FaceAligner.from_pretrained("fast", landmarks=scheme)(photo)
        assert other.landmark_scheme == scheme
        np.testing.assert_allclose(other.landmarks_image, face.landmarks(scheme), atol=0.01)
        np.testing.assert_array_equal(other.vertices_image, face.vertices_image)
    (own,) = FaceAligner.from_pretrained("fast", landmarks=None)(photo)
    assert own.landmark_scheme == "300w-lp"


def test_an_unknown_scheme_is_refused_before_any_photo_and_the_known_ones_are_named():
    known = r"'dlib'\. Choose from 300w-lp, ibug-68, lfm-68, or None"
    with pytest.raises(ConfigError, match=f"'lfm' has no landmark scheme {known}"):
        FaceAligner.from_pretrained("fast", landmarks="dlib")


@pytest.mark.parametrize("name", ["cprfa", "dff", "dsfnet", "sadrnet", "synergynet"])
def test_so_it_is_by_the_methods_of_papers(name):
    weights = ROOT / "papers" / "src" / "lineament_papers" / f"{name}.lineament"
    with pytest.raises(ConfigError, match="no landmark scheme 'dlib'"):
        FaceAligner.from_pretrained(weights, landmarks="dlib")


def test_a_face_model_of_ones_own_has_the_schemes_it_brings(disc_network, tiny_model, photo):
    mine = {
        "300w-lp": tiny_model.schemes["300w-lp"],
        "mine": LandmarkScheme.of_vertices("mine", np.arange(5)),
    }
    method = MorphableRegressor(disc_network, replace(tiny_model, schemes=mine), crop_rule=CropRule(64, 1.75))
    (face,) = FaceAligner(method, landmarks="mine")(photo, boxes=boxes_around(DISCS[:1]))
    np.testing.assert_allclose(face.landmarks_image, face.vertices_image[:5], atol=1e-4)
    with pytest.raises(ConfigError, match=r"'lfm-68'\. Choose from 300w-lp, mine, or None"):
        FaceAligner(method, landmarks="lfm-68")
    with pytest.raises(ConfigError, match="found int"):
        FaceAligner(method, landmarks=68)


def test_a_method_that_does_not_say_whose_faces_it_gives_is_asked_at_the_first_face(photo):
    aligner = FaceAligner(Discs(), landmarks="dlib")
    with pytest.raises(ConfigError, match="no landmark scheme 'dlib'"):
        aligner(photo, boxes=boxes_around(DISCS[:1]))


def test_a_face_model_without_the_usual_scheme_keeps_its_own(aligner, photo):
    assert {face.landmark_scheme for face in aligner(photo)} == {"300w-lp"}
