import numpy as np
import pytest

from lineament.data.fitting.fitter import FitConfig, Fitter
from lineament.data.fitting.layouts import IRIS_POINTS, LEFT_EYE, MOUTH, mesh_layout
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.eye_turns import eye_turns
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.rotation import matrix_from_angles
from tools.face_model.lids import lid_margins


@pytest.fixture(scope="module")
def layout():
    """MediaPipe's mesh on LFM."""
    return mesh_layout()


@pytest.fixture(scope="module")
def fitter(lfm, layout):
    """With the usual priors."""
    return Fitter(lfm, layout)


def visible_points(model, layout, yaw: float = 0.3, **shapes: float):
    """(P, 3) mesh points of the mean face with some blendshapes in a picture."""
    expression = np.zeros(len(model.expression_names))
    for name, weight in shapes.items():
        expression[model.expression_names.index(name)] = weight
    vertices = model.vertices_model(np.zeros(1), expression)
    camera = WeakPerspective(matrix_from_angles(yaw, 0.1, 0.05), 1.4, np.array([120.0, 130.0, 0.0]))
    points = barycentric_points(vertices, layout.vertex_index, layout.weights)
    turned = np.einsum("e,epc->pc", expression, eye_turns(model, layout.vertex_index, layout.weights))
    return camera.image_from_model(points + turned)


def squeezed(points, opening, ratio: float):
    """The points with the rims of an eye or the mouth apart by `ratio` of its width."""
    points = points.copy()
    upper, lower = points[opening.upper], points[opening.lower]
    gap = np.linalg.norm(upper - lower, axis=1)[opening.middle].mean()
    width = np.linalg.norm(points[opening.corners[0]] - points[opening.corners[1]])
    middle = 0.5 * (upper + lower)
    factor = ratio * width / gap
    points[opening.upper] = middle + factor * (upper - middle)
    points[opening.lower] = middle + factor * (lower - middle)
    return points


def slit_mm(model, fits):
    """(F,) greatest distance between the lids of the left eye of fitted faces."""
    upper, lower = lid_margins(model)
    vertices = model.vertices_model(fits.identity, fits.expression)
    return (vertices[:, upper, 1] - vertices[:, lower, 1]).max(axis=1)


def test_the_gaze_is_read_from_where_an_iris_lies_between_its_corners(lfm, layout, fitter):
    """An eye that lies beside the face's own by a millimetre looks where it looked."""
    points = visible_points(lfm, layout, eyeLookOutLeft=0.4, eyeLookInRight=0.4)
    aside = points.copy()
    eye = [*LEFT_EYE.upper, *LEFT_EYE.lower, *LEFT_EYE.corners, IRIS_POINTS[1]]
    aside[eye, 0] += 1.4  # px, one millimetre
    names = lfm.expression_names
    out, into = names.index("eyeLookOutLeft"), names.index("eyeLookInLeft")
    turns = [
        float(one.expression[0, out] - one.expression[0, into])
        for one in map(fitter.fit, (points[None], aside[None]))
    ]
    assert turns[0] == pytest.approx(0.4, abs=0.04)
    assert turns[1] == pytest.approx(turns[0], abs=0.05)


def test_an_eye_whose_mesh_is_nearly_shut_comes_out_shut_and_the_other_stays_open(lfm, layout, fitter):
    points = visible_points(lfm, layout, eyeBlinkLeft=0.8)
    fits = fitter.fit(squeezed(points, LEFT_EYE, 0.06)[None])
    assert slit_mm(lfm, fits)[0] < 0.8
    blinks = fits.expression[0, [lfm.expression_names.index(f"eyeBlink{s}") for s in ("Left", "Right")]]
    assert blinks[0] > 0.75
    assert blinks[1] < 0.15


def test_eyes_open_evenly_with_the_gap_that_is_seen(lfm, layout, fitter):
    points = visible_points(lfm, layout)
    ratios = np.linspace(0.03, 0.3, 10)
    slits = slit_mm(lfm, fitter.fit(np.stack([squeezed(points, LEFT_EYE, r) for r in ratios])))
    assert np.all(np.diff(slits) > -0.2)
    assert slits[0] < 0.8
    assert slits[-1] > 6


def test_gaze_is_found_again(lfm, layout, fitter):
    fits = fitter.fit(visible_points(lfm, layout, eyeLookInLeft=0.6, eyeLookOutRight=0.6)[None])
    for name in ("eyeLookInLeft", "eyeLookOutRight"):
        assert fits.expression[0, lfm.expression_names.index(name)] == pytest.approx(0.6, abs=0.12)


def test_irises_tell_where_eyes_look_whatever_the_lids_do(lfm, layout, fitter):
    straight = visible_points(lfm, layout)
    aside = straight.copy()
    iris = list(IRIS_POINTS)
    aside[iris, 0] += 6.0  # px, to the viewer's right: out with the left eye, in with the right one
    names = lfm.expression_names
    before, after = (fitter.fit(points[None]).expression[0] for points in (straight, aside))
    for name in ("eyeLookOutLeft", "eyeLookInRight"):
        assert after[names.index(name)] > before[names.index(name)] + 0.3
    lids = [names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    np.testing.assert_allclose(after[lids], before[lids], atol=0.05)


def test_points_gone_astray_are_put_aside_and_do_not_turn_the_head(lfm, layout, fitter):
    clean = visible_points(lfm, layout, jawOpen=0.3)
    astray = clean.copy()
    lost = np.random.default_rng(0).choice(468, 40, replace=False)
    astray[lost, :2] += 60.0
    fits = fitter.fit(np.stack([clean, astray]))
    plain = Fitter(lfm, layout, FitConfig(refinements=0)).fit(astray[None])
    error = np.abs(fits.rotation[1] - fits.rotation[0]).max()
    assert error < 0.3 * np.abs(plain.rotation[0] - fits.rotation[0]).max()
    assert fits.outliers[0] == 0
    assert fits.outliers[1] == pytest.approx(40 / 470, abs=0.02)


def test_pictures_of_one_person_share_one_identity(lfm, layout, fitter):
    rng = np.random.default_rng(1)
    points = np.stack([visible_points(lfm, layout, yaw) for yaw in (-0.5, 0.0, 0.5)])
    points += rng.normal(0, 0.5, points.shape)
    fits = fitter.fit(points, people=["a", "b", "a"])
    np.testing.assert_array_equal(fits.identity[0], fits.identity[2])
    assert np.abs(fits.identity[0] - fits.identity[1]).max() > 0.01
    alone = fitter.fit(points)
    np.testing.assert_allclose(fits.identity[1], alone.identity[1], atol=1e-5)


def test_noise_of_several_pictures_makes_less_of_an_identity_than_that_of_each(lfm, layout, fitter):
    points = np.stack([visible_points(lfm, layout, yaw) for yaw in np.linspace(-0.5, 0.5, 6)])
    points += np.random.default_rng(1).normal(0, 0.5, points.shape)
    shared = np.linalg.norm(fitter.fit(points, people=["a"] * 6).identity[0])
    assert shared < 0.85 * np.linalg.norm(fitter.fit(points).identity, axis=1).mean()


def test_a_list_of_people_of_another_length_is_an_error(lfm, layout, fitter):
    with pytest.raises(ValueError, match="2 photographs and 1 names"):
        fitter.fit(np.stack([visible_points(lfm, layout)] * 2), people=["a"])


def test_shut_lips_of_a_mesh_that_leaves_a_crack_come_out_shut(lfm, layout, fitter):
    points = visible_points(lfm, layout)
    fits = fitter.fit(np.stack([squeezed(points, MOUTH, 0.01), squeezed(points, MOUTH, 0.1)]))
    jaw = fits.expression[:, lfm.expression_names.index("jawOpen")]
    assert jaw[0] < 0.03
    assert jaw[1] > jaw[0]
