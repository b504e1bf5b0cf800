"""The vectorised rasteriser equals a slow readable one; visibility follows what can be seen."""

import numpy as np
import pytest

from lineament.geometry.raster import rasterize, rasterize_values, visible_vertices
from lineament.geometry.rotation import matrix_from_angles


def rasterize_slowly(vertices_image, triangles, size_hw):
    """The same picture, a triangle and a pixel at a time: what rasterize is held against."""
    triangle_index = np.full(size_hw, -1)
    depth = np.full(size_hw, np.inf)
    weights = np.zeros((*size_hw, 3))
    for index, triangle in enumerate(triangles):
        corners = vertices_image[triangle]
        basis = np.concatenate([corners[:, :2].T, np.ones((1, 3))])
        if abs(np.linalg.det(basis)) < 1e-12:
            continue
        inverse = np.linalg.inv(basis)
        for row in range(size_hw[0]):
            for column in range(size_hw[1]):
                here = inverse @ [column + 0.5, row + 0.5, 1]
                if (here >= -1e-9).all() and here @ corners[:, 2] < depth[row, column]:
                    depth[row, column] = here @ corners[:, 2]
                    weights[row, column] = here
                    triangle_index[row, column] = index
    return triangle_index, weights, depth


def grid_sphere(count: int = 40, radius: float = 50.0):
    """A sphere in the image frame about (60, 60, 0), triangles counter-clockwise from outside."""
    polar, around = np.meshgrid(np.linspace(0, np.pi, count), np.linspace(0, 2 * np.pi, count), indexing="ij")
    unit = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1)
    index = np.arange(count * count).reshape(count, count)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)]
    )
    return unit.reshape(-1, 3) * radius + [60, 60, 0], triangles


@pytest.mark.parametrize("seed", range(4))
def test_it_draws_what_the_slow_one_draws(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-5, 25, size=(30, 3))
    triangles = rng.integers(0, 30, size=(25, 3))
    raster = rasterize(vertices, triangles, size_hw=(17, 21))
    triangle_index, weights, depth = rasterize_slowly(vertices, triangles, (17, 21))
    np.testing.assert_array_equal(raster.triangle_index, triangle_index)
    np.testing.assert_allclose(raster.weights, weights, atol=1e-6)
    np.testing.assert_allclose(raster.depth, depth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size_hw", [(120, 120), (40, 70)])
def test_values_of_vertices_are_interpolated_as_a_raster_interpolates_them(size_hw):
    vertices, triangles = grid_sphere()
    mask, pictures = rasterize_values(vertices, triangles, vertices, size_hw=size_hw)
    raster = rasterize(vertices, triangles, size_hw=size_hw)
    np.testing.assert_array_equal(mask, raster.mask)
    expected = np.moveaxis(raster.interpolate(vertices, triangles), -1, 0)
    np.testing.assert_allclose(pictures, expected, atol=1e-3)


def test_triangles_of_all_sizes_are_drawn_together():
    rng = np.random.default_rng(5)
    size = rng.choice([1.0, 3, 10, 40, 200], size=(60, 1, 1))
    corners = rng.uniform(-20, 60, (60, 1, 3)) + rng.normal(0, 1, (60, 3, 3)) * size
    raster = rasterize(corners.reshape(-1, 3), np.arange(180).reshape(-1, 3), size_hw=(37, 43))
    expected, _, depth = rasterize_slowly(corners.reshape(-1, 3), np.arange(180).reshape(-1, 3), (37, 43))
    np.testing.assert_array_equal(raster.triangle_index, expected)
    np.testing.assert_allclose(raster.depth, depth, rtol=1e-5, atol=1e-4)


def test_work_in_pieces_gives_the_same_picture(monkeypatch):
    vertices, triangles = grid_sphere(12)
    whole = rasterize(vertices, triangles, size_hw=(120, 120))
    for limit in ("_CANDIDATES", "_TOGETHER"):
        monkeypatch.setattr(f"lineament.geometry.triangle_planes.{limit}", 50)
        pieces = rasterize(vertices, triangles, size_hw=(120, 120))
        np.testing.assert_array_equal(pieces.triangle_index, whole.triangle_index)
        np.testing.assert_array_equal(pieces.depth, whole.depth)


def test_the_side_that_turns_away_can_be_left_out():
    vertices, triangles = grid_sphere(12)
    colors = np.add(vertices, [0, 0, 100])
    mask, front = rasterize_values(vertices, triangles, colors, size_hw=(120, 120), both_sides=False)
    whole_mask, whole = rasterize_values(vertices, triangles, colors, size_hw=(120, 120))
    np.testing.assert_array_equal(mask, whole_mask)
    np.testing.assert_array_equal(front, whole)
    _, inside_out = rasterize_values(
        vertices, triangles[:, ::-1], colors, size_hw=(120, 120), both_sides=False
    )
    assert front[2, 60, 60] < 55 < 145 < inside_out[2, 60, 60]  # the far side, near depth 50


def test_a_pixel_is_covered_when_its_centre_is():
    corner = np.array([[0.0, 0, 1], [2, 0, 1], [0, 2, 1]])
    mask = rasterize(corner, np.array([[0, 1, 2]]), size_hw=(2, 3)).mask
    np.testing.assert_array_equal(mask, [[True, True, False], [True, False, False]])


def test_the_triangle_of_smaller_depth_is_in_front():
    square = np.array([[0.0, 0], [4, 0], [0, 4]])
    vertices = np.concatenate([np.pad(square, ((0, 0), (0, 1)), constant_values=z) for z in (5.0, 2.0, 3.0)])
    raster = rasterize(vertices, np.arange(9).reshape(3, 3), size_hw=(4, 4))
    assert raster.triangle_index[0, 0] == 1
    assert raster.depth[0, 0] == 2
    assert np.isinf(raster.depth[3, 3])


def test_of_equally_near_triangles_the_first_wins():
    vertices = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])
    raster = rasterize(vertices, np.array([[0, 1, 2]] * 3), size_hw=(4, 4))
    assert set(np.unique(raster.triangle_index)) == {-1, 0}


def test_a_closed_surface_has_no_holes():
    vertices, triangles = grid_sphere()
    raster = rasterize(vertices, triangles, size_hw=(120, 120))
    row, column = np.mgrid[:120, :120] + 0.5
    assert raster.mask[np.hypot(row - 60, column - 60) < 49].all()


def test_interpolated_positions_are_the_pixel_centres():
    vertices, triangles = grid_sphere()
    raster = rasterize(vertices, triangles, size_hw=(120, 120))
    position = raster.interpolate(vertices, triangles)
    row, column = np.nonzero(raster.mask)
    np.testing.assert_allclose(position[row, column, 0], column + 0.5, atol=1e-3)
    np.testing.assert_allclose(position[row, column, 1], row + 0.5, atol=1e-3)
    np.testing.assert_allclose(position[row, column, 2], raster.depth[row, column], atol=1e-3)


def test_nothing_finite_or_nothing_in_the_picture_draws_nothing():
    triangle = np.array([[0, 1, 2]])
    for vertices in (np.full((3, 3), np.nan), np.full((3, 3), np.inf), np.eye(3) - 50.0, np.zeros((3, 3))):
        assert not rasterize(vertices, triangle, size_hw=(8, 8)).mask.any()
    assert not rasterize(np.eye(3), np.zeros((0, 3), int), size_hw=(8, 8)).mask.any()


def test_the_near_half_of_a_sphere_is_visible():
    vertices, triangles = grid_sphere()
    visibility = visible_vertices(vertices, triangles)
    depth = vertices[:, 2] / 50
    assert (visibility[depth < -0.3] == 1).all()
    assert (visibility[depth > 0.1] == 0).all()  # a ring of triangles is 4.6 degrees wide


def test_the_ridge_of_a_roof_is_seen_from_the_side_though_half_of_it_turns_away():
    # A ridge along y at x = 0; the left slope faces the viewer, the right one falls away behind it.
    vertices = np.array([[0.0, 0, 0], [0, 10, 0], [-10, 0, 2], [-10, 10, 2], [-1, 0, 30], [-1, 10, 30]])
    triangles = np.array([[0, 2, 1], [1, 2, 3], [0, 1, 4], [1, 5, 4]])
    np.testing.assert_array_equal(visible_vertices(vertices, triangles), [1, 1, 1, 1, 0, 0])


def test_visibility_does_not_depend_on_place_or_size():
    vertices, triangles = grid_sphere()
    moved = vertices * 3.7 + [1000, -500, 40]
    np.testing.assert_allclose(
        visible_vertices(moved, triangles), visible_vertices(vertices, triangles), atol=1e-3
    )


def test_what_stands_in_front_hides_what_is_behind():
    vertices, triangles = grid_sphere(20)
    behind = vertices * [0.5, 0.5, 0.5] + [30, 30, 200]
    both = np.concatenate([vertices, behind])
    visibility = visible_vertices(both, np.concatenate([triangles, triangles + len(vertices)]))
    assert (visibility[len(vertices) :] == 0).all()
    assert visibility[: len(vertices)].max() == 1


def test_a_mesh_that_is_a_point_is_no_error():
    triangles = np.array([[0, 1, 2]])
    for size in (0.0, 1e-300):
        assert visible_vertices(size * np.eye(3) + 5, triangles).shape == (3,)


def test_vertices_that_are_not_finite_are_hidden():
    vertices, triangles = grid_sphere(20)
    vertices[210] = np.nan
    assert visible_vertices(vertices, triangles)[210] == 0
    assert (visible_vertices(vertices * np.nan, triangles) == 0).all()


@pytest.mark.parametrize("lost", [(), (3, 40)])
def test_some_vertices_are_as_visible_as_among_all(lfm, lost):
    turn = matrix_from_angles(0.7, -0.2, 0.1)
    vertices = (lfm.neutral_model @ turn.T) * [1, -1, -1]
    vertices[list(lost)] = np.nan
    some = np.array([8000, 3, 3, 40, 517, 1200])
    expected = visible_vertices(vertices, lfm.triangles)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(visible_vertices(vertices, lfm.triangles, of=some), expected[some])
    every_tenth = np.arange(0, len(vertices), 10)
    found = visible_vertices(vertices, lfm.triangles, of=every_tenth)
    np.testing.assert_array_equal(found, expected[every_tenth])
