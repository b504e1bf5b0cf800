import numpy as np
import pytest

from lineament.data.drawing.warp import reflected, warp_reflecting

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)


def matrix(linear, shift):
    return np.concatenate([np.asarray(linear, float), np.asarray(shift, float)[:, None]], axis=1)


def test_the_identity_gives_the_picture():
    np.testing.assert_array_equal(warp_reflecting(PICTURE, matrix(np.eye(2), [0, 0]), 12), PICTURE)


def test_a_whole_number_of_pixels_shifts_the_picture():
    found = warp_reflecting(PICTURE, matrix(np.eye(2), [3, 2]), 5)
    np.testing.assert_array_equal(found, PICTURE[2:7, 3:8])


def test_beyond_its_border_the_picture_continues_as_its_own_mirror_image():
    found = warp_reflecting(PICTURE, matrix(np.eye(2), [-5, -12]), 30)
    expected = np.pad(PICTURE, ((12, 12), (5, 17), (0, 0)), mode="symmetric")[:30, :30]
    np.testing.assert_array_equal(found, expected)


def test_a_quarter_turn_is_exact():
    found = warp_reflecting(PICTURE, matrix([[0, 1], [-1, 0]], [0, 12]), 12)
    np.testing.assert_array_equal(found, np.rot90(PICTURE, -1))


def test_a_ramp_is_sampled_where_the_matrix_says():
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    ramp = np.stack([x * 3, y * 3, x + y], axis=-1)
    picture = np.round(ramp).astype(np.uint8)
    turn = np.array([[0.8, -0.3], [0.3, 0.8]])
    found = warp_reflecting(picture, matrix(turn, [15, 5]), 20)
    at = np.stack(np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5), axis=-1) @ turn.T + [15, 5]
    np.testing.assert_allclose(found[..., 0], at[..., 0] * 3, atol=1.01)
    np.testing.assert_allclose(found[..., 1], at[..., 1] * 3, atol=1.01)


@pytest.mark.parametrize(
    ("index", "visible"), [(0, 0), (3, 3), (4, 3), (5, 2), (-1, 0), (-4, 3), (8, 0), (-9, 0)]
)
def test_indices_outside_a_row_of_four_run_back_and_forth(index, visible):
    assert reflected(index, 4) == visible
