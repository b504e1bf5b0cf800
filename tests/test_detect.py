import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lineament.crop import CropBox
from lineament.detect import (
    BASES_PX,
    OUTPUTS,
    STRIDES,
    Detector,
    DetectorOptions,
    OnnxDetector,
    decode_level,
    keep_best,
    overlap,
)
from lineament.detect.candidates import distinct, hidden_by_heads
from lineament.detect.closeup import LOWEST_SCORE, CloserLook, _box_in_photo
from lineament.detect.finer import reductions, windows_around
from lineament.errors import ConfigError, ImageError, WeightsError
from lineament.result import Detection
from lineament.weights import locate

EMPTY = -20.0


@pytest.fixture(scope="module")
def square_detector_path(tmp_path_factory):
    """A graph that calls every bright stride of the picture a face of the size of its scale's base.

    The logit of a cell is its mean brightness minus 200; the logs of the distances are 0; the head points up.
    """
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    weights = []
    for name, stride in zip(OUTPUTS, STRIDES):
        kernel = np.zeros((7, 3, stride, stride), np.float32)
        kernel[0] = 1 / (3 * stride * stride)
        bias = np.float32([-200, 0, 0, 0, 0, 0, -1])
        weights += [numpy_helper.from_array(kernel, f"{name}_w"), numpy_helper.from_array(bias, f"{name}_b")]
        inputs = ["planes", f"{name}_w", f"{name}_b"]
        nodes.append(helper.make_node("Conv", inputs, [name], strides=[stride, stride]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 7, None, None]) for name in OUTPUTS
    ]
    graph = helper.make_graph(nodes, "squares", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("detector") / "squares.onnx"
    onnx.save(model, path)
    return path


def test_our_detector_is_a_detector(square_detector_path):
    assert isinstance(OnnxDetector(square_detector_path), Detector)


def test_a_bright_square_is_found_where_it_is(square_detector_path):
    photo = np.zeros((384, 384, 3), np.uint8)
    photo[96:128, 160:192] = 255
    best = OnnxDetector(square_detector_path).detect(photo)[0]
    center = (best.box_xyxy[:2] + best.box_xyxy[2:]) / 2
    assert np.abs(center - [176, 112]).max() <= 16
    assert best.score > 0.99
    assert best.roll == pytest.approx(0.0)


def test_boxes_are_in_pixels_of_the_photo_whatever_its_size(square_detector_path):
    small = np.zeros((192, 384, 3), np.uint8)
    small[64:96, 128:160] = 255
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    detector = OnnxDetector(square_detector_path, options=DetectorOptions(first_side=384))
    first, second = (detector.detect(photo)[0].box_xyxy for photo in (small, large))
    np.testing.assert_allclose(2 * first, second, atol=1.0)


def test_a_picture_of_pillow_is_a_photo_too(square_detector_path):
    photo = np.zeros((384, 384, 3), np.uint8)
    photo[96:128, 160:192] = 255
    detector = OnnxDetector(square_detector_path)
    for ours, same in zip(detector.detect(photo), detector.detect(Image.fromarray(photo)), strict=True):
        np.testing.assert_array_equal(ours.box_xyxy, same.box_xyxy)
    with pytest.raises(ImageError, match="mode RGB"):
        detector.detect(Image.new("L", (64, 64)))


def test_an_empty_photo_has_no_face(square_detector_path):
    assert OnnxDetector(square_detector_path).detect(np.zeros((50, 70, 3), np.uint8)) == []


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 400), (33, 7), (700, 31)])
def test_any_size_of_photo_is_accepted(square_detector_path, size_hw):
    OnnxDetector(square_detector_path).detect(np.full((*size_hw, 3), 255, np.uint8))


def test_small_faces_of_a_large_photo_are_found_whoever_else_is_in_it(square_detector_path):
    alone = np.zeros((1200, 1600, 3), np.uint8)
    alone[600:640, 800:840] = 196  # a cell of the first look: a trace
    alone[616:632, 816:832] = 255  # which is a face, once seen finely
    together = alone.copy()
    together[200:500, 100:400] = 255  # and one that is large and certain
    detector = OnnxDetector(square_detector_path)

    def found_there(photo):
        boxes = np.array([face.box_xyxy for face in detector.detect(photo)]).reshape(-1, 4)
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        return (np.abs(middle - [820, 620]).max(axis=1) < 40).sum()

    assert min(found_there(alone), found_there(together)) >= 1


def test_a_float_picture_is_refused(square_detector_path):
    with pytest.raises(ImageError, match="uint8"):
        OnnxDetector(square_detector_path).detect(np.zeros((64, 64, 3)))


def test_another_network_is_refused_by_name(disc_graph):
    with pytest.raises(WeightsError, match="no face detector"):
        OnnxDetector(disc_graph)


@pytest.mark.parametrize(
    "options",
    [
        {"min_score": 0},
        {"min_score": 1.5},
        {"first_side": 8},
        {"min_face": 3},
        {"min_face": 1e9},
        {"min_face": float("nan")},
    ],
)
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError):
        DetectorOptions(**options)


def test_a_cell_answers_with_its_middle_and_its_distances():
    maps = np.zeros((7, 3, 4))
    maps[0] = EMPTY
    maps[:, 1, 2] = [0.0, np.log(2), 0.0, np.log(3), 0.0, -1.0, 0.0]  # the head points to the left
    found = decode_level(maps, stride=8, base_px=10.0, min_score=0.3)
    np.testing.assert_allclose(found, [[20 - 20, 12 - 10, 20 + 30, 12 + 10, 0.5, np.pi / 2]])


def test_cells_that_are_no_numbers_are_no_faces():
    maps = np.zeros((7, 4, 4), np.float32)
    maps[0] = EMPTY
    maps[0, 1, 1] = 5
    maps[0, 0] = np.inf
    maps[:, 2, 2] = 5, 0, np.nan, 0, 0, 0, 0
    maps[:, 3] = np.nan
    found = decode_level(maps, stride=8, base_px=16.0, min_score=0.5)
    assert found[:, :4].tolist() == [[12 - 16, 12 - 16, 12 + 16, 12 + 16]]


def test_maps_of_another_shape_are_refused_by_name(square_detector_path, monkeypatch):
    detector = OnnxDetector(square_detector_path)
    network = detector._network

    class Cut:
        path = network.path

        def __call__(self, *, image):
            return {name: maps[:, :5] for name, maps in network(image=image).items()}

    monkeypatch.setattr(detector, "_network", Cut())
    with pytest.raises(WeightsError, match=r"stride8 of squares\.onnx has the shape"):
        detector.detect(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.parametrize("size_wh", [(6000, 1000), (400, 3200), (200, 100), (640, 480)])
def test_panoramas_are_seen_as_finely_as_pictures_of_two_to_one(size_wh):
    options = DetectorOptions()
    scale = options.first_side_in(size_wh) / max(size_wh)
    assert min(size_wh) * scale >= options.first_side / 2
    assert options.first_side_in((640, 480)) == options.first_side


@pytest.mark.parametrize("angle", [-3.0, -1.0, 0.0, 0.7, 3.1])
def test_roll_is_counter_clockwise_to_the_viewer(angle):
    maps = np.zeros((7, 1, 1))
    maps[5:, 0, 0] = -np.sin(angle), -np.cos(angle)
    found = decode_level(maps, stride=8, base_px=1.0, min_score=0.3)
    assert found[0, 5] == pytest.approx(angle)


def test_of_boxes_on_one_face_the_best_stays():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60.0]])
    kept = keep_best(boxes, np.array([0.5, 0.9, 0.7]), max_overlap=0.4)
    assert kept.tolist() == [1, 2]
    assert keep_best(np.zeros((0, 4)), np.zeros(0), max_overlap=0.4).tolist() == []


def test_overlap_is_one_for_itself_and_zero_for_neighbours():
    box = np.array([0, 0, 10, 20.0])
    others = np.array([[0, 0, 10, 20], [10, 0, 20, 20], [0, 0, 10, 10], [5, 0, 15, 20.0]])
    np.testing.assert_allclose(overlap(box, others), [1, 0, 0.5, 1 / 3])


def test_every_scale_has_its_output_and_its_base():
    assert len(OUTPUTS) == len(STRIDES) == len(BASES_PX)


def test_the_file_in_the_package_finds_no_face_in_noise():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert OnnxDetector("face-detector", threads=1).detect(noise) == []
    assert locate("face-detector").stat().st_size < 2_000_000


def test_doubtful_faces_are_predicted_once_more_and_keep_only_what_both_passes_say(square_detector_path):
    photo = np.zeros((384, 384, 3), np.uint8)
    photo[96:128, 160:192] = 200  # logit 0 at the cells inside
    once, doubting = (
        DetectorOptions(first_side=384, min_score=0.3, doubtful=(0.3, high)) for high in (0.300001, 0.7)
    )
    sure, twice = (OnnxDetector(square_detector_path, options=o) for o in (once, doubting))
    first, second = sure.detect(photo), twice.detect(photo)
    assert first[0].score == pytest.approx(0.5, abs=1e-3)
    assert all(0 < d.score < 0.51 for d in second)
    assert [d.score for d in second] == sorted((d.score for d in second), reverse=True)


def test_a_face_that_seems_to_lean_far_takes_the_roll_that_a_closer_pass_confirms():
    upright, fallen = CloserLook(0.0, 0.6, 0.1), CloserLook(2.3, 0.7, 0.2)
    assert upright.plausibility > fallen.plausibility
    # The upright closeup shows it fallen.
    assert fallen.plausibility > CloserLook(0.0, 0.7, 3.1).plausibility


@pytest.mark.parametrize("roll", [0.0, 0.6, np.pi / 2, -2.5])
def test_a_closer_look_tells_where_in_the_photo_a_face_is(square_detector_path, roll):
    photo = np.zeros((384, 384, 3), np.uint8)
    photo[180:204, 190:214] = 255
    place = Detection(np.float32([160, 150, 230, 220]), 0.5, roll)
    (seen,) = OnnxDetector(square_detector_path).look_closer(photo, [place])
    left, top, right, bottom = seen.box_xyxy
    assert np.hypot((left + right) / 2 - 202, (top + bottom) / 2 - 192) < 12
    assert seen.score > 0.9
    assert np.cos(seen.roll - roll) == pytest.approx(1)  # heads point up in closeups of this detector


def test_a_closer_look_at_nothing_says_so(square_detector_path):
    place = Detection(np.float32([160, 150, 230, 220]), 0.5, 0.3)
    detector = OnnxDetector(square_detector_path)
    (seen,) = detector.look_closer(np.zeros((384, 384, 3), np.uint8), [place])
    assert seen.score == pytest.approx(LOWEST_SCORE)
    np.testing.assert_array_equal(seen.box_xyxy, place.box_xyxy)
    assert detector.look_closer(np.zeros((384, 384, 3), np.uint8), []) == []


@pytest.mark.parametrize("roll", [0.0, 0.4, np.pi / 2, -2.5])
def test_the_box_of_a_closeup_has_its_place_and_size_in_the_photo(roll):
    shown = CropBox((200.0, 120.0), 384.0, 192, roll)
    wide = np.array([36.0, 56.0, 156.0, 96.0])  # in the mirrored closeup: 240 by 80 px of the photo
    left, top, right, bottom = _box_in_photo(wide, shown)
    middle = shown.image_from_crop(np.array([192 - 96.0, 76.0]))
    np.testing.assert_allclose([(left + right) / 2, (top + bottom) / 2], middle)
    expected = [
        np.hypot(240 * np.cos(roll), 80 * np.sin(roll)),
        np.hypot(240 * np.sin(roll), 80 * np.cos(roll)),
    ]
    np.testing.assert_allclose([right - left, bottom - top], expected)


def test_the_quick_pass_gets_fewer_pixels_and_finds_a_large_face_all_the_same(square_detector_path):
    photo = np.zeros((480, 640, 3), np.uint8)
    photo[240:264, 336:360] = 255  # a cell of stride 8 at a third of the size
    quick = DetectorOptions(first_side=224, min_score=0.5, min_face=64)
    box = OnnxDetector(square_detector_path, options=quick).detect(photo)[0].box_xyxy
    assert quick.first_side < DetectorOptions().first_side
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, [348, 252], atol=5)


def test_two_boxes_that_hold_each_others_center_are_one_face():
    found = np.array([[0, 0, 64, 68, 0.7, 0], [22, 10, 69, 53, 0.8, 0], [60, 0, 120, 60, 0.6, 0]])
    np.testing.assert_array_equal(distinct(found), found[[1, 2]])
    assert distinct(found[:0]).shape == (0, 6)
    np.testing.assert_array_equal(distinct(found[:1]), found[:1])


def test_a_suspicion_in_the_middle_of_another_head_is_none():
    face = [0, 0, 100, 100, 0.9, 0]
    ear, hair, tie, neighbour = (
        [95, 40, 117, 62, 0.5, 0],
        [40, -35, 60, -15, 0.5, 0],
        [40, 110, 60, 130, 0.5, 0],
        [130, 40, 150, 60, 0.5, 0],
    )
    certain, half_as_large = [95, 40, 117, 62, 0.8, 0], [60, 20, 110, 70, 0.5, 0]
    found = np.array([face, ear, hair, tie, neighbour, certain, half_as_large])
    assert hidden_by_heads(found, sure_score=0.7).tolist() == [False, True, True, False, False, False, False]
    assert hidden_by_heads(found[1:2], sure_score=0.7).tolist() == [False]  # there is no head
    assert hidden_by_heads(found[:0], sure_score=0.7).shape == (0,)
    found[0, 4] = 0.6  # who is not sure hides nobody
    assert not hidden_by_heads(found, sure_score=0.7).any()


@pytest.mark.parametrize("roll", [0.5, -1.2, np.pi])
def test_a_head_that_leans_hides_what_lies_in_it_as_it_leans(roll):
    points = np.array([[0.58, 0.0], [0.0, -0.75], [0.0, 0.66], [0.7, 0.0]]) * 100  # ear, hair, neck, beside
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    middle = np.concatenate([[[0, 0]], points @ turn.T])
    half = np.array([[50.0], *[[5.0]] * 4])
    scores, rolls = np.array([[0.9], *[[0.5]] * 4]), np.full((5, 1), roll)
    found = np.concatenate([middle - half, middle + half, scores, rolls], axis=1)
    assert hidden_by_heads(found, sure_score=0.7).tolist() == [False, True, True, False, False]


def test_a_trace_is_examined_with_the_pixels_that_its_size_needs_and_no_fewer_than_twice_as_many():
    sides = np.array([40.0, 130, 180, 5000])
    faint = np.stack([0 * sides, 0 * sides, sides, sides, 0.5 + 0 * sides, 0 * sides], axis=1)
    assert reductions(faint, factor=2, scale=1 / 8).tolist() == [2, 2, 3, 4]
    assert reductions(faint, factor=2, scale=1 / 3).tolist() == [2, 2, 2, 2]


def test_many_traces_of_one_face_get_one_window():
    trace = np.array([500.0, 500, 600, 600, 0.5, 0])
    again = np.array([510.0, 490, 612, 595, 0.4, 0])
    elsewhere = np.array([1100.0, 500, 1200, 600, 0.5, 0])
    parts = windows_around(np.array([trace, again, elsewhere]), (3000, 2000), factor=2, scale=1 / 8)
    assert len(parts) == 2
    assert windows_around(np.array([trace]), (3000, 2000), factor=2, scale=1 / 8)[0] in parts
