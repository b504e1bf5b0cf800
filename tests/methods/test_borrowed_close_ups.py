"""Close-ups of other weights behind methods of every kind."""

import copy
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.errors import ConfigError, WeightsError
from lineament.evaluate.predictors import LineamentPredictor
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.perspective import Perspective
from lineament.image import read_image
from lineament.methods.closeup_networks import CloseUpNetworks, moved_by
from lineament.methods.dff_face import LIGHT, DffEstimate, loaded_colors
from lineament.methods.estimate import FreeFormEstimate
from lineament.models import load_model
from lineament.resample import resample_crop
from lineament.result import Detection
from lineament.result.face_mask import FaceMask

HOPPER = Path(__file__).parents[2] / "demo" / "photos" / "hopper.jpg"


@pytest.fixture(scope="module")
def photo():
    return read_image(HOPPER)


@pytest.fixture(scope="module")
def lender():
    return FaceAligner.from_pretrained("default", threads=1)


@pytest.fixture(scope="module")
def box(lender):
    """The crop of the one face."""
    [face] = lender(HOPPER)
    return face.crop_box


@pytest.fixture(scope="module")
def whole(lender, photo, box):
    """The face before close-ups."""
    [estimate] = lender.method.estimate(resample_crop(photo, box)[None], [box])
    return estimate


@pytest.fixture(scope="module")
def networks():
    bundle = Bundle.open("default")
    return CloseUpNetworks.from_bundle(bundle, load_model("lfm"), threads=1)


def weights_with(tmp_path, **changes):
    """The quick regressor's weights, changed."""
    quick = Bundle.open("fast")
    manifest = replace(quick.manifest, **changes)
    graphs = {name: quick.graph(name) for name in quick.manifest.graphs}
    return Bundle.open(Bundle.write(tmp_path / "own.lineament", manifest, graphs=graphs))


def result_of(estimate, box):
    corners = np.array([0, 0, 1, 1], np.float32)
    return estimate.result(crop_box=box, detection=Detection(corners, 1.0))


def test_weights_name_whose_close_ups_correct_their_faces(tmp_path, photo, box):
    bundle = weights_with(tmp_path, close_ups="lfm-regressor")
    aligner = FaceAligner.from_pretrained(bundle.path, threads=1)
    alone = copy.copy(aligner)
    alone.close_ups = None
    [detection] = [
        Detection(np.array([*(np.array(box.center_xy) - 90), *(np.array(box.center_xy) + 90)]), 1.0)
    ]
    [before], [after] = (one.align(photo, [detection]) for one in (alone, aligner))
    apart = np.linalg.norm(after.landmarks_image - before.landmarks_image, axis=1)
    assert 0.3 < apart[36:48].mean() < 20  # px; the eyes
    assert FaceAligner.from_pretrained("fast").close_ups is None


def test_lent_close_ups_travel_along(tmp_path, photo):
    bundle = weights_with(tmp_path, close_ups="lfm-regressor")
    aligner = FaceAligner.from_pretrained(bundle.path, threads=1)
    twin, deep = pickle.loads(pickle.dumps(aligner)), copy.deepcopy(aligner)
    [expected] = aligner(photo)
    for each in (twin, deep):
        assert each.close_ups is not aligner.close_ups
        np.testing.assert_array_equal(each(photo)[0].vertices_image, expected.vertices_image)


@pytest.mark.parametrize("name", ["lfm-regressor-fast", "face-detector", "no-such-weights"])
def test_close_ups_that_are_not_there_are_an_error(name, tmp_path):
    bundle = weights_with(tmp_path, close_ups=name)
    with pytest.raises(WeightsError, match=r"has no close-ups to lend|no-such-weights"):
        FaceAligner.from_pretrained(bundle.path, threads=1)


def test_an_evaluation_has_a_row_without_them(tmp_path):
    bundle = weights_with(tmp_path, close_ups="lfm-regressor")
    predictor = LineamentPredictor.from_pretrained(str(bundle.path))
    [row] = predictor.rows()
    assert (row.row, row.aligner.close_ups) == ("without close-ups", None)
    assert row.aligner.method is predictor.aligner.method
    assert Bundle.open("default").sha256 in predictor.recipe["sha256"]
    assert Bundle.open("default").sha256 not in row.recipe["sha256"]
    assert [each.row for each in predictor.rows(["without close-ups"])] == ["without close-ups"]
    with pytest.raises(ConfigError, match=r"no row 'elsewhere'.*without close-ups"):
        predictor.rows(["elsewhere"])


def test_a_face_found_by_its_vertices_moves_to_where_that_of_coefficients_does(photo, box, whole, networks):
    """Both are the same face, so both have to end at the same place."""
    vertices = result_of(whole, box).vertices_image
    free = FreeFormEstimate.of_vertices(NearestCoefficients(whole.model), vertices)
    [expected] = moved_by(networks, photo, [whole])
    [found] = moved_by(networks, photo, [free])
    moved = result_of(expected, box).vertices_image - vertices
    assert np.linalg.norm(moved, axis=1).max() > 1
    apart = result_of(found, box).vertices_image - result_of(expected, box).vertices_image
    assert np.linalg.norm(apart[:, :2], axis=1).max() < 0.2 * np.linalg.norm(moved, axis=1).max()


def test_what_a_free_face_has_beyond_the_model_stays_when_it_moves(photo, box, whole, networks):
    vertices = result_of(whole, box).vertices_image.copy()
    bump = np.argmax(whole.model.neutral_model[:, 1])  # on top of the head
    vertices[bump, :2] += 15
    free = FreeFormEstimate.of_vertices(NearestCoefficients(whole.model), vertices)
    [found] = moved_by(networks, photo, [free])
    nearest = found.fit.camera.image_from_model(
        whole.model.vertices_model(found.fit.identity, found.fit.expression)
    )
    assert np.linalg.norm((found.vertices_image - nearest)[bump, :2]) > 12


def test_what_is_in_front_is_lent_too_and_close_ups_of_what_is_hidden_move_nothing(
    photo, box, whole, networks
):
    plain = replace(whole, shown=None)
    [found] = moved_by(networks, photo, [plain])
    assert found.shown.values.shape == (32, 32)
    free = FreeFormEstimate.of_vertices(
        NearestCoefficients(whole.model), result_of(whole, box).vertices_image
    )
    hidden = copy.copy(networks)
    hidden.occlusion = lambda image, estimates: [FaceMask(np.zeros((32, 32), np.float32), box)]
    for one in (plain, free):
        [moved] = moved_by(hidden, photo, [one])
        [seen] = moved_by(networks, photo, [one])
        assert result_of(moved, box).shown.values.max() == 0
        by_close_ups = np.abs(seen.landmarks_image - one.landmarks_image).max()
        # weights of keys stay within their limits, which moves a lid a little
        assert np.abs(moved.landmarks_image - one.landmarks_image).max() < min(1.0, 0.3 * by_close_ups)


def test_close_ups_are_asked_about_where_the_vertices_are_and_not_the_coefficients(
    photo, box, whole, networks
):
    """The nearest face of the model lies elsewhere; the eyes must end where the close-ups see them."""
    vertices = result_of(whole, box).vertices_image
    free = FreeFormEstimate.of_vertices(NearestCoefficients(whole.model), vertices)
    camera = replace(free.fit.camera, translation=free.fit.camera.translation + np.array([3.0, 0, 0]))
    [expected], [found] = (
        moved_by(networks, photo, [one])
        for one in (free, replace(free, fit=replace(free.fit, camera=camera)))
    )
    eyes = slice(36, 48)
    apart = np.linalg.norm((found.landmarks_image - expected.landmarks_image)[eyes, :2], axis=1)
    assert apart.mean() < 1.0


def test_own_landmarks_move_as_those_of_the_coefficients(photo, whole, networks):
    own = whole.landmarks_image + np.array([2.0, 0, 0])
    [plain], [found] = (
        moved_by(networks, photo, [one]) for one in (whole, replace(whole, own_landmarks_image=own))
    )
    np.testing.assert_allclose(
        found.own_landmarks_image - own, plain.landmarks_image - whole.landmarks_image, atol=1e-3
    )


def test_a_face_in_perspective_keeps_its_focal_length_and_moves(photo, box, whole, networks):
    focal = 4000.0
    perspective = Perspective.of_weak(
        whole.camera, focal_px=focal, center_xy=np.asarray(whole.camera.translation)[:2] + 4
    )
    face = DffEstimate(
        camera=perspective.weak,
        landmarks_image=whole.landmarks_image,
        model=whole.model,
        identity=whole.identity[:80],
        expression=whole.expression,
        perspective=perspective,
        texture=np.zeros(80, np.float32),
        light=np.zeros(LIGHT, np.float32),
        colors=loaded_colors("lfm"),
    )
    [found] = moved_by(networks, photo, [face])
    assert found.perspective.focal_px == focal
    assert len(found.identity) == 100
    [plain] = moved_by(networks, photo, [whole])
    [eye, _] = networks.parts["eye"][1]
    seen, expected = (
        eye.points_on(result_of(one, box).vertices_image, one.camera, one.expression)[:, :2]
        for one in (found, plain)
    )
    assert np.linalg.norm(seen - expected, axis=1).mean() < 2.0  # px, of an eye of 60
