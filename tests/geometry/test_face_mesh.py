from dataclasses import replace

import numpy as np

from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.rotation import matrix_from_angles


def test_a_model_and_its_mesh_share_their_arrays(lfm):
    mesh = lfm.mesh
    assert (mesh.name, mesh.mean_model, mesh.triangles, mesh.uv) == (
        lfm.name,
        lfm.neutral_model,
        lfm.triangles,
        lfm.uv,
    )
    assert (mesh.parts, mesh.schemes, mesh.mirror) == (lfm.parts, lfm.schemes, lfm.mirror.vertex)
    assert repr(mesh) == "FaceMesh('lfm', vertices=9163, triangles=17888)"


def test_a_changed_model_has_a_changed_mesh(tiny_model):
    assert replace(tiny_model, schemes={}, mirror=None).mesh.schemes == {}
    assert replace(tiny_model, mirror=None).mesh.mirror is None


def test_landmarks_of_a_mesh_alone_have_their_constant_offset():
    vertices = np.float32([[0, 0, 0], [10, 0, 0], [0, 10, 0]])
    scheme = LandmarkScheme(
        "one",
        vertex_index=np.array([[0, 1, 2]]),
        weights=np.float32([[0.5, 0.25, 0.25]]),
        offset_model=np.float32([[0, 0, 3]]),
        identity_offset=np.ones((1, 1, 3), np.float32),
        expression_offset=np.ones((1, 1, 3), np.float32),
    )
    np.testing.assert_allclose(scheme.points_on(vertices), [[2.5, 2.5, 0]])
    np.testing.assert_allclose(scheme.points_model(vertices), [[2.5, 2.5, 3]])
    with_coefficients = scheme.points_model(vertices, np.float32([2]), np.float32([-1]))
    np.testing.assert_allclose(with_coefficients, [[3.5, 3.5, 4]])


def test_landmarks_follow_the_turn_of_the_head_on_the_side_that_is_seen():
    vertices, ones = np.zeros((1, 3), np.float32), np.zeros((4, 68, 3), np.float32)
    ones[0] = 1  # mm for the sine of the angle by which a side is turned to the viewer
    scheme = replace(LandmarkScheme.of_vertices("all", np.zeros(68, int)), turn_offset=ones)
    assert not scheme.points_model(vertices).any()
    for yaw, left, right in ((0.5, np.sin(0.5), 0), (-0.5, 0, np.sin(0.5)), (0.0, 0, 0)):
        moved = scheme.points_model(vertices, rotation=matrix_from_angles(yaw, 0, 0))
        np.testing.assert_allclose(moved[:8], left, atol=1e-6)
        np.testing.assert_allclose(moved[9:17], right, atol=1e-6)
        middle = np.sin(abs(yaw))
        np.testing.assert_allclose(moved[30], [np.sign(yaw) * middle, middle, middle], atol=1e-6)
