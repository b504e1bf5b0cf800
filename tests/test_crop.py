from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox, check_box, crop_around_box, crop_around_points, upright_roll
from lineament.errors import BoxError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

BOXES = [
    CropBox(center_xy=(40.0, 30.0), side=20.0, size=100),
    CropBox(center_xy=(-3.5, 812.25), side=417.3, size=112, roll=0.7),
    CropBox(center_xy=(0.0, 0.0), side=1.5, size=8, roll=-2.9),
]


@pytest.fixture
def points():
    return np.random.default_rng(5).normal(50, 40, (2, 6, 3))


def test_the_corners_of_the_crop_box_become_the_corners_of_the_crop():
    box = CropBox(center_xy=(40.0, 30.0), side=20.0, size=100)
    corners_image = np.array([[30.0, 20.0, 1.0], [50.0, 40.0, -2.0]])
    np.testing.assert_allclose(box.crop_from_image(corners_image), [[0, 0, 5], [100, 100, -10]])


@pytest.mark.parametrize("box", BOXES)
def test_there_and_back_is_the_same(box, points):
    np.testing.assert_allclose(box.image_from_crop(box.crop_from_image(points)), points, atol=1e-9)
    np.testing.assert_allclose(box.crop_from_image(box.image_from_crop(points)), points, atol=1e-9)


@pytest.mark.parametrize("box", BOXES)
def test_two_coordinates_go_where_three_do(box, points):
    np.testing.assert_allclose(box.image_from_crop(points[..., :2]), box.image_from_crop(points)[..., :2])
    np.testing.assert_allclose(box.crop_from_image(points[..., :2]), box.crop_from_image(points)[..., :2])


def test_points_keep_their_precision_and_whole_numbers_become_floats():
    assert BOXES[1].crop_from_image(np.zeros((4, 3), np.float32)).dtype == np.float32
    assert BOXES[1].image_from_crop(np.zeros((4, 2), np.int64)).dtype == np.float64


def test_up_in_a_rolled_crop_is_up_turned_counter_clockwise_in_the_photo():
    box = CropBox(center_xy=(10.0, 10.0), side=10.0, size=10, roll=np.pi / 2)
    np.testing.assert_allclose(box.image_from_crop(np.array([5.0, 0.0])), [5.0, 10.0])  # the viewer's left


@pytest.mark.parametrize("box", BOXES)
def test_a_camera_of_the_crop_projects_into_the_photo_where_its_points_map(box, points):
    camera = WeakPerspective(
        rotation=matrix_from_angles(0.5, -0.3, 0.2), scale=0.7, translation=np.array([50.0, 61.0, 3.0])
    )
    in_image = box.camera_in_image(camera)
    np.testing.assert_allclose(
        in_image.image_from_model(points), box.image_from_crop(camera.image_from_model(points)), atol=1e-9
    )
    assert np.linalg.det(in_image.rotation) == pytest.approx(1)
    back = box.camera_in_crop(in_image)
    np.testing.assert_allclose(back.image_from_model(points), camera.image_from_model(points), atol=1e-9)


def test_a_face_upright_in_the_crop_has_the_roll_of_the_crop_in_the_photo():
    upright = WeakPerspective(rotation=np.eye(3), scale=1.0, translation=np.zeros(3))
    assert BOXES[1].camera_in_image(upright).angles.roll == pytest.approx(0.7)


@pytest.mark.parametrize("yaw", [0.0, 0.8, -1.5])
@pytest.mark.parametrize("pitch", [0.0, 0.6])
def test_a_crop_at_the_upright_roll_shows_the_head_upright(yaw, pitch):
    camera = WeakPerspective(
        rotation=matrix_from_angles(0, 0, 0.9) @ matrix_from_angles(yaw, pitch, 0),
        scale=1.0,
        translation=np.zeros(3),
    )
    roll = upright_roll(camera.rotation)
    assert roll == pytest.approx(0.9)
    box = CropBox(center_xy=(0.0, 0.0), side=9.0, size=9, roll=roll)
    neck, crown = box.camera_in_crop(camera).image_from_model(np.array([[0.0, 0, 0], [0, 1, 0]]))
    assert crown[0] == pytest.approx(neck[0])
    assert crown[1] < neck[1]


def test_the_crop_box_around_a_box_shares_its_center():
    box = crop_around_box([10, 20, 30, 60], size=112, margin=1.5)
    assert (box.center_xy, box.side, box.size, box.roll) == ((20, 40), 60, 112, 0)


@pytest.mark.parametrize("roll", [0.0, 0.4, -2.0])
def test_the_crop_box_around_points_holds_them_as_tightly_as_the_margin_says(roll, points):
    box = crop_around_points(points[0], size=100, roll=roll, margin=2.0)
    points_crop = box.crop_from_image(points[0])[:, :2]
    low, high = points_crop.min(axis=0), points_crop.max(axis=0)
    np.testing.assert_allclose(low + high, [100, 100], atol=1e-9)
    assert (high - low).max() == pytest.approx(50)


def test_turning_points_turns_their_crop_box(points):
    turn = CropBox(center_xy=(0.0, 0.0), side=1.0, size=1, roll=0.6).image_from_crop_matrix[:2, :2]
    straight = crop_around_points(points[0], size=64)
    rotated = crop_around_points(points[0, :, :2] @ turn.T, size=64, roll=0.6)
    assert rotated.side == pytest.approx(straight.side)
    np.testing.assert_allclose(rotated.center_xy, turn @ straight.center_xy)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([1, 2, 3], "shape"),
        ([1, 2, float("nan"), 4], "not finite"),
        ([5, 5, 5, 9], "no area"),
        ([50, 50, 20, 20], "x, y, width, height"),
    ],
)
def test_a_bad_box_says_what_is_wrong(box, message):
    with pytest.raises(BoxError, match=message):
        check_box(box)
    with pytest.raises(BoxError, match=message):
        crop_around_box(box, size=112)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.full((5, 3), np.nan), np.ones((5, 2)), np.zeros(3)])
def test_points_without_extent_make_no_crop(points):
    with pytest.raises(BoxError):
        crop_around_points(points, size=112)


@pytest.mark.parametrize("change", [{"side": 0.0}, {"side": np.inf}, {"size": 0}, {"roll": np.nan}])
def test_a_crop_box_that_cannot_be_cut_cannot_be_made(change):
    with pytest.raises(BoxError):
        CropBox(**{"center_xy": (0.0, 0.0), "side": 1.0, "size": 1, **change})


def test_a_resized_crop_is_the_same_crop_box():
    resized = BOXES[1].resized(56)
    np.testing.assert_allclose(
        resized.image_from_crop(np.array([56.0, 56])), BOXES[1].image_from_crop(np.array([112.0, 112]))
    )


@pytest.mark.parametrize(
    ("changes", "close"),
    [
        ({}, True),
        ({"center_xy": (52.0, 61.5), "side": 104.0, "roll": -3.13}, True),  # the turn goes past half a circle
        ({"size": 64}, True),
        ({"center_xy": (53.0, 61.5)}, False),
        ({"side": 106.0}, False),
        ({"side": 94.0}, False),
        ({"roll": 3.0}, False),
        ({"roll": 0.0}, False),
    ],
)
def test_crop_boxes_are_close_when_center_side_and_roll_are(changes, close):
    box = CropBox(center_xy=(50.0, 60.0), side=100.0, size=112, roll=3.13)
    assert box.is_close_to(replace(box, **changes), shift=0.03, scale=0.05, roll=0.1) is close


def test_a_square_says_how_much_of_it_a_photo_shows():
    assert CropBox((50, 50), 40, 64).share_within(100, 100) == 1
    assert CropBox((50, 90), 40, 64).share_within(100, 100) == 0.75
    assert CropBox((50, 50), 40, 64, roll=0.4).share_within(100, 100) == 1
    assert CropBox((100, 100), 40, 64).share_within(100, 100) == 0.25
    assert CropBox((300, 50), 40, 64).share_within(100, 100) == 0
