"""What expression weights are worth, on readings made up so that the answer is known."""

import json

import numpy as np
import pytest

from lineament.errors import DataError
from lineament.evaluate.expressions.photographs import (
    eye_turns,
    iris_offsets,
    judged_photos,
    variance_of_first,
)
from lineament.evaluate.expressions.pictures import (
    COMPANIONS,
    PictureRecipe,
    raised_pictures,
    render_raised,
)
from lineament.evaluate.expressions.report import ExpressionReport, to_json, to_markdown, to_text
from lineament.evaluate.expressions.round_trip import key_readings, other_side_of, passed_arkit_names
from lineament.models import load_model

NAMES = ("browInnerUpLeft", "browInnerUpRight", "jawOpen", "mouthClose")
KEY = np.repeat([-1, 0, 1, 2, 3], 3)


def perfect():
    weights = np.zeros((len(KEY), len(NAMES)))
    for row, key in enumerate(KEY):
        if key >= 0:
            weights[row, key] = 1.0
    weights[KEY == 3, 2] = 1.0  # lips are closed over an open jaw
    return weights


def test_keys_that_read_what_was_raised_pass():
    readings = key_readings(NAMES, perfect(), KEY)
    assert all(reading.passed for reading in readings)
    assert [reading.faces for reading in readings] == [3, 3, 3, 3]
    assert passed_arkit_names(readings) == ["browInnerUp", "jawOpen", "mouthClose"]


def test_a_key_fails_that_reads_little_and_so_does_one_whose_other_side_comes_along():
    weights = perfect()
    weights[KEY == 0, 1] = 0.3  # the other side
    weights[KEY == 2, 2] = 0.6
    readings = {reading.name: reading for reading in key_readings(NAMES, weights, KEY)}
    assert {name: reading.passed for name, reading in readings.items()} == {
        "browInnerUpLeft": False,
        "browInnerUpRight": True,
        "jawOpen": False,
        "mouthClose": True,
    }
    assert readings["browInnerUpLeft"].other == pytest.approx(0.3)
    assert passed_arkit_names(list(readings.values())) == ["mouthClose"]


def test_a_key_fails_that_moves_another_one_and_says_which():
    weights = perfect()
    weights[KEY == 2, 3] = 0.4
    (reading,) = (each for each in key_readings(NAMES, weights, KEY) if each.name == "jawOpen")
    assert not reading.passed
    assert (reading.cross_key, reading.cross) == ("mouthClose", pytest.approx(0.4))


def test_faces_that_no_network_gave_do_not_count_and_keys_that_none_shows_do_not_pass():
    weights = perfect()
    weights[KEY == 2] = np.nan
    (reading,) = (each for each in key_readings(NAMES, weights, KEY) if each.name == "jawOpen")
    assert (reading.faces, reading.passed) == (0, False)


def test_the_other_side_has_the_other_ending():
    assert [other_side_of(name) for name in ("jawLeft", "mouthSmileRight", "jawOpen")] == [
        "jawRight",
        "mouthSmileLeft",
        "",
    ]


def test_variance_along_one_direction_is_held_by_one_component():
    line = np.linspace(-1, 1, 50)[:, None] * np.array([[1.0, 2.0, 3.0]])
    assert variance_of_first(line, 1) == pytest.approx(1.0)
    cube = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T.astype(float)
    assert variance_of_first(cube, 1) == pytest.approx(1 / 3)


def test_irises_and_keys_agree_on_where_right_and_up_are():
    points = np.zeros((1, 470, 3))
    for outer, inner, iris, x in ((33, 133, 468, 40.0), (263, 362, 469, 80.0)):
        ends = (x, x + 20) if outer == 33 else (x + 20, x)
        points[0, outer, :2], points[0, inner, :2] = (ends[0], 50), (ends[1], 50)
        points[0, iris, :2] = (x + 14, 47)  # 4 px right of the middle, 3 px above it
    np.testing.assert_allclose(iris_offsets(points), [[4 / 20, 3 / 20]])
    names = tuple(f"eyeLook{way}{side}" for way in ("Down", "In", "Out", "Up") for side in ("Left", "Right"))
    looking = [[0, 0, 0, 0.5, 0.5, 0, 0.2, 0.2]]  # the person's left eye out, the right one in: to the right
    aside, up = eye_turns(names, np.array(looking))
    assert (aside[0], up[0]) == pytest.approx((0.5, 0.2))


def test_every_key_is_shown_alone_and_equally_often(tmp_path):
    recipe = PictureRecipe(faces=4, keys_each=1, size=48)
    path = tmp_path / "pictures.npz"
    made = raised_pictures(path, recipe)
    assert made.key[0] == -1  # the first face is shown at rest too
    assert len(set(made.key[1:])) == 4
    assert len(made) == 5
    again = raised_pictures(path, recipe)
    assert again.jpegs == made.jpegs
    np.testing.assert_array_equal(again.box_xyxy, made.box_xyxy)
    with pytest.raises(DataError, match="holds other pictures"):
        raised_pictures(path, PictureRecipe(faces=5, keys_each=1, size=48))


def test_faces_are_the_same_however_many_there_are():
    few, more = (render_raised(PictureRecipe(faces=n, keys_each=1, size=48)) for n in (1, 2))
    assert more.jpegs[: len(few)] == few.jpegs


def test_companions_are_keys_of_the_model():
    names = load_model("lfm").expression_names
    assert {*COMPANIONS, *(name for each in COMPANIONS.values() for name in each)} <= set(names)


def test_photographs_were_judged_by_eye():
    assert {"closed", "open"} <= set(judged_photos().values())


def test_the_report_names_each_key_and_says_nothing_where_nothing_was_shown():
    weights = perfect()
    weights[KEY == 2] = np.nan
    report = ExpressionReport(
        weights="mine",
        faces=3,
        pictures=len(KEY),
        keys=tuple(key_readings(NAMES, weights, KEY)),
        passed_without_gaze=3,
        photographs=None,
    )
    assert report.passed == ("browInnerUpLeft", "browInnerUpRight", "mouthClose")
    assert "| `jawOpen` | - |" in to_markdown(report)
    assert "FAIL jawOpen" in to_text(report)
    content = json.loads(to_json(report))
    assert content["keys"][2]["raised"] is None
