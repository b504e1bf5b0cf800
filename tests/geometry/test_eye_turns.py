"""Points on eyeballs turn with the expressions of looking; all others stay."""

import numpy as np
import pytest

from lineament.geometry.eye_turns import LOOKS, eye_turns, sphere_centre
from lineament.models import load_model


@pytest.fixture(scope="module")
def lfm():
    return load_model("lfm")


def at_vertices(vertices):
    """Corners and weights of points that are vertices."""
    return np.repeat(np.asarray(vertices)[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(vertices), 1))


def test_an_iris_goes_where_the_expression_says_and_stays_on_the_eyeball(lfm):
    balls = np.unique(lfm.triangles[slice(*lfm.parts["eyeballs"])])
    left = balls[lfm.neutral_model[balls, 0] > 0]
    front = left[np.argmax(lfm.neutral_model[left, 2])]
    moved = eye_turns(lfm, *at_vertices([front]))[:, 0]
    step = dict(zip(lfm.expression_names, moved))
    assert step["eyeLookOutLeft"][0] > 5
    assert step["eyeLookInLeft"][0] < -5
    assert step["eyeLookUpLeft"][1] > 4
    assert step["eyeLookDownLeft"][1] < -4
    centre = sphere_centre(lfm.neutral_model[left].astype(float))
    rest = lfm.neutral_model[front] - centre
    for look, (out_deg, up_deg) in LOOKS.items():
        turned = rest + step[look + "Left"]
        assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(rest), rel=1e-4)
        cosine = turned @ rest / (rest @ rest)
        assert np.degrees(np.arccos(cosine)) == pytest.approx(max(abs(out_deg), abs(up_deg)), abs=0.7)


def test_nothing_else_moves(lfm):
    first, last = lfm.parts["face"]
    skin = np.unique(lfm.triangles[first:last])[::50]
    assert not eye_turns(lfm, *at_vertices(skin)).any()
    balls = np.unique(lfm.triangles[slice(*lfm.parts["eyeballs"])])
    moved = eye_turns(lfm, *at_vertices(balls))
    for name, by in zip(lfm.expression_names, moved):
        left = lfm.neutral_model[balls, 0] > 0
        own = {"Left": left, "Right": ~left}.get(next((s for s in ("Left", "Right") if name.endswith(s)), ""))
        looks = name.startswith("eyeLook")
        assert by.any() == looks
        if looks:
            assert not by[~own].any()


def test_a_model_without_eyeballs_has_none_to_turn(lfm):
    points = lfm.landmark_points("lfm-68")
    assert not eye_turns(points, *at_vertices([0, 1])).any()
