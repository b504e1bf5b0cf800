import numpy as np
import pytest

from lineament.data.labels.label_surface import LabelSurface, closing_membranes


@pytest.fixture(scope="module")
def surface(lfm):
    return LabelSurface.of(lfm, size=256)


def doubled_areas(points, triangles):
    a, b, c = (points[triangles[:, k], :2] for k in range(3))
    return np.cross(np.c_[b - a, np.zeros(len(a))], np.c_[c - a, np.zeros(len(a))])[:, 2]


def test_membranes_close_the_lids_and_the_lips(lfm):
    skin = lfm.triangles[slice(*lfm.parts["face"])]
    membranes = closing_membranes(skin, lfm.uv)
    # A ring of n vertices is closed by n - 2 triangles.
    assert sorted(len(part) for part in membranes) == [40, 40, 72]


def test_membranes_face_outwards_like_the_skin(lfm, surface):
    wide_open = np.array([name == "jawOpen" for name in lfm.expression_names], float)
    vertices = lfm.vertices_model(np.zeros(1), wide_open)
    membranes = surface.triangles[surface.skin_count :]
    assert (doubled_areas(vertices, membranes) > 0).all()
    skin_sign = np.sign(doubled_areas(lfm.uv, surface.triangles[: surface.skin_count])).mean()
    assert (np.sign(doubled_areas(lfm.uv, membranes)) == skin_sign).all()


def test_the_chart_has_no_holes(surface):
    for row in surface.mask:
        columns = np.flatnonzero(row)
        if len(columns) and columns.min() < 60:  # inside the rows of the face
            middle = row[70:186]
            assert middle.all()


def test_the_chart_is_its_own_mirror_image(surface):
    assert (surface.mask != surface.mask[:, ::-1]).mean() < 0.001
    both = surface.mask & surface.mask[:, ::-1]
    mirrored = surface.mean_map[:, ::-1] * [-1, 1, 1]
    # A texel on a membrane may lie in another of its slivers: a tenth of a millimetre.
    np.testing.assert_allclose(surface.mean_map[both], mirrored[both], atol=0.1)


def test_codes_are_the_normalised_coordinates_of_the_mean_face(lfm, surface):
    used = np.unique(surface.triangles)
    np.testing.assert_allclose(surface.ncc[used].min(axis=0), 0)
    np.testing.assert_allclose(surface.ncc[used].max(axis=0), 1)
    slope = np.ptp(lfm.neutral_model[used], axis=0)
    low = lfm.neutral_model[used].min(axis=0)
    np.testing.assert_allclose(surface.ncc[used] * slope + low, lfm.neutral_model[used], atol=1e-3)


def test_the_mean_map_at_the_landmarks_texels_is_near_the_landmarks(lfm, surface):
    column, row = surface.landmark_texels().T
    points = lfm.landmark_points("lfm-68").neutral_model
    # Half a texel's diagonal; a texel is about a millimetre wide.
    assert np.linalg.norm(surface.mean_map[row, column] - points, axis=1).max() < 1.5


def test_a_model_without_a_chart_is_refused(tiny_model):
    with pytest.raises(ValueError, match="no UV chart"):
        LabelSurface.of(tiny_model)
