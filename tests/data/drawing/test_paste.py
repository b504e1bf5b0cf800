import numpy as np
import pytest

from lineament.data.drawing.paste import Mask, affine, invert, move, paste

EVERYTHING = Mask((4.0, 4.0), (100.0, 100.0), power=20.0, feather=1e-3)


def blank(size: int = 20):
    return np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.int16)


def test_the_point_of_the_source_arrives_at_its_target():
    placing = affine(
        scale=3.0, angle=0.7, mirrored=True, source_xy=np.array([5.0, 2.0]), target_xy=np.array([40.0, 60.0])
    )
    np.testing.assert_allclose(move(placing, np.array([5.0, 2.0])), [40, 60])


def test_a_quarter_turn_is_counter_clockwise_to_the_viewer():
    placing = affine(scale=1.0, angle=np.pi / 2, mirrored=False, source_xy=np.zeros(2), target_xy=np.zeros(2))
    np.testing.assert_allclose(
        move(placing, np.array([0.0, -1.0])), [-1, 0], atol=1e-12
    )  # up goes to the left


def test_there_and_back_is_the_same():
    rng = np.random.default_rng(0)
    placing, points = rng.normal(size=(2, 3)), rng.normal(size=(5, 2))
    np.testing.assert_allclose(move(invert(placing), move(placing, points)), points)


def test_a_picture_moved_by_whole_pixels_is_copied():
    canvas, owner = blank()
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    placing = affine(
        scale=1.0, angle=0.0, mirrored=False, source_xy=np.zeros(2), target_xy=np.array([5.0, 7.0])
    )
    paste(canvas, owner, picture, placing, EVERYTHING, label=3)
    np.testing.assert_array_equal(canvas[7:15, 5:13], picture)
    assert (owner == 3).sum() == 64
    assert canvas.astype(int).sum() == picture.astype(int).sum()


def test_a_mirrored_picture_is_copied_with_its_columns_reversed():
    canvas, owner = blank()
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    placing = affine(
        scale=1.0, angle=0.0, mirrored=True, source_xy=np.array([8.0, 0.0]), target_xy=np.zeros(2)
    )
    paste(canvas, owner, picture, placing, EVERYTHING, label=1)
    np.testing.assert_array_equal(canvas[:8, :8], picture[:, ::-1])


def test_beyond_its_border_a_picture_may_go_on_mirrored():
    canvas, owner = blank(16)
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    placing = affine(scale=1.0, angle=0.0, mirrored=False, source_xy=np.zeros(2), target_xy=np.zeros(2))
    paste(canvas, owner, picture, placing, EVERYTHING, label=1, reflect=True)
    np.testing.assert_array_equal(canvas[:8, 8:], picture[:, ::-1])


@pytest.mark.parametrize("target", [(-50.0, 5.0), (5.0, 90.0)])
def test_a_picture_beside_the_canvas_changes_nothing(target):
    canvas, owner = blank()
    placing = affine(scale=1.0, angle=0.3, mirrored=False, source_xy=np.zeros(2), target_xy=np.array(target))
    paste(canvas, owner, np.full((8, 8, 3), 255, np.uint8), placing, EVERYTHING, label=1)
    assert canvas.max() == 0
    assert owner.max() == 0


def test_a_soft_ellipse_is_full_in_the_middle_and_nothing_at_the_corner():
    canvas, owner = blank(40)
    placing = affine(scale=1.0, angle=0.0, mirrored=False, source_xy=np.zeros(2), target_xy=np.zeros(2))
    mask = Mask((20.0, 20.0), (20.0, 20.0), power=2.0, feather=0.5)
    paste(canvas, owner, np.full((40, 40, 3), 200, np.uint8), placing, mask, label=1)
    assert canvas[20, 20, 0] == 200
    assert canvas[0, 0, 0] == 0
    assert 0 < canvas[20, 2, 0] < 100
