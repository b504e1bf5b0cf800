from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.data.fitting.closeups import close_up_table
from lineament.errors import WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.methods.closeup import CloseUpTable
from lineament.methods.coefficient_update import (
    MAX_SURPRISE,
    POSE,
    TRUSTED_YAW,
    CoefficientUpdate,
    FaceState,
    Sighting,
    beliefs,
    expected,
)
from lineament.result.face_mask import FaceMask


@pytest.fixture(scope="module")
def face(lfm):
    rng = np.random.default_rng(0)
    camera = WeakPerspective(matrix_from_angles(0.3, 0.1, 0.4), 1.4, np.array([110.0, 130.0, 0.0]))
    return FaceState(camera, 0.5 * rng.normal(size=100), rng.uniform(0, 0.4, 53))


@pytest.fixture(scope="module")
def parts(lfm):
    """By name each eye, and the mouth both ways."""
    return [(part, side) for part in ("eye", "mouth") for side in close_up_table(part).of(lfm)]


def even_noise(parts, variance):
    """By part the covariance of errors that are alike and do not go together."""
    return {part: variance * np.eye(2 * len(s.points.neutral_model) + len(s.keys)) for part, s in parts}


def state_std(turn, identity, expression):
    """(6 + K + E,) standard deviations of a state: of turns, size and coefficients; 2 mm of place."""
    return np.concatenate(
        [np.full(4, turn), np.full(2, 2.0), np.full(100, identity), np.full(53, expression)]
    )


def in_a_mirror(lfm, face):
    """The face in a photo of 400 px that is mirrored."""
    flip = np.diag([-1.0, 1, 1])
    moved = np.array([400 - face.camera.translation[0], *face.camera.translation[1:]])
    camera = WeakPerspective(flip @ face.camera.rotation @ flip, face.camera.scale, moved)
    return FaceState(camera, *lfm.mirrored(face.identity, face.expression))


def look(face, sighting):
    """See :func:`expected`."""
    return expected(face, sighting, face.places(sighting.close_up))


def sighting_of(face, side, box_of=None):
    """What a perfect network would see of a face in a close-up that was cut around another one."""
    at = box_of or face
    box = side.box(at.camera, at.identity, at.expression)
    nothing = Sighting(side, box, np.zeros((len(side.points.neutral_model), 2)), np.zeros(len(side.keys)))
    _, deviation = look(face, nothing)
    count = 2 * len(nothing.points)
    return replace(nothing, points=-deviation[:count].reshape(-1, 2), keys=-deviation[count:])


def gain_update(update, face, sightings):
    """The same update by its textbook formula: the gain, over all rows, and each surprise by itself."""
    seen = [look(face, sighting) for _, sighting in sightings]
    turned = np.arctan2(face.camera.rotation[0, 2], face.camera.rotation[2, 2])
    distrust = 1 + (turned / TRUSTED_YAW) ** 4
    kept = []
    for (part, _), (slope, deviation) in zip(sightings, seen, strict=True):
        spread = slope @ update.prior @ slope.T + update.noise[part] * distrust
        if deviation @ np.linalg.solve(spread, deviation) <= MAX_SURPRISE * len(deviation):
            kept.append((part, slope, deviation))
    if not kept:
        return face, 0
    slope = np.concatenate([rows for _, rows, _ in kept])
    spread = slope @ update.prior @ slope.T
    start = 0
    for part, rows, _ in kept:
        own = slice(start, start + len(rows))
        spread[own, own] += update.noise[part] * distrust
        start = own.stop
    deviation = np.concatenate([apart for _, _, apart in kept])
    return face.moved(update.prior @ slope.T @ np.linalg.solve(spread, deviation)), len(kept)


def covariance(std, rng):
    """Of errors that go together, shrunk a little, as measured ones are."""
    size = len(std)
    mixed = std[:, None] * rng.normal(size=(size, 2 * size)) / np.sqrt(2 * size)
    return 0.9 * mixed @ mixed.T + 0.1 * np.diag(std**2)


def test_the_update_is_that_of_the_gain_whatever_it_believes(face, parts):
    rng = np.random.default_rng(4)
    std = state_std(0.03, 0.4, 0.2)
    noise = {}
    for part, side in parts:
        points, keys = len(side.points.neutral_model), len(side.keys)
        spread = np.concatenate([np.full(2 * points, 0.03), np.full(keys, 0.1)])
        noise[part] = covariance(spread, rng)
    update = CoefficientUpdate(covariance(std, rng), noise)
    counts = set()
    for yaw, wrong in ((0.1, 0.0), (-0.8, 0.0), (0.2, 0.4), (0.0, 0.1), (0.0, 5.0)):
        camera = WeakPerspective(matrix_from_angles(yaw, 0.1, 0.4), 1.4, np.array([110.0, 130.0, 0.0]))
        found = replace(face, camera=camera)
        truth = found.moved(std * rng.normal(size=len(std)))
        sightings = [(part, sighting_of(truth, side, box_of=found)) for part, side in parts]
        last = sightings[-1][1]
        away = last.points + wrong * rng.normal(size=last.points.shape)
        sightings[-1] = ("mouth", replace(last, points=away))
        plain, count = gain_update(update, found, sightings)
        counts.add(count)
        np.testing.assert_allclose(
            found.step_to(update(found, sightings)) / std, found.step_to(plain) / std, atol=2e-4
        )
    assert counts == {3, 4}


def test_a_covariance_that_is_none_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        CoefficientUpdate(np.diag([1.0, 0.0]), {})


def test_a_step_leads_from_a_face_to_another_and_back(face):
    step = 0.05 * np.random.default_rng(1).normal(size=POSE + 153)
    np.testing.assert_allclose(face.step_to(face.moved(step)), step, atol=1e-9)
    np.testing.assert_allclose(face.step_to(face), 0, atol=1e-12)


def test_derivatives_are_those_of_finite_differences(face, parts):
    step = 2e-4 * np.random.default_rng(2).normal(size=POSE + 153)
    for _, side in parts:
        sighting = sighting_of(face, side)
        slope, before = look(face, sighting)
        _, after = look(face.moved(step), sighting)
        np.testing.assert_allclose(before, 0, atol=1e-6)
        np.testing.assert_allclose(before - after, slope @ step, atol=2e-6)


def test_close_ups_correct_an_error_that_they_show(face, parts):
    rng = np.random.default_rng(3)
    std = state_std(0.02, 0.3, 0.1)
    truth = face.moved(std * rng.normal(size=len(std)))
    noise = even_noise(parts, 1e-6)
    sightings = [(part, sighting_of(truth, side, box_of=face)) for part, side in parts]
    found = CoefficientUpdate(np.diag(std**2), noise)(face, sightings)
    for _, sighting in sightings:
        before, after = (look(one, sighting)[1] for one in (face, found))
        assert np.abs(after).mean() < 0.1 * np.abs(before).mean()
    assert np.linalg.norm(found.step_to(truth) / std) < 0.8 * np.linalg.norm(face.step_to(truth) / std)


def test_a_close_up_of_something_else_moves_nothing(face, parts):
    part, side = parts[0]
    wrong = sighting_of(face, side)
    wrong = replace(
        wrong, points=wrong.points + np.random.default_rng(0).uniform(-0.3, 0.3, wrong.points.shape)
    )
    size = 2 * len(side.points.neutral_model) + len(side.keys)
    update = CoefficientUpdate(1e-4 * np.eye(POSE + 153), {part: 1e-5 * np.eye(size)})
    assert update(face, [(part, wrong)]) is face
    assert update(face, []) is face


def hidden(face, sides):
    """The face with a mask that is 0 around the points of some close-ups and 1 elsewhere."""
    mask = FaceMask(np.ones((200, 200), np.float32), CropBox((110.0, 130.0), 400.0, 200))
    for side in sides:
        cells = (mask.box.crop_from_image(face.places(side)[1][:, :2])).astype(int)
        for column, row in cells:
            mask.values[row - 2 : row + 3, column - 2 : column + 3] = 0
    return replace(face, shown=mask)


def test_what_is_hidden_moves_nothing(face, parts):
    rng = np.random.default_rng(5)
    std = state_std(0.02, 0.3, 0.1)
    truth = face.moved(std * rng.normal(size=len(std)))
    noise = even_noise(parts, 1e-4)
    eye, mouth = ((part, sighting_of(truth, side, box_of=face)) for part, side in parts[::2])
    update = CoefficientUpdate(np.diag(std**2), noise)
    both, eye_alone = update(face, [eye, mouth]), update(face, [eye])
    assert np.abs(both.expression - eye_alone.expression).max() > 0.05
    for boxes, expected_face in [
        ([], both),
        ([mouth[1].close_up], eye_alone),
        ([s.close_up for _, s in (eye, mouth)], face),
    ]:
        found = update(hidden(face, boxes), [eye, mouth])
        np.testing.assert_allclose(found.expression, expected_face.expression, atol=1e-5)
        np.testing.assert_allclose(found.camera.rotation, expected_face.camera.rotation, atol=1e-6)


def test_the_less_of_a_part_is_free_the_less_is_believed(lfm, face):
    side = close_up_table("mouth").of(lfm)[0]
    sighting = sighting_of(face, side)
    grey = FaceMask(np.full((8, 8), 0.5, np.float32), CropBox((110.0, 130.0), 400.0, 64))
    count = 2 * len(sighting.points)
    look = (sighting, face.places(side)[1])
    np.testing.assert_array_equal(beliefs(None, [look]), 1)
    np.testing.assert_allclose(beliefs(grey, [look]), 0.25)
    left_hidden = np.tile(np.repeat(np.float32([0, 1]), 32), (64, 1))
    half = FaceMask(left_hidden, CropBox(sighting.box.center_xy, 400.0, 64))
    found, again = beliefs(half, [look, look])
    np.testing.assert_array_equal(found, again)
    assert found[:count].min() == 0
    assert 0.1 < found[count:].max() < found[:count].max() < 1


def test_where_the_points_of_a_part_are_is_found_once_a_sighting(face, parts, monkeypatch):
    seen = [(part, sighting_of(face, side)) for part, side in parts]
    noise = even_noise(parts, 1e-3)
    update = CoefficientUpdate(1e-3 * np.eye(POSE + 153), noise)
    grey = FaceMask(np.full((8, 8), 0.5, np.float32), CropBox((110.0, 130.0), 400.0, 64))
    asked, places = [], FaceState.places
    monkeypatch.setattr(FaceState, "places", lambda self, part: asked.append(part) or places(self, part))
    update(replace(face, shown=grey), seen)
    assert asked == [sighting.close_up for _, sighting in seen]


def test_the_left_eye_in_a_mirror_is_the_right_eye_of_the_mirrored_face(lfm, face):
    right, left = close_up_table("eye").of(lfm)
    mirrored = in_a_mirror(lfm, face)
    first, second = sighting_of(face, left), sighting_of(mirrored, right)
    np.testing.assert_allclose(first.points, second.points, atol=2e-3)
    np.testing.assert_allclose(first.keys, second.keys, atol=1e-6)
    assert first.box.side == pytest.approx(second.box.side)
    assert first.box.roll == pytest.approx(-second.box.roll)
    assert left.is_shown(face.camera) == right.is_shown(mirrored.camera)


def test_an_eye_on_the_far_side_is_not_shown(lfm):
    right, left = close_up_table("eye").of(lfm)
    for yaw in (-1.4, 1.4):
        camera = WeakPerspective(matrix_from_angles(yaw, 0.0, 0.0), 1.0, np.zeros(3))
        x = {side: (camera.rotation @ side.points.neutral_model.mean(0))[2] for side in (right, left)}
        near, far = (right, left) if x[right] > x[left] else (left, right)
        assert near.is_shown(camera)
        assert not far.is_shown(camera)


def test_a_table_travels_as_arrays_and_is_checked(lfm):
    table = close_up_table("eye")
    arrays = table.arrays()
    again = CloseUpTable.from_arrays(arrays)
    assert again.keys == table.keys
    assert again.side_mm == table.side_mm
    np.testing.assert_array_equal(again.vertex_index, table.vertex_index)
    for changes in ({"side_mm": np.array(-1.0)}, {"weights": arrays["weights"][:1]}, {"size": np.array(0)}):
        with pytest.raises(WeightsError):
            CloseUpTable.from_arrays({**arrays, **changes})
    with pytest.raises(WeightsError, match="where close-ups are cut"):
        CloseUpTable.from_arrays({name: a for name, a in arrays.items() if name != "keys"})
    with pytest.raises(WeightsError, match="another face model"):
        replace(table, keys=(("noSuchKey",),) * 2).of(lfm)


def iris_of(side):
    """Which of the points of an eye is its iris: the one that looking moves and no mesh."""
    [iris] = np.flatnonzero(np.abs(side.turns).sum(axis=(0, 2)))
    return iris


@pytest.mark.parametrize(("number", "name", "outward"), [(0, "Right", -1), (1, "Left", 1)])
def test_an_iris_goes_where_its_eye_looks(lfm, face, number, name, outward):
    side = close_up_table("eye").of(lfm)[number]
    iris = iris_of(side)
    rest, looking = np.zeros(53), np.zeros(53)
    looking[lfm.expression_names.index(f"eyeLookOut{name}")] = 0.5
    apart = side.points.vertices_model(np.zeros(1), looking) - side.points.vertices_model(np.zeros(1), rest)
    assert 3.5 < outward * apart[iris, 0] < 4.5  # mm, of an eyeball of 15.2 that turns by 16 degrees
    still = np.delete(np.arange(len(apart)), iris)
    assert np.abs(apart[still]).max() < 1.5  # lids
    of_before = replace(close_up_table("eye"), irises_turn=False).of(lfm)[number]
    assert not of_before.turns.any()
    on_mesh = of_before.points.vertices_model(np.zeros(1), looking)[iris]
    np.testing.assert_allclose(on_mesh, of_before.points.vertices_model(np.zeros(1), rest)[iris], atol=1e-4)


def test_an_iris_tells_the_gaze_without_keys(lfm, face):
    side = close_up_table("eye").of(lfm)[0]
    std = np.concatenate([[0.02, 0.02, 0.02, 0.01, 1, 1], np.full(100, 0.1), np.full(53, 0.3)])
    points, keys = 2 * len(side.points.neutral_model), len(side.keys)
    noise = np.concatenate([np.full(points, 0.005), np.full(keys, 1e3)])
    update = CoefficientUpdate(np.diag(std**2), {"eye": np.diag(noise**2)})
    looks_out = lfm.expression_names.index("eyeLookOutRight")
    expression = face.expression.copy()
    expression[looks_out] += 0.5
    truth = replace(face, expression=expression)
    found = update(face, [("eye", sighting_of(truth, side, box_of=face))])
    turn = found.expression - face.expression
    inward = lfm.expression_names.index("eyeLookInRight")
    assert turn[looks_out] - turn[inward] == pytest.approx(0.5, abs=0.1)


def test_irises_of_a_free_mesh_turn_too(lfm, face):
    side = close_up_table("eye").of(lfm)[0]
    mesh = lfm.vertices_model(face.identity, face.expression)
    free = replace(face, vertices_image=face.camera.image_from_model(mesh))
    np.testing.assert_allclose(free.places(side)[1], face.places(side)[1], atol=1e-2)


def test_a_mouth_is_seen_in_a_mirror_as_the_mirrored_mouth(lfm, face):
    plain, in_mirror = close_up_table("mouth").of(lfm)
    mirrored = in_a_mirror(lfm, face)
    first, second = sighting_of(face, in_mirror), sighting_of(mirrored, plain)
    np.testing.assert_allclose(first.points, second.points, atol=2e-3)
    np.testing.assert_allclose(first.keys, second.keys, atol=1e-6)
