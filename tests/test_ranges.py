import math

import numpy as np
import pytest

from lineament.data.samples.recipe import BuildRecipe, RotatedOptions
from lineament.errors import ConfigError
from lineament.ranges import RANGES, check_kind, check_number


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch", 0, "batch must be a number from 1 to 65536, found 0"),
        ("learning_rate", math.inf, r"learning_rate must be a finite number from 0 to 100, found inf"),
        ("seed", -1, "seed must be a number from 0"),
        ("anything", math.nan, "anything must be a finite number, found nan"),
    ],
)
def test_a_number_out_of_its_range_is_refused_in_a_line_that_names_the_range(name, value, message):
    with pytest.raises(ConfigError, match=message):
        check_number(name, value, where=name)


def test_what_is_in_range_or_no_number_passes():
    for name, (low, high) in RANGES.items():
        check_number(name, low, where=name)
        check_number(name, high, where=name)
    check_number("batch", True, where="batch")
    check_number("seed", "text", where="seed")


def test_a_recipe_of_pictures_without_a_pixel_is_refused():
    with pytest.raises(ConfigError, match=r"rotated\.size must be a number from 32 to 4096, found 0"):
        BuildRecipe(rotated=RotatedOptions(size=0))


@pytest.mark.parametrize("value", ["2", 1.5, None, True, np.True_, [2], float("nan")])
def test_an_option_that_counts_is_a_whole_number(value):
    with pytest.raises(ConfigError, match=r"threads must be a whole number, found .*\("):
        check_kind("threads", value, whole=True)


def test_numbers_of_numpy_are_numbers():
    check_kind("threads", np.int64(2), whole=True)
    check_kind("min_face", np.float32(20))
    with pytest.raises(ConfigError, match="min_face must be a number, found 'a'"):
        check_kind("min_face", "a")
