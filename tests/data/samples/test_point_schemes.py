import numpy as np
import pytest

from lineament.data.samples.point_schemes import POINT_SCHEMES, find_point_scheme
from lineament.errors import DataError
from lineament.geometry.topology import MIRROR_68, aflw21_from_68


@pytest.mark.parametrize("scheme", POINT_SCHEMES.values(), ids=POINT_SCHEMES)
def test_points_mirrored_twice_are_themselves(scheme):
    twin = POINT_SCHEMES[scheme.mirrored]
    assert POINT_SCHEMES[twin.mirrored] is scheme
    assert [scheme.mirror[number] for number in twin.mirror] == list(range(len(scheme)))


@pytest.mark.parametrize("scheme", POINT_SCHEMES.values(), ids=POINT_SCHEMES)
def test_a_point_that_is_a_landmark_is_the_mirrored_landmark_in_the_mirror(scheme):
    for number, before in zip(POINT_SCHEMES[scheme.mirrored].of_68, scheme.mirror, strict=True):
        known = scheme.of_68[before]
        assert number == (-1 if known < 0 else MIRROR_68[known])


def test_aflws_points_are_the_landmarks_that_its_evaluation_makes_of_the_68():
    landmarks = np.random.default_rng(0).normal(size=(68, 2))
    used = [(own, number) for own, number in enumerate(POINT_SCHEMES["aflw-21"].of_68) if number >= 0]
    made = aflw21_from_68(landmarks)
    np.testing.assert_array_equal([made[own] for own, _ in used], [landmarks[number] for _, number in used])


def test_an_unknown_scheme_is_named_with_the_known_ones():
    with pytest.raises(DataError, match=r"'mine'.*300w-lp.*NaN"):
        find_point_scheme("mine")
