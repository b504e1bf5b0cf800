"""Normals, areas and nearest points obey the laws that define them."""

import numpy as np
import pytest

from lineament.geometry.mesh import (
    barycentric_points,
    nearest_points_on_mesh,
    outward_triangles,
    triangle_areas,
    vertex_normals,
)

TETRAHEDRON = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
OUTWARD = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def random_mesh(seed: int, count: int = 300):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(120, 3)), rng.integers(0, 120, (count, 3))


def quarter_turn():
    return np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


def test_the_normal_of_a_flat_square_is_its_plane_normal():
    square = np.array([[0.0, 0, 5], [1, 0, 5], [1, 1, 5], [0, 1, 5]])
    normals = vertex_normals(square, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(normals, np.tile([0, 0, 1], (4, 1)))


def test_normals_of_a_closed_mesh_point_outward():
    outward = TETRAHEDRON - TETRAHEDRON.mean(axis=0)
    assert (np.sum(vertex_normals(TETRAHEDRON, OUTWARD) * outward, axis=-1) > 0).all()


def test_normals_turn_with_the_mesh():
    vertices, triangles = random_mesh(0)
    turn = quarter_turn()
    np.testing.assert_allclose(
        vertex_normals(vertices @ turn.T, triangles), vertex_normals(vertices, triangles) @ turn.T, atol=1e-12
    )


def test_a_batch_of_meshes_gives_the_normals_of_each():
    triangles = random_mesh(0)[1]
    batch = np.random.default_rng(1).normal(size=(2, 3, 120, 3))
    normals = vertex_normals(batch, triangles)
    assert normals.shape == batch.shape
    np.testing.assert_allclose(normals[1, 2], vertex_normals(batch[1, 2], triangles))


def test_a_vertex_without_triangles_has_a_zero_normal_and_float32_stays_float32():
    normals = vertex_normals(TETRAHEDRON.astype(np.float32), np.array([[0, 1, 2]]))
    assert normals.dtype == np.float32
    np.testing.assert_array_equal(normals[3], 0)


def test_a_mesh_turned_inside_out_is_turned_back_and_a_right_one_left_alone():
    shell = OUTWARD[1:]  # open, as a face is
    for triangles in (OUTWARD, shell):
        np.testing.assert_array_equal(outward_triangles(TETRAHEDRON, triangles), triangles)
        rotated = outward_triangles(TETRAHEDRON, triangles[:, ::-1])
        np.testing.assert_array_equal(rotated, triangles)


def test_areas_of_the_tetrahedron():
    np.testing.assert_allclose(triangle_areas(TETRAHEDRON, OUTWARD), [0.5, 0.5, 0.5, np.sqrt(3) / 2])


def test_equal_weights_give_the_centre_of_a_triangle():
    center = barycentric_points(TETRAHEDRON, np.array([[1, 2, 3]]), np.full((1, 3), 1 / 3))
    np.testing.assert_allclose(center, np.full((1, 3), 1 / 3))


def test_points_on_the_mesh_are_their_own_nearest_points():
    vertices, triangles = random_mesh(2)
    weights = np.random.default_rng(3).dirichlet(np.ones(3), len(triangles))
    points = barycentric_points(vertices, triangles, weights)
    found = nearest_points_on_mesh(points, vertices, triangles)
    np.testing.assert_allclose(found.distance, 0, atol=1e-9)
    np.testing.assert_allclose(
        barycentric_points(vertices, found.vertex_index, found.weights), points, atol=1e-9
    )


def test_the_foot_of_a_point_above_a_triangle_lies_straight_below():
    found = nearest_points_on_mesh(np.array([[0.2, 0.3, 7.0]]), TETRAHEDRON[:3], np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found.weights, [[0.5, 0.2, 0.3]])
    np.testing.assert_allclose(found.distance, [7])


@pytest.mark.parametrize("std", [0.5, 3.0])
def test_no_sampled_point_of_the_mesh_is_nearer_than_the_nearest(std):
    vertices, triangles = random_mesh(4)
    rng = np.random.default_rng(5)
    points = rng.normal(scale=std, size=(300, 3))
    found = nearest_points_on_mesh(points, vertices, triangles)
    foot = barycentric_points(vertices, found.vertex_index, found.weights)
    np.testing.assert_allclose(np.linalg.norm(points - foot, axis=-1), found.distance, atol=1e-12)
    assert (found.weights >= 0).all()
    np.testing.assert_allclose(found.weights.sum(axis=1), 1)
    samples = barycentric_points(
        vertices, np.repeat(triangles, 60, axis=0), rng.dirichlet(np.full(3, 0.5), 60 * len(triangles))
    )
    for point, distance in zip(points[:40], found.distance[:40], strict=True):
        assert np.linalg.norm(samples - point, axis=-1).min() >= distance - 1e-12


def test_leaving_triangles_out_early_changes_nothing():
    vertices, triangles = random_mesh(6, count=500)
    points = np.random.default_rng(7).normal(size=(50, 3))
    found = nearest_points_on_mesh(points, vertices, triangles)
    alone = [nearest_points_on_mesh(points, vertices, triangle[None]).distance for triangle in triangles]
    np.testing.assert_allclose(found.distance, np.min(alone, axis=0), atol=1e-12)


def test_a_triangle_without_area_counts_as_a_segment():
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [1, 0, 0]])
    found = nearest_points_on_mesh(np.array([[0.5, 3, 0], [5, 4, 0]]), vertices, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(found.distance, [3, 5])


def test_no_points_give_no_answers_and_no_triangles_are_an_error():
    assert nearest_points_on_mesh(np.zeros((0, 3)), TETRAHEDRON, OUTWARD).weights.shape == (0, 3)
    with pytest.raises(ValueError, match="no triangle"):
        nearest_points_on_mesh(TETRAHEDRON, TETRAHEDRON, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match="finite"):
        nearest_points_on_mesh(np.full((1, 3), np.nan), TETRAHEDRON, OUTWARD)
