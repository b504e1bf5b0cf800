"""One where a list is wanted is a list of one."""

import json

import numpy as np
import pytest

from faces import egg_face
from lineament.draw import draw_axes, draw_landmarks, draw_mesh, draw_overlay
from lineament.errors import ConfigError
from lineament.export import export_glb, export_json, export_obj, export_parquet, export_ply, face_maps
from lineament.neutral import neutral_expression
from lineament.result import AlignedPhoto
from shared import package

GREY = np.full((200, 200, 3), 90, np.uint8)


def test_one_face_one_layer_and_one_label_are_drawn_as_lists_of_one():
    face = egg_face()
    alone = draw_overlay(GREY, face, layers="box", labels="Ada Lovelace")
    np.testing.assert_array_equal(alone, draw_overlay(GREY, [face], layers=["box"], labels=["Ada Lovelace"]))
    assert (alone != GREY).any()


def test_one_face_is_exported_as_a_list_of_one(tmp_path):
    face = egg_face()
    export_json(face, tmp_path / "one.json", meshes="egg.obj")
    export_json([face], tmp_path / "list.json", meshes=["egg.obj"])
    assert (tmp_path / "one.json").read_text() == (tmp_path / "list.json").read_text()
    assert len(json.loads((tmp_path / "one.json").read_text())["faces"]) == 1
    np.testing.assert_array_equal(
        face_maps(face, (200, 200)).pncc_rgb, face_maps([face], (200, 200)).pncc_rgb
    )


def test_one_face_is_a_row_of_a_table(tmp_path):
    package("pyarrow", extra="parquet")
    assert export_parquet([({"photo": "a.jpg"}, egg_face())], tmp_path / "faces.parquet") == 1


@pytest.mark.parametrize(
    "given", [AlignedPhoto(source="a.jpg", faces=[egg_face()]), 3, ["a"], "ab", [[egg_face()]]]
)
def test_what_is_no_face_is_named_with_what_is_wanted(tmp_path, given):
    for use in (
        lambda: draw_overlay(GREY, given),
        lambda: face_maps(given, (200, 200)),
        lambda: export_json(given, tmp_path / "a.json"),
    ):
        with pytest.raises(ConfigError, match="results of an aligner, one or a list"):
            use()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([egg_face()], "found a list of 1"),
        ([], "found list"),
        ("a.obj", "found str"),
        (None, "found NoneType"),
    ],
)
def test_where_one_face_is_wanted_anything_else_is_named(tmp_path, given, found):
    for use in (
        lambda: draw_mesh(GREY, given),
        lambda: draw_landmarks(GREY, given),
        lambda: draw_axes(GREY, given),
        lambda: export_obj(given, tmp_path / "a.obj"),
        lambda: export_ply(given, tmp_path / "a.ply"),
        lambda: export_glb(given, tmp_path / "a.glb"),
    ):
        with pytest.raises(ConfigError, match=found):
            use()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [3, [1, 2], None])
def test_layers_that_are_no_names_are_refused(given):
    with pytest.raises(ConfigError, match="Names are texts"):
        draw_overlay(GREY, egg_face(), layers=given)


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan"), "0.5", None])
def test_an_opacity_is_a_number_from_0_to_1(opacity):
    for use in (draw_mesh, draw_overlay):
        with pytest.raises(ConfigError, match="opacity must be"):
            use(GREY, egg_face(), opacity=opacity)


def test_the_rest_of_one_face_is_that_of_a_list_of_one():
    face = egg_face()
    np.testing.assert_array_equal(neutral_expression(face), neutral_expression([face]))
