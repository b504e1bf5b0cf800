from dataclasses import replace

import numpy as np
import pytest

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.heads.shell import HeadShell, ShellLayout
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.occlusion.accessories import GlassesStyle, cap, draw_accessory, glasses
from lineament.data.occlusion.drawing import Light
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

SIZE = (160, 160)
LIGHT = Light(np.array([0.0, 0.0, -1.0]))
NOTHING = np.full(SIZE, np.inf, np.float32)
STYLE = GlassesStyle((25.0, 17.0), 3.0, 1.5, 1.0, np.full((8, 8, 3), 20, np.uint8), np.array([200.0, 0, 0]))


@pytest.fixture(scope="module")
def layout(lfm):
    return ShellLayout.of(lfm)


def head(lfm, layout, seed):
    """Shell, landmarks and vertices (mm) of a random person."""
    rng = np.random.default_rng(seed)
    identity = rng.standard_normal(len(lfm.identity_basis)).astype(np.float32)
    expression = np.zeros(len(lfm.expression_basis), np.float32)
    vertices = lfm.vertices_model(identity, expression)
    landmarks = lfm.landmarks_model(identity, expression, scheme="lfm-68")
    return HeadShell.of(layout, vertices), landmarks.astype(float), vertices


def camera(yaw, pitch=0.0, roll=0.0):
    return WeakPerspective(matrix_from_angles(yaw, pitch, roll), 0.6, np.array([80.0, 80.0, 0.0]))


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (0.8, 0, 0), (-0.5, 0.4, 1.0), (1.5, -0.3, 0)])
def test_lenses_stand_before_the_eyes_at_any_pose(lfm, layout, yaw, pitch, roll):
    shell, landmarks, _ = head(lfm, layout, 1)
    view = camera(yaw, pitch, roll)
    for side, sheet in enumerate(glasses(shell, landmarks, STYLE).sheets):
        eye = landmarks[36 + 6 * side : 42 + 6 * side].mean(axis=0)
        center = sheet.vertices_model.mean(axis=0)
        # A lens is a centimetre or two in front of the eye and hardly beside it.
        assert 8 < center[2] - eye[2] < 24
        assert np.abs(center[:2] - eye[:2]).max() < 6
        gap = view.image_from_model(center) - view.image_from_model(eye)
        assert np.hypot(*gap[:2]) < 0.6 * 26


def test_the_far_temple_of_glasses_is_hidden_by_the_head(lfm, layout):
    shell, landmarks, vertices = head(lfm, layout, 2)
    accessory = replace(glasses(shell, landmarks, STYLE), sheets=())
    view = camera(1.2)
    surface = LabelSurface.of(lfm, size=16)
    drawn = view.image_from_model(np.concatenate([vertices, [[0, 0, -110]]]))
    front = draw_mesh(drawn, surface.solid, size_hw=SIZE).depth
    free, hidden = (draw_accessory(accessory, view, SIZE, depth, LIGHT).mask for depth in (NOTHING, front))
    assert 40 < hidden.sum() < free.sum() - 30
    assert not (hidden & ~free).any()


@pytest.mark.parametrize("seed", range(4))
def test_a_shell_lies_on_the_face_and_follows_it(lfm, layout, seed):
    shell, landmarks, _ = head(lfm, layout, seed)
    tip = shell.points(np.array(0.0), np.array(-5.0))
    assert np.abs(tip - landmarks[30]).max() < 9
    chin = shell.points(np.array(0.0), np.array(-86.0))
    assert np.linalg.norm(chin - landmarks[8]) < 14


def test_a_hat_is_on_top_and_leaves_eyes_and_mouth_free(lfm, layout):
    shell, landmarks, _ = head(lfm, layout, 3)
    cloth = np.full((8, 8, 3), 90, np.uint8)
    accessory = cap(shell, brow=0.35, tilt=0.2, height=10, visor=0.0, texture=cloth, visor_texture=cloth)
    mask = draw_accessory(accessory, camera(0.0), SIZE, NOTHING, LIGHT).mask
    x, y = np.floor(camera(0.0).image_from_model(landmarks)[36:68, :2]).astype(int).T
    assert mask.any()
    assert not mask[y, x].any()
