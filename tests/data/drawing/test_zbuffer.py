import numpy as np
import pytest

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask, interpolate, vertex_visibility
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.raster import rasterize, visible_vertices
from lineament.geometry.rotation import matrix_from_angles

POSES = [(0.0, 0.0, 0.0), (0.7, -0.3, 0.4), (-1.7, 0.2, 0.0)]


def head(model, pose):
    camera = WeakPerspective(matrix_from_angles(*pose), 0.5, np.array([60.0, 70.0, 3.0]))
    return camera.image_from_model(model.neutral_model)


@pytest.mark.parametrize("pose", POSES)
def test_it_draws_what_the_readable_rasteriser_draws(lfm, pose):
    vertices = head(lfm, pose)
    fast = draw_mesh(vertices, lfm.triangles, size_hw=(140, 120))
    readable = rasterize(vertices, lfm.triangles, size_hw=(140, 120))
    assert fast.mask.any()
    np.testing.assert_array_equal(fast.triangle_index, readable.triangle_index)
    np.testing.assert_array_equal(fast.weights, readable.weights)
    np.testing.assert_array_equal(fast.depth, readable.depth)


def test_triangles_without_area_or_with_infinite_corners_are_left_out():
    vertices = np.array([[0.0, 0, 0], [8, 0, 0], [0, 8, 0], [np.nan, 1, 0]])
    triangles = np.array([[0, 1, 3], [0, 1, 1], [0, 1, 2]])
    raster = draw_mesh(vertices, triangles, size_hw=(8, 8))
    assert set(np.unique(raster.triangle_index)) == {-1, 2}


@pytest.mark.parametrize("pose", POSES)
def test_visibility_is_that_of_the_readable_function(lfm, pose):
    vertices = head(lfm, pose)
    np.testing.assert_allclose(
        vertex_visibility(vertices, lfm.triangles), visible_vertices(vertices, lfm.triangles), atol=1e-6
    )


def test_positions_interpolated_over_the_pixels_are_the_pixels_centres(lfm):
    vertices = head(lfm, POSES[1])
    raster = draw_mesh(vertices, lfm.triangles, size_hw=(140, 120))
    row, column = np.nonzero(raster.mask)
    found = interpolate(raster, lfm.triangles, vertices)
    np.testing.assert_allclose(found[row, column, 0], column + 0.5, atol=1e-3)
    np.testing.assert_allclose(found[row, column, 1], row + 0.5, atol=1e-3)
    np.testing.assert_allclose(found[row, column, 2], raster.depth[row, column], atol=1e-3)
    assert not found[~raster.mask].any()


def test_what_is_seen_from_behind_does_not_face_the_viewer(lfm):
    for yaw, expected in ((0.0, 1.0), (np.pi, 0.0)):
        vertices = head(lfm, (yaw, 0.0, 0.0))
        skin = lfm.triangles[slice(*lfm.parts["face"])]
        raster = draw_mesh(vertices, skin, size_hw=(140, 120))
        fraction = facing_mask(raster, skin, vertices)[raster.mask].mean()
        # From behind, the backs of the ears face the viewer.
        assert fraction == pytest.approx(expected, abs=0.2)
