from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.methods import Predictor
from lineament.methods.regressor import MorphableRegressor
from lineament.resample import resample_crop
from lineament.result import Detection


@pytest.fixture
def predictor(disc_network, tiny_model):
    return Predictor(MorphableRegressor(disc_network, tiny_model, crop_rule=CropRule(64, 1.75)))


@pytest.mark.parametrize("roll", [0.0, 0.5, -2.0])
def test_a_face_is_found_where_it_is_in_the_photo_whatever_the_crop_box(predictor, disc_photo, roll):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    crop_boxes = [
        CropBox(center_xy=center_xy, side=side, size=64, roll=roll)
        for center_xy, side in [((150.0, 110.0), 140.0), ((165.0, 100.0), 170.0)]
    ]
    for face in predictor.predict(photo, crop_boxes):
        np.testing.assert_allclose(face.pose.translation[:2], [150, 110], atol=0.3)
        assert face.pose.scale == pytest.approx(0.4, rel=0.02)
        assert face.pose.roll == pytest.approx(roll)  # the disc network calls every crop upright
        np.testing.assert_array_equal(face.identity, np.float32([0.5, -0.5, 0, 0]))


def test_all_crops_pass_at_once_and_stay_in_order(predictor, disc_photo):
    discs = [(50.0, 60.0, 20.0), (180.0, 90.0, 30.0), (280.0, 170.0, 15.0)]
    photo = disc_photo((240, 320), discs)
    crop_boxes = [CropBox(center_xy=(x, y), side=3.2 * r, size=64) for x, y, r in discs]
    runs = counted_runs(predictor)
    faces = predictor.predict(photo, crop_boxes)
    assert runs == [3]
    np.testing.assert_allclose(
        [[*face.pose.translation[:2], face.pose.scale * 100] for face in faces], discs, atol=0.4
    )
    predictor.batch = 2
    again = predictor.predict(photo, crop_boxes)
    assert runs == [3, 2, 1]
    for face, same in zip(faces, again, strict=True):
        np.testing.assert_allclose(face.vertices_image, same.vertices_image, atol=1e-3)


def test_refined_crop_boxes_are_cut_around_the_landmarks(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    crop_box = CropBox(center_xy=(160.0, 115.0), side=150.0, size=64)
    (refined,) = predictor.refine_crops(photo, [crop_box])
    (face,) = predictor.predict(photo, [refined])
    landmarks_crop = refined.crop_from_image(face.landmarks_image)[:, :2]
    low, high = landmarks_crop.min(axis=0), landmarks_crop.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, [32, 32], atol=0.5)
    assert (high - low).max() == pytest.approx(64 / 1.75, rel=0.03)


class Counted:
    """A network that remembers the sizes of the batches that go through it."""

    def __init__(self, network):
        self.network, self.runs = network, []
        self.path, self.output_names = network.path, network.output_names

    def __call__(self, **arrays):
        self.runs.append(len(arrays["crop"]))
        return self.network(**arrays)


def counted_runs(predictor):
    """Sizes of the batches that go through the network from now on."""
    predictor.method.network = Counted(predictor.method.network)
    return predictor.method.network.runs


def test_only_faces_in_badly_cut_crop_boxes_are_predicted_again(predictor, disc_photo):
    discs = [(50.0, 60.0, 20.0), (180.0, 90.0, 30.0), (280.0, 170.0, 15.0)]
    photo = disc_photo((240, 320), discs)
    good = predictor.refine_crops(
        photo, [CropBox(center_xy=(x, y), side=3.2 * r, size=64) for x, y, r in discs]
    )
    bad = replace(good[1], center_xy=(good[1].center_xy[0] + 0.1 * good[1].side, good[1].center_xy[1]))
    runs = counted_runs(predictor)
    faces = predictor.predict(photo, [good[0], bad, good[2]], passes=2)
    assert runs == [3, 1]
    assert [face.crop_box for face in faces[::2]] == good[::2]
    assert faces[1].crop_box.is_close_to(good[1], shift=0.02, scale=0.03, roll=0.0)
    once = predictor.predict(photo, good, passes=1)
    for face, same in zip(faces[::2], once[::2], strict=True):
        np.testing.assert_allclose(face.vertices_image, same.vertices_image, atol=1e-3)


def test_passes_are_as_many_as_needed_and_no_more_than_asked_for(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    bad, good = (CropBox(center_xy=(x, 110.0), side=140.0, size=64) for x in (175.0, 150.0))
    for crop_box, passes, calls in [(bad, 1, 1), (bad, 2, 2), (bad, 5, 2), (good, 5, 1)]:
        start = predictor.refine_crops(photo, [crop_box]) if crop_box is good else [crop_box]
        runs = counted_runs(predictor)
        predictor.predict(photo, start, passes=passes)
        assert len(runs) == calls


def test_a_second_pass_gives_what_the_refined_crop_box_gives(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    crop_boxes = [CropBox(center_xy=(165.0, 120.0), side=170.0, size=64, roll=0.2)]
    (twice,) = predictor.predict(photo, crop_boxes, passes=2)
    (expected,) = predictor.predict(photo, predictor.refine_crops(photo, crop_boxes))
    assert twice.crop_box == expected.crop_box
    np.testing.assert_array_equal(twice.vertices_image, expected.vertices_image)


def test_a_crop_box_with_nothing_in_it_is_kept(predictor):
    crop_box = CropBox(center_xy=(60.0, 50.0), side=80.0, size=64)
    assert predictor.refine_crops(np.zeros((100, 120, 3), np.uint8), [crop_box]) == [crop_box]


def test_without_detections_the_result_carries_the_landmarks_box(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    crop_box = CropBox(center_xy=(150.0, 110.0), side=140.0, size=64)
    (face,) = predictor.predict(photo, [crop_box])
    landmarks_xy = face.landmarks_image[:, :2]
    expected = [*landmarks_xy.min(axis=0), *landmarks_xy.max(axis=0)]
    np.testing.assert_allclose(face.detection.box_xyxy, expected, rtol=1e-5)
    given = Detection(np.float32([1, 2, 3, 4]), 0.5)
    assert predictor.predict(photo, [crop_box], detections=[given])[0].detection is given


def test_a_crop_box_of_another_size_shows_the_network_the_size_it_knows(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    crop_box = CropBox(center_xy=(150.0, 110.0), side=140.0, size=64)
    same, other = predictor.predict(photo, [crop_box, replace(crop_box, size=200)])
    np.testing.assert_allclose(same.vertices_image, other.vertices_image, atol=1e-3)
    assert resample_crop(photo, crop_box).shape == (64, 64, 3)


def test_no_crop_boxes_give_no_faces(predictor):
    assert predictor.predict(np.zeros((9, 9, 3), np.uint8), []) == []


class Breaking:
    """A network whose outputs are made NaN by a function of (run, outputs)."""

    def __init__(self, network, spoil):
        self.network, self.spoil, self.runs = network, spoil, 0
        self.path, self.output_names = network.path, (*network.output_names, "uncertainty")

    def __call__(self, **arrays):
        outputs = {name: values.copy() for name, values in self.network(**arrays).items()}
        outputs["uncertainty"] = np.ones(len(outputs["scale"]), np.float32)
        self.spoil(self.runs, outputs)
        self.runs += 1
        return outputs


@pytest.fixture
def two_discs(disc_photo):
    discs = [(80.0, 70.0, 30.0), (230.0, 150.0, 45.0)]
    return disc_photo((240, 320), discs), [CropBox((x, y), 3.2 * r, 64) for x, y, r in discs]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "output", ["rotation", "scale", "translation", "identity", "expression", "uncertainty"]
)
def test_a_face_with_an_output_that_is_not_finite_has_no_values_and_the_others_are_as_ever(
    predictor, two_discs, output, bad
):
    photo, crop_boxes = two_discs
    _, expected = predictor.predict(photo, crop_boxes, passes=2)

    def spoil(run, outputs):
        if run == 0:
            outputs[output].reshape(2, -1)[0, -1] = bad

    predictor.method.network = Breaking(predictor.method.network, spoil)
    broken, whole = predictor.predict(photo, crop_boxes, passes=2)
    assert whole.is_finite
    np.testing.assert_allclose(whole.vertices_image, expected.vertices_image, atol=1e-3)
    assert not broken.is_finite
    assert np.isnan(broken.uncertainty_mm)
    for values in (broken.vertices_image, broken.landmarks_image, broken.identity, broken.pose.rotation):
        assert np.isnan(values).all()
    assert (broken.landmarks_image.shape, broken.crop_box) == ((68, 3), crop_boxes[0])
    assert not broken.visibility.any()


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("rotation", 0.0),
        ("rotation", np.diag([1, 1, 0])),
        ("rotation", np.diag([1, 1, -1])),
        ("rotation", 1e-30),
        ("scale", 0.0),
        ("scale", -1.0),
        ("scale", 1e-30),
    ],
)
def test_a_camera_that_is_none_is_not_believed(predictor, two_discs, output, value):
    def spoil(_, outputs):
        outputs[output][0] = value

    predictor.method.network = Breaking(predictor.method.network, spoil)
    broken, whole = predictor.predict(*two_discs)
    assert whole.is_finite
    assert not broken.is_finite
    assert np.isnan(broken.vertices_image).all()


def test_a_second_prediction_that_is_not_finite_is_rejected(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    badly_cut = CropBox(center_xy=(175.0, 110.0), side=140.0, size=64)
    (once,) = predictor.predict(photo, [badly_cut])

    def spoil(run, outputs):
        if run:
            outputs["scale"][:] = np.nan

    predictor.method.network = Breaking(predictor.method.network, spoil)
    (face,) = predictor.predict(photo, [badly_cut], passes=2)
    assert predictor.method.network.runs == 2
    np.testing.assert_array_equal(face.vertices_image, once.vertices_image)
    assert face.crop_box == badly_cut


def test_a_network_that_gives_nothing_but_nan_is_damaged_and_named(predictor, two_discs):
    def spoil(_, outputs):
        for values in outputs.values():
            values[:] = np.nan

    predictor.method.network = Breaking(predictor.method.network, spoil)
    with pytest.raises(WeightsError, match=r"Every output of .*disc\.onnx is NaN"):
        predictor.predict(*two_discs)


def test_a_photo_all_of_whose_faces_fail_is_an_error_whatever_is_predicted_beside_it(predictor, disc_photo):
    discs = [(80.0, 70.0, 30.0), (230.0, 150.0, 45.0)]
    small, large, both = (disc_photo((240, 320), chosen) for chosen in (discs[:1], discs[1:], discs))
    around = [CropBox((x, y), 96, 64) for x, y, _ in discs]

    def spoil(_, outputs):
        of_large = outputs["scale"] > 0.25  # crop px a mm
        for values in outputs.values():
            values[of_large] = np.nan

    predictor.method.network = Breaking(predictor.method.network, spoil)
    with pytest.raises(WeightsError, match="Every output"):
        predictor.predict(large, around[1:])
    with pytest.raises(WeightsError, match="Every output"):
        predictor.predict_each([small, large], around)
    faces = predictor.predict_each([small, both, both], [around[0], *around])
    assert [face.is_finite for face in faces] == [True, True, False]


@pytest.fixture
def looked(predictor, tiny_model):
    """The same method after a quick first look."""
    look = MorphableRegressor(predictor.method.network, tiny_model, crop_rule=CropRule(64, 1.75))
    look.network = Counted(look.network)
    return Predictor(predictor.method, first_look=look)


def test_a_first_look_says_where_the_method_looks(predictor, looked, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    badly_cut = CropBox(center_xy=(160.0, 115.0), side=150.0, size=64)
    (expected,) = predictor.refine_crops(photo, [badly_cut])
    runs = counted_runs(looked)
    (face,) = looked.predict(photo, [badly_cut], passes=2)
    assert (looked.first_look.network.runs, runs) == ([1], [1])
    assert face.crop_box == expected
    looked.predict(photo, [badly_cut], passes=1)  # there is one pass, which is the method's
    assert (looked.first_look.network.runs, runs) == ([1], [1, 1])


def test_a_first_look_that_sees_nothing_changes_nothing(predictor, looked, disc_photo):
    def spoil(_, outputs):
        for values in outputs.values():
            values[:1] = np.nan

    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0), (260.0, 60.0, 20.0)])
    boxes = [
        CropBox(center_xy=(160.0, 115.0), side=150.0, size=64),
        CropBox(center_xy=(262.0, 58.0), side=70.0, size=64),
    ]
    looked.first_look.network = Breaking(looked.first_look.network, spoil)
    found = looked.predict(photo, boxes, passes=2)
    (alone,) = predictor.predict(photo, boxes[:1])
    assert found[0].crop_box == boxes[0]
    np.testing.assert_allclose(found[0].vertices_image, alone.vertices_image, atol=1e-3)
    assert found[1].crop_box == predictor.refine_crops(photo, boxes)[1]


class Finishing:
    """A method that moves everything by a pixel once faces are found."""

    def __init__(self, method):
        self.crop_rule, self.estimate = method.crop_rule, method.estimate
        self.finished, self.images = [], []

    def finish(self, image, estimates):
        self.finished.append(len(estimates))
        self.images.append(image)
        return [replace(one, landmarks_image=one.landmarks_image + 1) for one in estimates]


def test_a_method_may_finish_what_the_passes_found(predictor, disc_photo):
    photo = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    box = CropBox(center_xy=(160.0, 115.0), side=150.0, size=64)
    method = Finishing(predictor.method)
    for passes in (1, 2):
        boxes, estimates = Predictor(method)._passes([photo], [box], passes)
        plain_boxes, plain = predictor._passes([photo], [box], passes)
        assert boxes == plain_boxes
        np.testing.assert_allclose(estimates[0].landmarks_image, plain[0].landmarks_image + 1, atol=1e-4)
    assert method.finished == [1, 1]


def test_faces_of_several_photos_are_finished_photo_by_photo(predictor, disc_photo):
    one = disc_photo((240, 320), [(150.0, 110.0, 40.0)])
    other = disc_photo((200, 300), [(100.0, 90.0, 30.0), (220.0, 100.0, 30.0)])
    boxes = [
        CropBox(center_xy=center_xy, side=side, size=64)
        for center_xy, side in (((100.0, 90.0), 100.0), ((150.0, 110.0), 130.0), ((220.0, 100.0), 100.0))
    ]
    method = Finishing(predictor.method)
    _, finished = Predictor(method)._passes([other, one, other], list(boxes), 1)
    assert method.finished == [2, 1]
    assert [image is shown for image, shown in zip(method.images, (other, one), strict=True)] == [True, True]
    _, plain = predictor._passes([other, one, other], list(boxes), 1)
    for estimate, before in zip(finished, plain, strict=True):
        np.testing.assert_allclose(estimate.landmarks_image, before.landmarks_image + 1, atol=1e-4)
