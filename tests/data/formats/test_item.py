import numpy as np
import pytest

from lineament.data.formats.item import (
    box_from_matlab,
    box_of_points,
    points_from_matlab,
    read_each,
    without_absent,
)
from lineament.errors import DataError


def test_the_centre_of_matlabs_first_pixel_is_at_a_half():
    np.testing.assert_array_equal(points_from_matlab([[1, 1], [640, 2]]), [[0.5, 0.5], [639.5, 1.5]])


def test_a_box_of_one_pixel_covers_that_pixel():
    np.testing.assert_array_equal(box_from_matlab([1, 1, 1, 1]), [0, 0, 1, 1])
    np.testing.assert_array_equal(box_from_matlab([11, 21, 30, 40]), [10, 20, 40, 60])


def test_one_coordinate_of_minus_one_makes_a_point_absent():
    # AFLW2000-3D has flipped the y of the mark as well: 450 + 1 - (-1).
    points = without_absent([[-1, 452], [3, 4], [-1, -1]])
    np.testing.assert_array_equal(points, [[np.nan, np.nan], [3, 4], [np.nan, np.nan]])


def test_absent_points_do_not_count_for_the_box():
    points = np.array([[5.0, 9, 1], [np.nan, np.nan, np.nan], [1, 10, 2]])
    np.testing.assert_array_equal(box_of_points(points), [1, 9, 5, 10])
    assert np.isnan(box_of_points(points[1:2])).all()


def good():
    return 1


def bad():
    raise DataError("b.mat is damaged")


def test_a_list_for_errors_takes_them_and_the_rest_is_read():
    errors = []
    assert list(read_each([good, bad, good], errors=errors)) == [1, 1]
    assert [str(error) for error in errors] == ["b.mat is damaged"]


def test_without_a_list_the_first_error_is_raised_when_it_is_reached():
    values = read_each([good, bad])
    assert next(values) == 1
    with pytest.raises(DataError, match=r"b\.mat"):
        next(values)
