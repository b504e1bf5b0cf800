from dataclasses import replace

import numpy as np

from lineament.geometry.face_mesh import LandmarkScheme


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
