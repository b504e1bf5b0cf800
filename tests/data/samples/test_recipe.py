from dataclasses import replace

import pytest

from lineament.data.samples.recipe import (
    DEFAULT,
    OPEN,
    RECIPES,
    RotatedOptions,
    find_recipe,
    read_recipe,
    recipe_text,
)
from lineament.errors import ConfigError


def write(folder, text):
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_back_as_it_was_written(tmp_path):
    recipe = replace(OPEN, seed=7, licence='mine, "all" of it', rotated=RotatedOptions(count=3, face=80.5))
    assert read_recipe(write(tmp_path, recipe_text(recipe))) == recipe


def test_what_a_file_leaves_out_stays_as_it_is_and_its_name_is_the_files(tmp_path):
    recipe = find_recipe(str(write(tmp_path, "[rotated]\ncount = 4\nface = 100\n")))
    assert (recipe.name, recipe.rotated.count, recipe.rotated.face) == ("mine", 4, 100.0)
    assert recipe.rotated.size == RotatedOptions().size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", r"mine\.toml has a key 'sed'.*'seed'"),
        ("[rotated]\nviews = 3", "'views' that RotatedOptions does not know"),
        ("rotated = 3", "rotated must be a table, found 3"),
        ("seed = 'one'", "seed must be int, found 'one'"),
        ("[rotated]\nphotographed = 1", "photographed must be bool, found 1"),
        ("[storage]\npicture = 'gif'", "picture must be one of 'jpg', 'png', found 'gif'"),
        ("[occluded]\nprobability = 1.5", "occluded: probability must be a number from 0 to 1, found 1.5"),
        ("seed = ", "is no TOML file"),
    ],
)
def test_mistakes_are_told_with_what_was_expected(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_recipe(write(tmp_path, text))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="choose default, open"):
        find_recipe("nothing")


def test_the_open_recipe_takes_nothing_but_public_domain_photographs():
    assert OPEN.collections == ("congress",)
    assert OPEN.rendered.textures == "open"


def test_anything_changed_in_a_recipe_changes_its_digest():
    digests = {recipe.digest for recipe in RECIPES.values()}
    digests |= {replace(DEFAULT, seed=2).digest, replace(DEFAULT, rotated=RotatedOptions(count=1)).digest}
    assert len(digests) == len(RECIPES) + 2
    assert replace(DEFAULT).digest == DEFAULT.digest
