"""Expressions, eyes, teeth and hair of rendered faces."""

from __future__ import annotations

import numpy as np
import pytest

from lineament.data.heads.eyes import gaze_directions, random_eyes
from lineament.data.heads.solids import SKULL
from lineament.data.render.body import BodyMesh
from lineament.data.render.drawing import without_specks
from lineament.data.render.expressions import random_expression
from lineament.data.render.hair import STYLES, HairStyle, beard_field, combed, hair_field, random_style
from lineament.data.render.roots import head_roots
from lineament.data.render.strands import STEPS, grow
from lineament.data.render.teeth import Teeth


def test_expressions_are_weights_and_eyes_are_often_shut(lfm):
    rng = np.random.default_rng(0)
    drawn = np.stack([random_expression(lfm.expression_names, rng) for _ in range(400)])
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    blink = drawn[:, lfm.expression_names.index("eyeBlinkLeft")]
    jaw = drawn[:, lfm.expression_names.index("jawOpen")]
    assert 0.12 < (blink > 0.8).mean() < 0.35
    assert 0.06 < (jaw > 0.5).mean() < 0.3


def test_lips_do_not_close_over_a_shut_jaw(lfm):
    rng = np.random.default_rng(6)
    drawn = np.stack([random_expression(lfm.expression_names, rng) for _ in range(400)])
    close, jaw = (drawn[:, lfm.expression_names.index(name)] for name in ("mouthClose", "jawOpen"))
    assert (close <= jaw).all()
    assert close.max() > 0.1


def test_every_blendshape_is_used(lfm):
    rng = np.random.default_rng(1)
    used = np.stack([random_expression(lfm.expression_names, rng) for _ in range(700)]).max(axis=0)
    assert not [name for name, most in zip(lfm.expression_names, used, strict=True) if most < 0.1]


def test_eyes_look_where_the_blendshapes_say(lfm):
    def gaze(**weights):
        expression = np.array([weights.get(name, 0.0) for name in lfm.expression_names])
        return gaze_directions(lfm, expression)

    np.testing.assert_allclose(gaze(), [[0, 0, 1], [0, 0, 1]])
    # The person's left is the viewer's right, x > 0.
    assert (gaze(eyeLookOutLeft=1, eyeLookInRight=1)[:, 0] > 0.4).all()
    assert (gaze(eyeLookUpLeft=1, eyeLookUpRight=1)[:, 1] > 0.3).all()
    assert (gaze(eyeLookDownLeft=1, eyeLookDownRight=1)[:, 1] < -0.3).all()


def test_mirrored_expressions_look_to_the_mirrored_side(lfm):
    expression = random_expression(lfm.expression_names, np.random.default_rng(5))
    _, mirrored = lfm.mirrored(np.zeros(100), expression)
    one, two = gaze_directions(lfm, expression), gaze_directions(lfm, mirrored)
    np.testing.assert_allclose(two[::-1] * [-1, 1, 1], one, atol=1e-6)


def test_colours_of_eyes_and_hair_are_colours():
    rng = np.random.default_rng(2)
    for _ in range(100):
        eyes, hair = random_eyes(rng), random_style(rng)
        for rgb in (eyes.iris_rgb, eyes.sclera_rgb, hair.rgb):
            assert (np.asarray(rgb) > 0).all()
            assert (np.asarray(rgb) < 1).all()


def test_lower_teeth_move_with_the_jaw_and_upper_ones_stay(lfm):
    teeth = Teeth.of(lfm)
    opened = np.zeros(53, np.float32)
    opened[lfm.expression_names.index("jawOpen")] = 1
    moved = teeth.vertices_model(lfm, np.zeros(100), opened) - teeth.rest_model
    half = len(moved) // 2
    np.testing.assert_allclose(moved[:half], 0, atol=1e-5)
    assert (moved[half:, 1] < -8).all()


def test_teeth_are_behind_the_lips_of_a_closed_mouth(lfm):
    teeth = Teeth.of(lfm)
    first, last = lfm.parts["face"]
    lips = lfm.neutral_model[np.unique(lfm.triangles[first:last])]
    near = lips[(np.abs(lips[:, 0]) < 20) & (np.abs(lips[:, 1] + 40) < 6)]
    for x in (-15, -5, 5, 15):
        front = near[np.abs(near[:, 0] - x) < 3, 2].max()
        behind = teeth.rest_model[np.abs(teeth.rest_model[:, 0] - x) < 3, 2].max()
        assert behind < front - 4


def test_hair_grows_on_the_head_and_not_on_the_face(lfm):
    marks = lfm.landmark_points("lfm-68").neutral_model
    style = HairStyle("medium", 100.0, np.full(3, 0.1))
    assert hair_field(marks, style).max() == 0  # jaw, brows, eyes, nose, mouth
    crown = np.array([[0.0, 140.0, -20.0], [0.0, 60.0, -115.0], [70.0, 90.0, -20.0]])
    assert hair_field(crown, style).min() == 1
    assert hair_field(crown, HairStyle("bald", 0.0, np.full(3, 0.1))).max() == 0


@pytest.mark.parametrize("kind", ["stubble", "moustache", "goatee", "full"])
def test_beards_leave_the_eyes_and_the_lips_free(lfm, kind):
    marks = lfm.landmark_points("lfm-68").neutral_model
    assert beard_field(marks[17:48], kind)[:-5].max() == 0
    assert beard_field(marks[60:68], kind).max() == 0
    assert beard_field(lfm.neutral_model, kind).sum() > 30


def test_strands_start_at_their_roots_and_keep_out_of_the_skull(lfm):
    rng = np.random.default_rng(3)
    roots = head_roots(lfm, BodyMesh.of(lfm)).scalp.chosen(slice(0, 300))
    lengths = np.full(300, 60.0)
    for name in STYLES:
        style = HairStyle(name, 60.0, np.full(3, 0.1))
        out = np.empty((300, STEPS + 1, 3), np.float32)
        directions = combed(roots.rest, roots.normals, style, rng)
        grow(
            roots.rest.astype(float), directions, lengths, np.array([0.0, -1, 0]), 0.1, 0.5, 0.0, 0.3,
            np.full(300, 5.0), SKULL.center_mm, SKULL.semiaxes_mm, rng.uniform(0, 6, (300, 2)), out,
        )  # fmt: skip
        np.testing.assert_allclose(out[:, 0], roots.rest, atol=1e-4)
        away = np.linalg.norm((out[:, 4:] - SKULL.center_mm) / SKULL.semiaxes_mm, axis=-1)
        assert away.min() > 0.99
        assert np.linalg.norm(np.diff(out, axis=1), axis=-1).sum(axis=1).min() > 20


def test_masks_are_of_whole_areas_within_the_face():
    face = np.ones((160, 160), bool)
    face[:, 120:] = False
    hidden = np.zeros_like(face)
    hidden[20:60, 20:60] = True
    hidden[30:50:5, 20:60] = False  # gaps between hairs
    hidden[100, :] = hidden[:, 100] = True  # single hairs
    hidden[80:140, 110:120] = True  # up to the face's edge
    whole = without_specks(hidden, face)
    assert whole[22:58, 22:58].all()
    assert not whole[97:104, :95].any()
    assert whole[82:138, 112:120].all()
    assert not whole[~face].any()
