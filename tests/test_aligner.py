import copy
import pickle
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import discs
from discs import COLORS, disc_aligner, picture_of
from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropRule
from lineament.detect import DetectorOptions
from lineament.errors import BoxError, ConfigError, ImageError, WeightsError
from lineament.expression_keys import KeyScale
from lineament.image import read_image, write_image
from lineament.methods import regressor
from lineament.methods.regressor import MorphableRegressor
from lineament.result import Detection
from lineament.weights import find

HOPPER = Path(__file__).parents[1] / "demo" / "photos" / "hopper.jpg"
DISCS = [(80.0, 70.0, 30.0), (230.0, 150.0, 45.0)]


class FixedDetector:
    """Finds the same boxes in every photo."""

    def __init__(self, boxes):
        self.boxes = boxes

    def detect(self, image):
        return [Detection(np.float32(box), 0.9 - 0.1 * number) for number, box in enumerate(self.boxes)]


def boxes_around(discs, shift=0.0):
    return np.array([[x - r + shift, y - r, x + r + shift, y + r] for x, y, r in discs])


@pytest.fixture
def photo(disc_photo):
    return disc_photo((240, 320), DISCS)


@pytest.fixture
def method(disc_network, tiny_model):
    return MorphableRegressor(disc_network, tiny_model, crop_rule=CropRule(64, 1.75))


@pytest.fixture
def aligner(method):
    return FaceAligner(method, detector=FixedDetector(boxes_around(DISCS, shift=4.0)))


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


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 9, 9], [0, 0, np.nan, 9]], r"boxes\[1\] is not finite"),
        ([[5, 5, 5, 9]], r"boxes\[0\] has no area"),
        ([[400, 5, 500, 90]], r"boxes\[0\] lies outside of the photo"),
        ([1, 2, 3, 4], r"\(n, 4\)"),
        ([[1, 2, 3, 4], [5, 6]], r"rows of four numbers"),
        ([["a", "b", "c", "d"]], r"\(n, 4\)"),
        ([[1, 2, 3, 4, 0.9]], r"\(n, 4\)"),
    ],
)
def test_a_bad_box_is_named(method, photo, boxes, message):
    with pytest.raises(BoxError, match=message):
        FaceAligner(method)(photo, boxes=boxes)


def test_a_bad_photo_is_an_image_error(aligner):
    with pytest.raises(ImageError, match="There is no file"):
        aligner("gone.jpg")
    with pytest.raises(ImageError, match=r"np\.repeat"):
        aligner(np.zeros((10, 10), np.uint8))


def test_a_photo_of_one_pixel_is_aligned_without_complaint(method):
    (face,) = FaceAligner(method)(np.full((1, 1, 3), 255, np.uint8), boxes=[[0, 0, 1, 1]])
    assert np.isfinite(face.vertices_image).all()


def test_a_bad_photo_does_not_stop_the_rest(aligner, photo):
    results = list(aligner.align_many([photo, "gone.jpg", photo]))
    assert [len(result.faces) for result in results] == [2, 0, 2]
    assert [type(result.error) for result in results] == [type(None), ImageError, type(None)]
    assert results[1].source == "gone.jpg"


def test_many_photos_are_read_one_at_a_time(aligner, photo):
    def endless():
        while True:
            yield photo

    assert len(next(aligner.align_many(endless())).faces) == 2


def test_without_a_detector_boxes_must_be_given(method, photo):
    with pytest.raises(ConfigError, match="no detector"):
        FaceAligner(method)(photo)


def test_passes_start_at_one(method):
    with pytest.raises(ConfigError, match="at least 1"):
        FaceAligner(method, passes=0)


def test_a_path_of_weights_becomes_an_aligner(disc_graph, tiny_model, photo, monkeypatch):
    monkeypatch.setattr(regressor, "load_model", {"tiny": tiny_model}.__getitem__)
    detector = FixedDetector(boxes_around(DISCS))
    aligner = FaceAligner.from_pretrained(disc_graph, detector=detector, threads=1)
    assert len(aligner(photo)) == 2
    assert aligner.detector is detector
    assert "disc.onnx" in repr(aligner)


def test_faces_know_what_their_weights_mean(method, photo):
    scales = {"jawOpen": KeyScale(measured=False)}
    aligner = FaceAligner(method, detector=FixedDetector(boxes_around(DISCS)), key_scales=scales)
    for face in aligner(photo):
        assert face.key_scales == scales
        assert face.blendshapes["jawOpen"] == 0


def test_weights_of_an_unknown_method_say_so(disc_graph, tmp_path):
    import onnx

    path = tmp_path / "new.onnx"
    shutil.copy(disc_graph, path)
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {"method": "telepathy"})
    onnx.save(graph, path)
    with pytest.raises(WeightsError, match=r"telepathy.*morphable-regressor"):
        FaceAligner.from_pretrained(path)


def test_what_is_found_but_uncertain_is_no_face_and_what_is_given_stays():
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: 6.1, COLORS["green"]: 5.9, COLORS["blue"]: None}
    photo = picture_of(red=(50, 100), green=(150, 100), blue=(300, 100))
    found = aligner(photo)
    np.testing.assert_allclose([face.pose.translation[0] for face in found], [150, 300], atol=1)
    boxes = [[30, 80, 70, 120], [130, 80, 170, 120]]
    assert [face.uncertainty_mm for face in aligner(photo, boxes=boxes)] == [6.1, 5.9]
    aligner.max_uncertainty_mm = np.inf
    assert len(aligner(photo)) == 3


@pytest.mark.parametrize(("true_roll", "said"), [(0.0, 2.5), (0.4, 0.4 - np.pi), (-2.0, -2.0)])
def test_a_face_that_the_detector_turned_wrongly_is_predicted_again(true_roll, said):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: said}
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 20 * abs(np.sin((roll - true_roll) / 2))
    }
    (face,) = aligner(picture_of(red=(50, 100)))
    assert np.cos(face.detection.roll - true_roll) == pytest.approx(1)
    assert face.uncertainty_mm == pytest.approx(1.0)


@pytest.mark.parametrize(("true_roll", "said"), [(0.0, 3.0), (0.1, 2.2), (np.pi, np.pi), (1.0, 1.0)])
def test_a_face_said_to_stand_on_its_head_is_predicted_upright_too(true_roll, said):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: said}
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 4 * abs(np.sin((roll - true_roll) / 2))  # certain of all of them
    }
    (face,) = aligner(picture_of(red=(50, 100)))
    assert np.cos(face.detection.roll - true_roll) > 0.99


def test_a_method_that_does_not_tell_how_certain_it_is_believes_the_detector():
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: 3.0}
    (face,) = aligner(picture_of(red=(50, 100)))
    assert face.detection.roll == pytest.approx(3.0)


@pytest.mark.parametrize(("again", "faces"), [(2.9, 1), (3.1, 0)])
def test_a_face_that_only_another_pass_finds_has_to_be_twice_as_certain(again, faces):
    aligner = disc_aligner()
    aligner.method.rolls = {COLORS["red"]: 1.0}
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: again if roll == 0 else 9.0}
    assert len(aligner(picture_of(red=(50, 100)))) == faces


@pytest.mark.parametrize("true_roll", [np.pi / 2, np.pi, -np.pi / 2, 2.2])
def test_a_face_in_a_given_box_is_predicted_turned_if_it_is_doubtful(true_roll):
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {
        COLORS["red"]: lambda roll: 1.0 + 20 * np.sin((roll - true_roll) / 2) ** 2,
        COLORS["green"]: 2.0,
    }
    photo, boxes = picture_of(red=(50, 100), green=(150, 100)), [[30, 80, 70, 120], [130, 80, 170, 120]]
    rotated, certain = aligner(photo, boxes=boxes)
    assert np.cos(rotated.crop_box.roll - true_roll) > 0.7
    assert rotated.uncertainty_mm < 4
    assert certain.crop_box.roll == 0
    np.testing.assert_array_equal([face.detection.box_xyxy for face in (rotated, certain)], boxes)


@pytest.mark.parametrize(("rotated_mm", "roll"), [(2.4, np.pi), (2.6, 0.0)])
def test_a_turned_prediction_has_to_be_twice_as_certain(rotated_mm, roll):
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda at: rotated_mm if np.cos(at) < -0.9 else 5.0}
    (face,) = aligner(picture_of(red=(50, 100)), boxes=[[30, 80, 70, 120]])
    assert face.crop_box.roll == roll


def test_certain_faces_in_given_boxes_are_predicted_once_and_doubtful_ones_never_dropped():
    aligner = disc_aligner()
    runs, estimate = [], aligner.method.estimate
    aligner.method.estimate = lambda crops, boxes: runs.append(len(crops)) or estimate(crops, boxes)
    photo, box = picture_of(red=(50, 100)), [[30, 80, 70, 120]]
    aligner.method.uncertainty_mm = {COLORS["red"]: 2.9}
    assert len(aligner(photo, boxes=box)) == 1
    assert runs == [1]
    aligner.method.uncertainty_mm = {COLORS["red"]: 50.0}
    (face,) = aligner(photo, boxes=box)
    assert runs == [1, 1, 3]
    assert (face.uncertainty_mm, face.crop_box.roll) == (50.0, 0)


@pytest.mark.parametrize("limit_mm", [6.0, np.inf])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_face_whose_uncertainty_is_no_number_is_not_believed(broken, limit_mm):
    aligner = disc_aligner()
    aligner.max_uncertainty_mm = limit_mm
    aligner.method.uncertainty_mm = {COLORS["red"]: broken, COLORS["green"]: 1.0}
    photo = picture_of(red=(50, 100), green=(150, 100))
    (found,) = aligner(photo)
    assert found.pose.translation[0] == pytest.approx(150, abs=1)
    lost, given = aligner(photo, boxes=[[30, 80, 70, 120], [130, 80, 170, 120]])
    assert not lost.is_finite
    assert np.isnan(lost.landmarks_image).all()
    np.testing.assert_allclose(given.vertices_image, found.vertices_image, atol=0.5)


def test_a_face_that_breaks_the_network_upright_but_not_turned_is_found():
    aligner = disc_aligner()
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: np.nan if roll == 0 else 2.0}
    (face,) = aligner(picture_of(red=(50, 100)), boxes=[[30, 80, 70, 120]])
    assert face.is_finite
    (face,) = aligner(picture_of(red=(50, 100)))
    assert face.is_finite


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


def options_of(name):
    """How hard the detector of weights looks, as they state it."""
    return DetectorOptions.from_table(Bundle.open(name).manifest.detector.options)


@pytest.mark.parametrize("name", ["default", "fast", "open"])
def test_a_path_to_weights_behaves_as_their_name_does(name, tmp_path):
    path = tmp_path / "copy.lineament"
    shutil.copy(find(name).path, path)
    named, by_path = FaceAligner.from_pretrained(name), FaceAligner.from_pretrained(path)
    for aligner in (by_path, FaceAligner.from_pretrained(find(name).name)):
        assert aligner.detector.options == named.detector.options == options_of(name)
        assert aligner.max_uncertainty_mm == named.max_uncertainty_mm
        assert repr(aligner.detector) == repr(named.detector)
        assert aligner.method.network._options == named.method.network._options
    photo = read_image(HOPPER)
    for face, same in zip(named(photo), by_path(photo), strict=True):
        np.testing.assert_array_equal(face.vertices_image, same.vertices_image)


def test_the_weights_state_how_thoroughly_to_search_and_whom_to_believe():
    assert options_of("default") == DetectorOptions(min_score=0.35)
    assert options_of("fast") == DetectorOptions(first_side=224, min_score=0.5)
    assert options_of("open") == DetectorOptions(min_score=0.42)
    limits = [FaceAligner.from_pretrained(name).max_uncertainty_mm for name in ("default", "fast", "open")]
    assert limits == [6.0, np.inf, 6.0]
    assert FaceAligner.from_pretrained("fast").method.network._options[0] == 1


def test_options_of_a_detector_that_nobody_knows_are_refused(disc_graph, tmp_path):
    for options in ({"zeal": 3}, {"min_score": "0.5"}, {"doubtful": 0.3}, {"min_score": [0.1, 0.2]}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            DetectorOptions.from_table(options)


def test_weights_without_a_detector_need_boxes(disc_graph, tmp_path, tiny_model, monkeypatch, photo):
    monkeypatch.setattr(regressor, "load_model", {"tiny": tiny_model}.__getitem__)
    plain = Bundle.open(disc_graph)
    manifest = replace(plain.manifest, detector=None)
    path = Bundle.write(tmp_path / "boxes.lineament", manifest, graphs={"network": plain.graph()})
    aligner = FaceAligner.from_pretrained(path)
    assert len(aligner(photo, boxes=boxes_around(DISCS))) == 2
    with pytest.raises(ConfigError, match="no detector"):
        aligner(photo)


@pytest.mark.parametrize("name", ["open", "lfm-regressor-open"])
def test_behind_the_open_weights_is_a_detector_that_saw_no_research_photographs_either(name):
    aligner = FaceAligner.from_pretrained(name)
    bundles = [Bundle.open(name), Bundle.open(Bundle.open(name).manifest.detector.weights)]
    assert repr(bundles[1].path.name) in repr(aligner.detector)
    for manifest in (bundle.manifest for bundle in bundles):
        assert "Congress" in manifest.data or "congress" in manifest.data
        assert not re.search("ytf|lfw|YouTube|LFW|BSDS|research", f"{manifest.data} {manifest.licence}")
        assert not manifest.research
    (face,) = aligner(read_image(HOPPER))
    assert face.uncertainty_mm < 3


def test_the_fast_aligner_is_a_smaller_network_behind_a_quicker_pass():
    fast, default = (Bundle.open(name) for name in ("fast", "default"))
    assert len(fast.graph()) < 0.5 * len(default.graph())
    assert options_of("fast").first_side < options_of("default").first_side


def twins(aligner):
    """What arrives when an aligner is pickled, and its deep copy."""
    pickled = pickle.dumps(aligner)
    assert len(pickled) < 2000
    return pickle.loads(pickled), copy.deepcopy(aligner)


def test_an_aligner_travels_as_its_recipe():
    aligner = FaceAligner.from_pretrained("fast", threads=2, passes=1)
    aligner.max_uncertainty_mm = 5.0
    photo = read_image(HOPPER)
    for twin in twins(aligner):
        assert (twin.passes, twin.max_uncertainty_mm, repr(twin)) == (1, 5.0, repr(aligner))
        assert twin.method is not aligner.method
        assert twin.method.network._options == (2, "cpu")
        (face,), (same,) = aligner(photo), twin(photo)
        np.testing.assert_array_equal(face.vertices_image, same.vertices_image)
        twins(twin)  # and from there to the next


def test_a_shallow_copy_shares_the_networks():
    aligner = FaceAligner.from_pretrained("fast")
    assert copy.copy(aligner).method is aligner.method


def test_an_aligner_of_a_file_travels_with_the_files_place_and_checksum(tmp_path, monkeypatch):
    path = tmp_path / "mine.lineament"
    shutil.copy(find("fast").path, path)
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(FaceAligner.from_pretrained("mine.lineament"))
    monkeypatch.chdir("/")
    pickle.loads(pickled)
    bundle = Bundle.open(path)
    Bundle.write(path, replace(bundle.manifest, data="else"), graphs={"network": bundle.graph()})
    with pytest.raises(WeightsError, match=r"mine\.lineament.*differ here"):
        pickle.loads(pickled)
    path.unlink()
    with pytest.raises(WeightsError, match="no weights at"):
        pickle.loads(pickled)


def test_a_detector_of_the_callers_own_goes_along_if_it_can(photo):
    aligner = FaceAligner.from_pretrained("fast", detector=FixedDetector([[1, 2, 30, 40]]))
    aligner.detector.boxes.append([5, 5, 50, 50])
    for twin in (copy.deepcopy(aligner), FaceAligner.from_pretrained("fast")):
        assert twin.detector is not aligner.detector
    assert copy.deepcopy(aligner).detector.boxes == aligner.detector.boxes
    aligner.detector.connection = lambda: None
    with pytest.raises(ConfigError, match="The detector of this aligner, FixedDetector, cannot be pickled"):
        pickle.dumps(aligner)
    aligner.detector = discs.Discs()
    assert pickle.loads(pickle.dumps(aligner)).detector.calls == 0


def test_a_method_of_the_callers_own_goes_along_if_it_can():
    aligner = disc_aligner()
    assert len(pickle.loads(pickle.dumps(aligner))(picture_of(red=(50, 100)))) == 1
    aligner.method.hook = lambda: None
    with pytest.raises(ConfigError, match="The method of this aligner, Discs, cannot be pickled"):
        pickle.dumps(aligner)


def looked_aligner():
    """An aligner of discs that another one looks at first."""
    aligner = disc_aligner()
    aligner.passes, aligner.first_look = 2, discs.Discs()
    return aligner


def crops_of(method):
    """The crop boxes that a method is asked about from now on."""
    asked, estimate = [], method.estimate

    def noted(crops, boxes):
        asked.extend(boxes)
        return estimate(crops, boxes)

    method.estimate = noted
    return asked


def test_a_first_look_is_for_what_was_found_and_not_for_what_is_given():
    aligner, photo = looked_aligner(), picture_of(red=(100, 100))
    first, own = crops_of(aligner.first_look), crops_of(aligner.method)
    (found,) = aligner(photo)
    assert (len(first), own) == (1, [found.crop_box])
    assert own[0] != first[0]
    (given,) = aligner(photo, boxes=[found.detection.box_xyxy])
    assert len(first) == 1
    np.testing.assert_allclose(given.pose.translation, found.pose.translation, atol=0.5)


def test_what_is_doubtful_after_a_first_look_is_looked_at_without_it():
    aligner, photo = looked_aligner(), picture_of(red=(100, 100))
    said = iter([9.0, *[5.0] * 2, *[9.0] * 8])  # after the first look, in two passes without it, turned
    aligner.method.uncertainty_mm = {COLORS["red"]: lambda roll: next(said)}
    assert [face.uncertainty_mm for face in aligner(photo)] == [5.0]
    aligner.method.uncertainty_mm = {COLORS["red"]: 9.0}
    assert aligner(photo) == []


def test_weights_name_who_looks_first_and_it_travels_along():
    aligner = FaceAligner.from_pretrained("default", threads=1)
    twin, deep = pickle.loads(pickle.dumps(aligner)), copy.deepcopy(aligner)
    for each in (aligner, twin, deep):
        assert each.first_look.network.path.name == "lfm_regressor_fast.lineament"
    assert deep.first_look is not aligner.first_look
    assert FaceAligner.from_pretrained("fast").first_look is None


def test_a_method_that_was_exchanged_is_what_travels():
    aligner = FaceAligner.from_pretrained("fast")
    aligner.method = discs.Discs()
    assert isinstance(pickle.loads(pickle.dumps(aligner)).method, discs.Discs)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0.1, 0.2, 0.5, 0.6]], "boxes are in px, found values of 0 to 1"),
        ([[-1e19, -1e19, 1e19, 1e19]], r"boxes\[0\] reaches beyond 1e\+08 px"),
        ([[-9e6, 0, 9e6, 9e6]], r"boxes\[0\] is 1\.8e\+07 x 9e\+06 px; a box may be up to 20 times"),
    ],
)
def test_boxes_of_other_units_are_refused_with_the_right_words(method, photo, boxes, message):
    with pytest.raises(BoxError, match=message):
        FaceAligner(method)(photo, boxes=boxes)


def test_a_name_of_weights_instead_of_a_method_says_what_to_call():
    with pytest.raises(ConfigError, match=r"from_pretrained\('fast'\)"):
        FaceAligner("fast")


def test_many_photos_may_be_a_folder_or_one_path(aligner, photo, tmp_path):
    for name in ("b.png", "a.png"):
        write_image(tmp_path / name, photo)
    (tmp_path / "notes.txt").touch()
    assert [result.source.name for result in aligner.align_many(tmp_path)] == ["a.png", "b.png"]
    assert [len(result.faces) for result in aligner.align_many(str(tmp_path / "a.png"))] == [2]
    for single in (photo, b"bytes", 7):
        with pytest.raises(ConfigError, match="list"):
            list(aligner.align_many(single))


def test_limits_of_what_is_reported_are_options(photo):
    aligner = FaceAligner.from_pretrained("fast", min_face=30, min_score=0.6, max_uncertainty_mm=3.0)
    assert (aligner.detector.options.min_face, aligner.detector.options.min_score) == (30, 0.6)
    assert aligner.max_uncertainty_mm == 3.0
    for options in ({"min_face": 1}, {"min_score": 2}, {"max_uncertainty_mm": 0}, {"passes": 10**6}):
        with pytest.raises(ConfigError, match="must"):
            FaceAligner.from_pretrained("fast", **options)
    with pytest.raises(ConfigError, match="at most 1024"):
        FaceAligner.from_pretrained("fast", threads=100_000)


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
    with pytest.raises(ConfigError, match="no landmark scheme 'dlib'"):
        FaceAligner.from_pretrained("fast", landmarks="dlib")(photo)


def test_a_face_model_without_the_usual_scheme_keeps_its_own(aligner, photo):
    assert {face.landmark_scheme for face in aligner(photo)} == {"300w-lp"}
