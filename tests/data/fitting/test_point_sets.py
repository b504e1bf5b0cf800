"""Fits to points that people set, with a mesh or without one."""

import numpy as np
import pytest

from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.fitter import Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.outline import SchemePoints
from lineament.data.fitting.point_places import PlaceKind, find_places, known_places
from lineament.data.photographs.collections import MESH_POINTS
from lineament.data.photographs.known import KNOWN, PROFILE_YAW
from lineament.data.photographs.point_sets import PointSet
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.rotation import angles_from_matrix, matrix_from_angles

PLACE = np.array([300.0, 300.0, 0.0])


@pytest.fixture(scope="module")
def fitter(lfm):
    return Fitter(lfm, mesh_layout())


def hand_set(lfm, scheme, rotation, coefficients, scale=2.0):
    """(P, 2) px, where people would set the points of a face; NaN for points without a place."""
    points = SchemePoints(lfm, find_places(scheme))
    rows = points.rows(rotation, coefficients)
    image = WeakPerspective(rotation, scale, PLACE).image_from_model(rows.place)[:, :2]
    return np.where((points.places.kind == PlaceKind.UNUSED)[:, None], np.nan, image)


def mesh_of(lfm, rotation, identity, expression, scale=2.0):
    """(470, 3) px."""
    layout = mesh_layout()
    points = barycentric_points(
        lfm.vertices_model(identity, expression), layout.vertex_index, layout.weights
    ).astype(float)
    return WeakPerspective(rotation, scale, PLACE).image_from_model(points)


def no_mesh(count=1):
    return np.full((count, len(MESH_POINTS), 3), np.nan)


def test_a_profile_without_any_mesh_is_found_from_thirty_points_of_one_side(lfm, fitter):
    rotation = matrix_from_angles(np.radians(78), 0.05, 0.1)
    points = hand_set(lfm, "cfp-30", rotation, np.zeros(153))
    evidence = Evidence([[PointSet(points, "cfp-30")]], told_yaw=np.radians([74.0]))
    fits = fitter.fit(no_mesh(), evidence=evidence)
    assert np.degrees(angles_from_matrix(fits.rotation[0]).yaw) == pytest.approx(78, abs=4)
    assert fits.set_residual[0] < 0.006
    assert fits.residual[0] == fits.set_residual[0]  # there is no mesh to be far from


def test_the_mirrored_scheme_is_a_profile_to_the_other_side(lfm, fitter):
    rotation = matrix_from_angles(np.radians(-78), 0.0, 0.0)
    points = hand_set(lfm, "cfp-30-mirrored", rotation, np.zeros(153))
    evidence = Evidence([[PointSet(points, "cfp-30-mirrored")]], told_yaw=np.array([-PROFILE_YAW]))
    assert np.degrees(angles_from_matrix(fitter.fit(no_mesh(), evidence=evidence).rotation[0]).yaw) < -70


def test_points_that_people_set_bend_a_mesh_that_is_off(lfm, fitter):
    rotation, identity, expression = matrix_from_angles(0.1, 0.0, 0.0), np.zeros(100), np.zeros(53)
    opened = expression.copy()
    opened[lfm.expression_names.index("jawOpen")] = 0.6
    mesh = mesh_of(lfm, rotation, identity, expression)[None]
    points = hand_set(lfm, "london-189", rotation, np.concatenate([identity, opened]))
    jaw = lfm.expression_names.index("jawOpen")
    alone, both = (
        fitter.fit(mesh, evidence=Evidence([sets])) for sets in ([], [PointSet(points, "london-189")])
    )
    assert alone.expression[0, jaw] < 0.1
    assert both.expression[0, jaw] > 0.25
    trusted = fitter.fit(mesh, evidence=Evidence([[PointSet(points, "london-189", sigma_px=0.5)]]))
    assert trusted.set_residual[0] < both.set_residual[0]


def test_a_mesh_of_something_else_is_not_believed(lfm, fitter):
    rotation = matrix_from_angles(0.0, 0.0, 0.0)
    points = hand_set(lfm, "fgnet-68", rotation, np.zeros(153))
    wrong = mesh_of(lfm, matrix_from_angles(0.0, 0.0, 1.5), np.zeros(100), np.zeros(53))[None]
    fits = fitter.fit(wrong, evidence=Evidence([[PointSet(points, "fgnet-68")]]))
    assert abs(np.degrees(angles_from_matrix(fits.rotation[0]).roll)) < 3


def test_who_was_told_to_show_no_expression_shows_little(lfm, fitter):
    smile = np.zeros(53)
    smile[[lfm.expression_names.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = 0.5
    mesh = mesh_of(lfm, np.eye(3), np.zeros(100), smile)[None]
    free, firm = (
        fitter.fit(mesh, evidence=Evidence([[]], np.array([told]))).expression.max() for told in (False, True)
    )
    assert firm < 0.3 * free


def test_a_far_jaw_lies_on_the_outline_and_a_near_one_on_its_own_edge(lfm):
    points = SchemePoints(lfm, find_places("fgnet-68"))
    rotated = matrix_from_angles(np.radians(40), 0.0, 0.0)
    rows = points.rows(rotated, np.zeros(153))
    far, near = 10, 4  # the nose points to the viewer's right, where the far side is
    assert not np.allclose(rows.rest[far], points.rest[far])
    assert np.allclose(rows.rest[near], points.rest[near])
    x = (rows.place @ rotated.T)[:, 0]
    assert x[far] >= float((points.rest[far] @ rotated.T)[0]) - 1e-6


def test_every_scheme_with_places_has_as_many_points_as_it_says():
    assert {"cfp-30", "cfp-30-mirrored", "fgnet-68", "london-189", "300w-lp", "68-outline"} <= set(
        known_places()
    )
    for name in known_places():
        assert len(find_places(name)) == len(POINT_SCHEMES[name])


def test_an_unknown_scheme_is_refused_with_those_that_are_known():
    with pytest.raises(DataError, match="fgnet-68"):
        find_places("fgnet-69")


@pytest.mark.parametrize("sigma", [{"sigma_px": 0.0}, {"sigma_px": 1.0, "sigma_face": 0.01}])
def test_a_trust_that_says_two_things_or_nothing_is_refused(sigma):
    with pytest.raises(DataError, match="at most one"):
        PointSet(np.zeros((30, 2)), "cfp-30", **sigma)


def test_frontal_faces_of_cfp_have_their_lower_lid_in_the_order_of_the_profiles():
    points = np.arange(60.0).reshape(30, 2)
    assert KNOWN["cfp"].in_order("001_frontal_01", points)[16].tolist() == points[17].tolist()
    assert KNOWN["cfp"].in_order("001_profile_01", points) is points


@pytest.mark.parametrize(
    ("collection", "photo", "person"),
    [
        ("cfp", "401_profile_02", "401"),
        ("fgnet", "061a16", "061a"),
        ("london", "neutral_front_004_03", "front_004"),
        ("london", "smiling_front_004_08", "front_004"),
        ("london", "canada_014f", "canada_014"),
        ("ytf", "Some_Body_31", "Some_Body"),
        ("mebeauty", "female_asian_0002", "female_asian_0002"),
        ("yawdd", "no_yawn_2588", "no_yawn_25"),
    ],
)
def test_names_tell_who_is_on_photographs_of_known_collections(collection, photo, person):
    assert KNOWN[collection].person_of(photo) == person


def test_validation_people_stay_out_whatever_their_photographs_are_called():
    from lineament.data.photographs.collections import is_validation

    kept_out = ("cfp/401", "fgnet/061a", "london/front_004", "london/canada_014")
    assert all(is_validation(person) for person in kept_out)
