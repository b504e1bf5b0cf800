import math

import pytest

from lineament.data.samples.recipe import BuildRecipe, TurnedOptions
from lineament.errors import ConfigError
from lineament.ranges import RANGES, check_number


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
    with pytest.raises(ConfigError, match=r"turned\.size must be a number from 32 to 4096, found 0"):
        BuildRecipe(turned=TurnedOptions(size=0))
