from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import WeightsError
from lineament.methods import METHODS
from lineament.methods import regressor as module
from lineament.methods.regressor import MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result import Detection


@pytest.fixture
def method(disc_network, tiny_model):
    return MorphableRegressor(disc_network, tiny_model, crop_size=64, crop_margin=1.75)


def test_the_constants_come_from_the_bundle(disc_graph, tiny_model, monkeypatch):
    monkeypatch.setattr(module, "load_model", {"tiny": tiny_model}.__getitem__)
    method = METHODS["morphable-regressor"].from_bundle(Bundle.open(disc_graph))
    assert (method.crop_size, method.crop_margin, method.model) == (64, 1.75, tiny_model)


def test_the_crop_rule_is_the_margin_around_the_upright_box(method):
    box = method.crop_rule(Detection(np.float32([10, 20, 50, 40]), 1.0, roll=0.3))
    assert (box.center_xy, box.side, box.size, box.roll) == ((30, 30), 70, 64, 0.3)


@pytest.mark.parametrize("roll", [0.0, 0.5, -2.0])
def test_a_face_is_found_where_it_is_in_the_photo_whatever_the_square(method, disc_photo, roll):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    squares = [
        CropBox(center_xy=center_xy, side=side, size=64, roll=roll)
        for center_xy, side in [((150.0, 110.0), 140.0), ((165.0, 100.0), 170.0)]
    ]
    for face in method.reconstruct(photo, squares):
        np.testing.assert_allclose(face.pose.translation[:2], [150, 110], atol=0.3)
        assert face.pose.scale == pytest.approx(0.4, rel=0.02)
        assert face.pose.roll == pytest.approx(roll)  # the disc network calls every crop upright
        np.testing.assert_array_equal(face.identity, np.float32([0.5, -0.5, 0, 0]))


def test_all_squares_pass_at_once_and_stay_in_order(method, disc_photo, monkeypatch):
    discs = [(50.0, 60.0, 20.0), (180.0, 90.0, 30.0), (280.0, 170.0, 15.0)]
    photo = disc_photo((240, 320), discs)
    squares = [CropBox(center_xy=(x, y), side=3.2 * r, size=64) for x, y, r in discs]
    runs = []
    network = method.network
    method.network = lambda **arrays: runs.append(len(arrays["crop"])) or network(**arrays)
    faces = method.reconstruct(photo, squares)
    assert runs == [3]
    np.testing.assert_allclose(
        [[*face.pose.translation[:2], face.pose.scale * 100] for face in faces], discs, atol=0.4
    )
    monkeypatch.setattr(module, "BATCH", 2)
    again = method.reconstruct(photo, squares)
    assert runs == [3, 2, 1]
    for face, same in zip(faces, again, strict=True):
        np.testing.assert_allclose(face.vertices_image, same.vertices_image, atol=1e-3)


def test_refined_squares_are_cut_around_the_landmarks(method, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    square = CropBox(center_xy=(160.0, 115.0), side=150.0, size=64)
    (refined,) = method.refine_crops(photo, [square])
    (face,) = method.reconstruct(photo, [refined])
    landmarks_crop = refined.crop_from_image(face.landmarks_image)[:, :2]
    low, high = landmarks_crop.min(axis=0), landmarks_crop.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, [32, 32], atol=0.5)
    assert (high - low).max() == pytest.approx(64 / 1.75, rel=0.03)


def counted_runs(method):
    """Sizes of the batches that go through the network from now on."""
    runs, network = [], method.network
    method.network = lambda **arrays: runs.append(len(arrays["crop"])) or network(**arrays)
    return runs


def test_only_faces_in_badly_cut_squares_are_looked_at_again(method, disc_photo):
    discs = [(50.0, 60.0, 20.0), (180.0, 90.0, 30.0), (280.0, 170.0, 15.0)]
    photo = disc_photo((240, 320), discs)
    good = method.refine_crops(photo, [CropBox(center_xy=(x, y), side=3.2 * r, size=64) for x, y, r in discs])
    bad = replace(good[1], center_xy=(good[1].center_xy[0] + 0.1 * good[1].side, good[1].center_xy[1]))
    runs = counted_runs(method)
    faces = method.reconstruct(photo, [good[0], bad, good[2]], passes=2)
    assert runs == [3, 1]
    assert [face.crop_box for face in faces[::2]] == good[::2]
    assert faces[1].crop_box.is_close_to(good[1], shift=0.02, scale=0.03, roll=0.0)
    once = method.reconstruct(photo, good, passes=1)
    for face, same in zip(faces[::2], once[::2], strict=True):
        np.testing.assert_allclose(face.vertices_image, same.vertices_image, atol=1e-3)


def test_passes_are_as_many_as_needed_and_no_more_than_asked_for(method, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    bad, good = (CropBox(center_xy=(x, 110.0), side=140.0, size=64) for x in (175.0, 150.0))
    for square, passes, looks in [(bad, 1, 1), (bad, 2, 2), (bad, 5, 2), (good, 5, 1)]:
        start = method.refine_crops(photo, [square]) if square is good else [square]
        runs = counted_runs(method)
        method.reconstruct(photo, start, passes=passes)
        assert len(runs) == looks


def test_a_second_look_gives_what_the_refined_square_gives(method, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    squares = [CropBox(center_xy=(165.0, 120.0), side=170.0, size=64, roll=0.2)]
    (twice,) = method.reconstruct(photo, squares, passes=2)
    (expected,) = method.reconstruct(photo, method.refine_crops(photo, squares))
    assert twice.crop_box == expected.crop_box
    np.testing.assert_array_equal(twice.vertices_image, expected.vertices_image)


def test_the_landmarks_of_the_face_model_are_gathered_once(disc_network, tiny_model, disc_photo, monkeypatch):
    gathered = []
    original = type(tiny_model).landmark_points
    monkeypatch.setattr(
        type(tiny_model), "landmark_points", lambda *given: gathered.append(given) or original(*given)
    )
    method = MorphableRegressor(disc_network, tiny_model, crop_size=64, crop_margin=1.75)
    photo, squares = disc_photo((240, 320), [(150.0, 110.0, 40.0)]), [CropBox((150.0, 110.0), 150.0, 64)]
    for _ in range(2):
        squares = method.refine_crops(photo, squares)
    assert gathered == [(tiny_model, "300w-lp")]


def test_a_square_with_nothing_in_it_is_kept(method):
    square = CropBox(center_xy=(60.0, 50.0), side=80.0, size=64)
    assert method.refine_crops(np.zeros((100, 120, 3), np.uint8), [square]) == [square]


def test_without_detections_the_result_carries_the_landmarks_box(method, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    square = CropBox(center_xy=(150.0, 110.0), side=140.0, size=64)
    (face,) = method.reconstruct(photo, [square])
    landmarks_xy = face.landmarks_image[:, :2]
    expected = [*landmarks_xy.min(axis=0), *landmarks_xy.max(axis=0)]
    np.testing.assert_allclose(face.detection.box_xyxy, expected, rtol=1e-5)
    given = Detection(np.float32([1, 2, 3, 4]), 0.5)
    assert method.reconstruct(photo, [square], detections=[given])[0].detection is given


def test_a_square_of_another_size_shows_the_network_the_size_it_knows(method, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    square = CropBox(center_xy=(150.0, 110.0), side=140.0, size=64)
    same, other = method.reconstruct(photo, [square, replace(square, size=200)])
    np.testing.assert_allclose(same.vertices_image, other.vertices_image, atol=1e-3)
    assert resample_crop(photo, square).shape == (64, 64, 3)


def test_no_squares_give_no_faces(method):
    assert method.reconstruct(np.zeros((9, 9, 3), np.uint8), []) == []


def test_a_network_of_another_method_is_refused(make_graph, tiny_model):
    path = make_graph(
        [("Neg", ["x"], ["y"], {})],
        {"x": (TensorProto.FLOAT, ["n"])},
        {"y": (TensorProto.FLOAT, ["n"])},
        {},
        name="other.onnx",
    )
    with pytest.raises(WeightsError, match=r"crop: size, margin"):
        MorphableRegressor.from_bundle(Bundle.open(path))
    with pytest.raises(WeightsError, match="not for MorphableRegressor"):
        MorphableRegressor(OnnxNetwork(path), tiny_model, crop_size=64)


def test_a_face_model_that_does_not_fit_is_refused(disc_network, tiny_model):
    with pytest.raises(WeightsError, match="300w-lp"):
        MorphableRegressor(disc_network, replace(tiny_model, schemes={}), crop_size=64)
    small = replace(tiny_model, identity_basis=tiny_model.identity_basis[:2], mirror=None)
    method = MorphableRegressor(disc_network, small, crop_size=64)
    with pytest.raises(WeightsError, match="4 identity"):
        method.reconstruct(np.zeros((9, 9, 3), np.uint8), [CropBox(center_xy=(4.0, 4.0), side=9.0, size=64)])
