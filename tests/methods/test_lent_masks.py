"""Methods that look for what is in front of a face, and close-ups that lend them a better look."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.draw.smaller import scaled_face
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.raster import visible_vertices
from lineament.methods.closeup_networks import CloseUpNetworks, moved_by
from lineament.methods.cprfa_face import CprfaEstimate, CprfaResult
from lineament.methods.cprfa_points import Retrieval
from lineament.methods.seen_face import SeenFaceEstimate
from lineament.result import Detection
from lineament.result.face_mask import FaceMask

BOX = CropBox(center_xy=(100.0, 90.0), side=200.0, size=64)
SIZE_HW = (180, 220)
DETECTION = Detection(np.float32([40, 30, 160, 150]), 0.9)
LEFT, RIGHT = (90, 70), (90, 130)
"""Row and column of a place on each half of the face."""
OWN = 0.8
LENT = (0.02, 0.9)
"""What both say: a mask over the left half that the method itself takes for skin."""


def cells(left, right=None, *, box=BOX, count=32):
    values = np.full((count, count), left, np.float32)
    values[:, count // 2 :] = left if right is None else right
    return FaceMask(values, box)


@pytest.fixture(scope="module")
def camera():
    return WeakPerspective(np.eye(3, dtype=np.float32), 0.6, np.array([100.0, 90.0, 0.0]))


def dense_estimate(lfm, camera, own):
    vertices = camera.image_from_model(lfm.neutral_model).astype(np.float32)
    return SeenFaceEstimate.of_seen_vertices(
        NearestCoefficients(lfm),
        vertices,
        crop_mask=own.values,
        confidence=np.ones(len(vertices)),
        weights=np.ones(len(vertices)),
    )


def coded_estimate(lfm, camera, own):
    """CPRFA's; all vertices of the skin were detected on the left of the photo, and none on the right."""
    vertices = camera.image_from_model(lfm.neutral_model)
    seen = np.where(vertices[:, 0] < 100, 1.0, 0.0).astype(np.float32)
    seen[np.unique(lfm.triangles[slice(*lfm.parts["eyeballs"])])] = np.nan
    return CprfaEstimate(
        camera=camera,
        landmarks_image=camera.image_from_model(lfm.landmark_points("300w-lp").neutral_model),
        model=lfm,
        identity=np.zeros(100, np.float32),
        expression=np.zeros(53, np.float32),
        crop_code=np.zeros((*own.values.shape, 3), np.float32),
        crop_mask=own.values,
        detected_image=np.full((len(vertices), 2), np.nan, np.float32),
        seen=seen,
        chosen_vertices=np.arange(4),
        solver="pnp",
        reliable=True,
        retrieval=Retrieval(),
    )


def result(estimate, crop_box=BOX):
    return estimate.result(crop_box=crop_box, detection=DETECTION)


@pytest.fixture(params=[dense_estimate, coded_estimate])
def estimate_of(request, lfm, camera):
    return lambda own: request.param(lfm, camera, own)


def test_what_nobody_lends_a_look_to_keeps_its_own_mask(estimate_of):
    own = cells(0.3, OWN)
    face = result(estimate_of(own))
    assert face.shown is None
    assert face.sees_occluders
    np.testing.assert_array_equal(face.face_mask(SIZE_HW), own.over(SIZE_HW))
    np.testing.assert_array_equal(face.own_mask.over(SIZE_HW), own.over(SIZE_HW))


def test_mask_and_visibility_are_by_the_look_that_is_lent(estimate_of):
    hidden, free = LENT
    face = result(estimate_of(cells(OWN)).masked_by(cells(*LENT)))
    mask = face.face_mask(SIZE_HW)
    np.testing.assert_allclose([mask[LEFT], mask[RIGHT]], LENT, atol=1e-6)
    head_alone = visible_vertices(face.vertices_image, face.triangles)
    x = face.vertices_image[:, 0]
    for half, lent in ((x < 95, hidden), (x > 105, free)):
        np.testing.assert_allclose(face.visibility[half], head_alone[half] * lent, atol=1e-6)
    # The corner of the eye on the left of the photo, and of the other.
    np.testing.assert_allclose(face.landmark_visibility[[36, 45]], LENT, atol=1e-6)


def test_beyond_the_outline_of_the_mesh_is_no_skin_whatever_the_own_mask_says(estimate_of):
    own = cells(1.0)
    alone, lent = (result(one) for one in (estimate_of(own), estimate_of(own).masked_by(cells(1.0))))
    assert alone.face_mask(SIZE_HW)[2, 2] == 1
    assert lent.face_mask(SIZE_HW)[2, 2] == 0
    assert lent.face_mask(SIZE_HW)[90, 100] == 1


def test_the_own_mask_alone_is_still_to_be_had(estimate_of):
    own, lent = cells(0.3, OWN), cells(*LENT)
    face = result(estimate_of(own).masked_by(lent))
    np.testing.assert_array_equal(face.own_mask.values, own.values)
    np.testing.assert_array_equal(face.shown.values, lent.values)
    alone = replace(face, shown=None)
    np.testing.assert_array_equal(alone.face_mask(SIZE_HW), own.over(SIZE_HW))
    np.testing.assert_array_equal(alone.visibility, result(estimate_of(own)).visibility)


def test_both_masks_travel_and_shrink_with_the_face(estimate_of):
    face = result(estimate_of(cells(0.3, OWN)).masked_by(cells(*LENT)))
    again = pickle.loads(pickle.dumps(face))
    np.testing.assert_array_equal(again.visibility, face.visibility)
    small = scaled_face(face, 0.5).face_mask((90, 110))
    np.testing.assert_allclose(small[45, [35, 65]], face.face_mask(SIZE_HW)[90, [70, 130]], atol=1e-5)
    nothing = face.without_values()
    assert np.isnan(nothing.face_mask((4, 5))).all()
    assert np.isnan(nothing.landmark_visibility).all()


def test_codes_alone_say_which_vertices_are_seen_and_with_a_lent_look_that_does(lfm, camera):
    estimate = coded_estimate(lfm, camera, cells(OWN))
    alone, lent = result(estimate), result(estimate.masked_by(cells(0.9)))
    assert isinstance(alone, CprfaResult)
    skin = np.isfinite(alone.seen)
    np.testing.assert_array_equal(alone.visibility[skin], alone.seen[skin])
    front = visible_vertices(lent.vertices_image, lent.triangles) == 1
    assert (alone.visibility[front & skin] == 0).any()
    np.testing.assert_allclose(lent.visibility[front], 0.9, atol=1e-6)
    some = np.array([5, 3000])
    np.testing.assert_array_equal(lent._visibility_of(some), lent.visibility[some])


def test_close_ups_lend_their_look_and_do_not_ask_for_the_own_one(lfm, estimate_of):
    """Faces move by what the lent network sees alone, whatever their own mask says."""
    lent, photo, states = cells(*LENT), np.zeros((*SIZE_HW, 3), np.uint8), []

    class Recording(CloseUpNetworks):
        def __call__(self, image, faces):
            states.extend(faces)
            return list(faces)

    networks = Recording(lfm, {}, None, lambda image, estimates: [lent] * len(estimates))
    blind, sighted = moved_by(networks, photo, [estimate_of(cells(0.0)), estimate_of(cells(1.0))])
    assert [state.shown for state in states] == [lent, lent]
    assert blind.shown is lent
    assert sighted.shown is lent
    without = CloseUpNetworks(lfm, {}, None)
    assert moved_by(without, photo, [estimate_of(cells(OWN))])[0].shown is None
