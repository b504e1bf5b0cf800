from dataclasses import replace

import numpy as np
import pytest

from lineament.data.crops.face_swap import FaceSwap, border_loops, skin_fraction
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

WHERE = np.array([48.0, 48.0, 0.0])


@pytest.fixture(scope="module")
def swap(lfm):
    return FaceSwap(lfm)


def view(lfm, *, yaw=0.0, seed=0, scale=0.35, expression=None):
    """A smooth picture of its own colours with a face in the middle."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 60, 96)
    image = np.clip(rng.uniform(60, 160, 3) + slope[:, None, None] - 0.5 * slope[None, :, None], 0, 255)
    if expression is None:
        expression = np.zeros(len(lfm.expression_basis), np.float32)
    identity = rng.normal(0, 0.1, len(lfm.identity_basis)).astype(np.float32)
    camera = WeakPerspective(matrix_from_angles(yaw, 0.0, 0.0), scale, WHERE)
    return View(image.astype(np.uint8), camera, identity, expression)


def test_labels_stay_and_only_the_face_changes(swap, lfm):
    one, other = view(lfm), view(lfm, seed=1)
    pattern = (96 * np.random.default_rng(2).random((96, 96, 1))).astype(np.uint8)
    changed = swap(one, replace(other, image=other.image // 2 + pattern))
    assert changed.camera is one.camera
    assert changed.identity is one.identity
    assert changed.expression is one.expression
    moved = np.abs(changed.image.astype(int) - one.image).max(axis=-1)
    assert moved[40:56, 40:56].max() > 20
    assert moved[:4].max() == moved[:, :4].max() == moved[:, -4:].max() == 0


def test_its_own_skin_changes_nothing(swap, lfm):
    one = view(lfm, yaw=0.2)
    assert np.abs(swap(one, one).image.astype(int) - one.image).max() <= 5


def test_the_face_keeps_its_mean_colour(swap, lfm):
    one, other = view(lfm), view(lfm, seed=3)
    middle = (slice(40, 56), slice(40, 56))
    before, after = (picture[middle].mean((0, 1)) for picture in (one.image, swap(one, other).image))
    np.testing.assert_allclose(before, after, atol=12)


def test_donors_that_would_contradict_the_labels_are_refused(swap, lfm):
    one = view(lfm)
    opened = np.zeros(len(lfm.expression_basis), np.float32)
    opened[lfm.expression_names.index("jawOpen")] = 0.9
    assert swap(one, view(lfm, seed=1, expression=opened)) is one
    assert swap(one, view(lfm, seed=1, yaw=1.2)) is one
    assert swap(one, view(lfm, seed=1, scale=0.1)) is one
    assert swap(view(lfm, yaw=1.2), view(lfm, seed=1, yaw=1.2)) is not one


def test_skin_fades_out_at_borders_and_is_whole_inside(lfm):
    first, last = lfm.parts["face"]
    triangles = lfm.triangles[first:last]
    loops = border_loops(triangles)
    assert len(loops) == 4  # around the face, two eyes, the mouth
    fraction = skin_fraction(lfm.neutral_model, triangles)
    assert all((fraction[loop] == 0).all() for loop in loops)
    nose = lfm.schemes["lfm-68"].vertex_index[30, 0]
    assert fraction[nose] == 1


def test_a_square_has_one_border():
    (loop,) = border_loops(np.array([[0, 1, 2], [0, 2, 3]]))
    assert sorted(loop) == [0, 1, 2, 3]
