from dataclasses import replace

import numpy as np
import pytest

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps
from lineament.methods.cprfa_points import (
    MODES,
    SUBPIXELS,
    FaceCodes,
    Retrieval,
    drawn,
    eroded,
    nearest_vertices,
    random_order,
    retrieve,
    seen_share,
)
from samples import make_sample, posed_sample

SIZE = 128


@pytest.fixture(scope="module")
def codes(lfm):
    return FaceCodes.of(lfm.mesh)


@pytest.fixture(scope="module")
def truth(lfm, codes):
    """A face turned by 25 degrees: true codes (3, S, S), mask, (V, 2) places, (V,) which are seen."""
    face = posed_sample(make_sample(yaw=0.45, size=SIZE, occluded=True), lfm)
    maps = image_maps(face, LabelSurface.of(lfm, size=32))
    seen = face.visible_vertices()[codes.vertex] > 0.5
    return np.moveaxis(maps.ncc, -1, 0), maps.face, face.vertices_image[codes.vertex, :2], seen


def test_codes_are_those_of_the_labels(lfm, codes):
    surface = LabelSurface.of(lfm, size=32)
    np.testing.assert_allclose(codes.code, surface.ncc[codes.vertex], atol=1e-6)


@pytest.mark.parametrize("subpixel", SUBPIXELS)
@pytest.mark.parametrize("mode", MODES)
def test_vertices_are_found_where_they_are(truth, codes, mode, subpixel):
    code, face, places, _ = truth
    found = retrieve(code, face, codes, Retrieval(mode=mode, subpixel=subpixel))
    error = np.linalg.norm(found.points_crop - places, axis=1)[found.detected]
    assert np.mean(error) < {"linear": 0.15, "mean": 0.6, "none": 0.6}[subpixel]
    assert np.percentile(error, 99) < 2.5
    assert found.distance_mm[found.detected].max() <= 2.0
    assert np.isnan(found.points_crop[~found.detected]).all()


def test_the_slope_of_codes_finds_places_between_pixels(truth, codes):
    code, face, places, _ = truth
    errors = {}
    for name in SUBPIXELS:
        found = retrieve(code, face, codes, Retrieval(subpixel=name))
        errors[name] = np.nanmean(np.linalg.norm(found.points_crop - places, axis=1))
    assert errors["linear"] < 0.5 * errors["mean"], errors


def test_asking_for_vertices_finds_more_of_them_than_asking_for_pixels(truth, codes):
    code, face, _, seen = truth
    rates = [retrieve(code, face, codes, Retrieval(mode=mode)).detected[seen].mean() for mode in MODES]
    assert rates[1] > rates[0] + 0.1
    assert rates[1] > 0.75


def test_hidden_vertices_are_hardly_ever_found(truth, codes):
    code, face, _, seen = truth
    assert retrieve(code, face, codes).detected[~seen].mean() < 0.15


def test_a_pixel_belongs_to_the_vertex_whose_code_is_nearest(truth, codes):
    code, face, _, _ = truth
    found = nearest_vertices(code, face, codes)
    row, column = np.nonzero(found >= 0)
    assert len(row) > 500
    away = (codes.code - code[:, row[7], column[7]]) * codes.extent_mm
    assert np.linalg.norm(away, axis=1).argmin() == found[row[7], column[7]]
    assert (found[~face] == -1).all()


def test_codes_of_a_byte_find_fewer_vertices_or_worse_places(truth, codes):
    code, face, places, _ = truth
    rounded = np.round(code * 255) / 255
    exact, coarse = (retrieve(each, face, codes) for each in (code, rounded))
    errors = [np.nanmean(np.linalg.norm(f.points_crop - places, axis=1)) for f in (exact, coarse)]
    assert errors[1] > 1.3 * errors[0]


def test_nothing_is_found_where_no_face_is(codes):
    found = retrieve(np.zeros((3, 32, 32), np.float32), np.zeros((32, 32)), codes)
    assert not found.detected.any()
    assert (nearest_vertices(np.zeros((3, 32, 32)), np.zeros((32, 32)), codes) == -1).all()


def test_a_mask_loses_its_border_but_not_at_the_border_of_the_picture():
    mask = np.zeros((6, 6), bool)
    mask[:4, :4] = True
    wanted = np.zeros((6, 6), bool)
    wanted[:3, :3] = True
    np.testing.assert_array_equal(eroded(mask, 1), wanted)
    np.testing.assert_array_equal(eroded(mask, 0), mask)


def test_a_vertex_is_seen_as_much_as_its_neighbours_are(codes):
    detected = np.zeros(len(codes), bool)
    one, other = codes.neighbours[100]
    detected[one] = True
    share = seen_share(detected, codes)
    assert share[one] == 1
    degree = (codes.neighbours == other).sum()
    assert share[other] == pytest.approx(1 / degree)
    assert (share > 0).sum() == 1 + (codes.neighbours == one).any(axis=1).sum()


def test_draws_are_a_fraction_of_the_detected_and_always_the_same():
    detected = np.zeros(1000, bool)
    detected[:400] = True
    order = random_order(1000)
    some = drawn(detected, order, fraction=0.1, least=20, most=100)
    assert len(some) == 40 == len(set(some.tolist()))
    assert detected[some].all()
    np.testing.assert_array_equal(some, drawn(detected, order, fraction=0.1, least=20, most=100))
    assert len(drawn(detected, order, fraction=0.01, least=20, most=100)) == 20
    assert len(drawn(detected, order, fraction=0.9, least=20, most=100)) == 100
    assert len(drawn(detected[:10] & False, order[:0], fraction=0.9, least=20, most=100)) == 0


def test_a_wider_radius_finds_more(truth, codes):
    code, face, _, _ = truth
    rates = [
        retrieve(code, face, codes, replace(Retrieval(), radius_mm=r)).detected.sum() for r in (0.5, 1, 2)
    ]
    assert rates[0] < rates[1] < rates[2]
