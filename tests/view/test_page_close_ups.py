"""The page's second look, at eyes, mouth and what is in front of a face, run by Node against Python."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lineament as la
import shared
from lineament.bundle import Bundle
from lineament.crop import CropRule, upright_roll
from lineament.geometry.raster import visible_vertices
from lineament.geometry.rotation import matrix_from_angles
from lineament.methods.closeup_networks import close_ups_of
from lineament.methods.coefficient_update import FaceState, Sighting
from lineament.methods.regressor import MorphableRegressor
from lineament.models import load_model
from lineament.result.face_mask import FaceMask
from view.aligned import in_the_pages_crop

PHOTOS = Path(__file__).parents[2] / "demo" / "photos"
LANDMARKS, IDENTITY, KEYS = 0.008, 0.06, 0.06
"""What rounding in WebAssembly may change in one crop: parts of the face's side, standard deviations,
weights. On these photographs it changes 0.0003, 0.005 and 0.002 at most with AVX-512."""
READINGS = 0.2
"""What that may change of keys as they are read, some of which have a tenth of the range of weights: 0.007
at most."""
VISIBILITY = 0.02
"""Mean over vertices: rounding moves single ones over an edge, the mask of what is in front up to 0.011."""


def hopper():
    return la.read_image(PHOTOS / "hopper.jpg")


def without_chin():
    """Cut off below the lower lip: of the close-up of the mouth 0.83 is there."""
    return hopper()[:320]


def behind_a_hand():
    """The lower half of the face covered."""
    photo = hopper().copy()
    photo[275:420, 150:400] = (120, 140, 90)
    return photo


def agrees(found, face):
    """One face of the page is Python's."""
    side = np.ptp(face.landmarks_image[:, :2], axis=0).max()
    framing = np.reshape(found["framing"], (-1, 3))
    assert np.abs(framing - face.landmarks("300w-lp")).max() < LANDMARKS * side
    assert (
        np.abs(np.reshape(found["landmarks"], (-1, 3)) - face.landmarks_image)[:, :2].max() < LANDMARKS * side
    )
    np.testing.assert_allclose(found["identity"], face.identity, atol=IDENTITY)
    np.testing.assert_allclose(found["expression"], face.expression, atol=KEYS)
    assert found["blendshapes"] == pytest.approx(face.blendshapes, abs=READINGS)
    np.testing.assert_allclose(found["sliders"], face.reported_expression, atol=READINGS)
    assert np.abs(np.array(found["visibility"]) - face.visibility).mean() < VISIBILITY
    assert np.abs(np.array(found["landmarkVisibility"]) - face.landmark_visibility).mean() < VISIBILITY


def without_second_look(name):
    """The aligner of weights whose network of the whole face alone is run."""
    aligner = la.FaceAligner.from_pretrained(name, threads=1)
    aligner.method = MorphableRegressor.from_bundle(Bundle.open(name), threads=1)
    return aligner


@pytest.mark.parametrize("name", ["default", "open", "fast"])
def test_photographs_give_the_numbers_that_they_give_in_python(node, raw, name):
    photos = [la.read_image(PHOTOS / "astronaut.jpg"), hopper(), without_chin(), behind_a_hand()]
    answer = node("align", method=name, photos=[raw(photo) for photo in photos])
    aligner = la.FaceAligner.from_pretrained(name, threads=1)
    for photo, found in zip(photos, answer, strict=True):
        faces = aligner(photo)
        assert len(found) == len(faces) == 1
        agrees(found[0], in_the_pages_crop(aligner, photo, faces[0], found[0]))
        assert (faces[0].shown is None) == (name == "fast")


@pytest.mark.parametrize("photo", [hopper, without_chin, behind_a_hand])
def test_the_second_look_changes_what_is_compared(photo):
    """So that a page without it would not agree."""
    (face,) = la.FaceAligner.from_pretrained("default", threads=1)(photo())
    (before,) = without_second_look("default")(photo())
    assert np.abs(face.expression - before.expression).max() > 3 * KEYS


def test_a_covered_face_is_not_seen_there():
    (face,) = la.FaceAligner.from_pretrained("default", threads=1)(behind_a_hand())
    by_the_head_alone = visible_vertices(face.vertices_image, face.triangles)
    assert np.abs(face.visibility - by_the_head_alone).mean() > 3 * VISIBILITY


def test_a_profile_gives_the_numbers_that_it_gives_in_python(node, raw):
    with zipfile.ZipFile(shared.shared_path("photos") / "cfp.zip") as photos:
        content = photos.read("001_profile_01.webp")
    photo = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    ((found,),) = node("align", method="default", photos=[raw(photo)])
    aligner = la.FaceAligner.from_pretrained("default", threads=1)
    (face,) = aligner(photo)
    assert abs(face.pose.yaw) > np.radians(50)
    agrees(found, in_the_pages_crop(aligner, photo, face, found))
    names = face.model.expression_names
    zero = [
        name for name, weight in zip(names, found["expression"]) if name.startswith("eyeLook") and weight == 0
    ]
    assert len(zero) == 4  # those of the eye that is turned away


@pytest.fixture(scope="module")
def estimate():
    """Hopper as the network of the whole face sees him."""
    (face,) = without_second_look("default")(hopper())
    return FaceState(face.camera, face.identity, face.expression)


def turned(state, yaw, roll=0.0):
    turn = matrix_from_angles(yaw, 0.1, roll)
    return replace(state, camera=replace(state.camera, rotation=(turn @ state.camera.rotation).astype("f4")))


def job_of(state):
    camera = {
        "rotation": state.camera.rotation.ravel().tolist(),
        "scale": state.camera.scale,
        "translation": np.asarray(state.camera.translation).tolist(),
    }
    job = {
        "camera": camera,
        "identity": state.identity.tolist(),
        "expression": state.expression.tolist(),
    }
    if state.shown is None:
        return job
    (x, y), box = state.shown.box.center_xy, state.shown.box
    place = {"x": x, "y": y, "side": box.side, "size": box.size, "roll": box.roll}
    return job | {"shown": {"values": state.shown.values.ravel().tolist(), "box": place}}


def half_hidden(state):
    """A face of which something covers its right half, the viewer's left."""
    landmarks = state.camera.image_from_model(
        load_model("lfm").landmark_points("300w-lp").vertices_model(state.identity, state.expression)
    )
    box = CropRule(64, 1.4).around_points(landmarks, roll=upright_roll(state.camera.rotation))
    values = np.tile(np.clip(np.linspace(-1, 2, 32), 0, 1).astype("f4"), (32, 1))
    return replace(state, shown=FaceMask(values, box))


def looks_of(parts, state, photo):
    """Part, side and box of all close-ups that are looked at."""
    size = photo.shape[1::-1]
    boxes = [
        (part, side, side.box(state.camera, state.identity, state.expression))
        for part, sides in parts.items()
        for side in sides
        if side.is_shown(state.camera)
    ]
    return [look for look in boxes if look[2].share_within(*size) >= look[1].min_within]


def seen_there(state, looks, rng, surprise=()):
    """What networks might read there: what the face has, moved a little, or far where it is to surprise."""
    sightings = []
    for number, (_, side, box) in enumerate(looks):
        camera = box.camera_in_crop(state.camera)
        points = side.points.vertices_model(state.identity, state.expression).astype(float)
        there = camera.image_from_model(points)[:, :2] / box.size - 0.5
        there = there * (-1, 1) if side.mirrored else there
        far = 0.3 if number in surprise else 0.01
        keys = state.expression[side.keys] + rng.normal(0, 0.1, len(side.keys))
        points = there + rng.normal(0, far, there.shape)
        sightings.append(Sighting(side, box, points.astype("f4"), keys.astype("f4")))
    return sightings


@pytest.mark.parametrize(
    ("yaw", "roll", "rows", "parts", "surprise", "hides"),
    [
        (0.0, 0.0, 600, ["eye", "eye", "mouth", "mouth"], (), False),
        (0.3, 0.5, 600, ["eye", "eye", "mouth", "mouth"], (2,), False),
        (0.3, 0.5, 600, ["eye", "eye", "mouth", "mouth"], (), True),
        (1.2, 0.0, 600, ["eye", "mouth", "mouth"], (), False),
        (-1.2, -0.2, 600, ["eye", "mouth", "mouth"], (0,), False),
        (0.0, 0.0, 600, ["eye", "eye", "mouth", "mouth"], (0, 1, 2, 3), False),
        (0.0, 0.0, 320, ["eye", "eye", "mouth", "mouth"], (), False),  # cut off by less than weights allow
        (0.0, 0.0, 270, ["eye", "eye"], (), True),
    ],
)
def test_close_ups_are_cut_and_move_a_face_as_in_python(
    node, raw, estimate, yaw, roll, rows, parts, surprise, hides
):
    photo, state = hopper()[:rows], turned(estimate, yaw, roll)
    state = half_hidden(state) if hides else state
    sides, update = close_ups_of(Bundle.open("default"), load_model("lfm"))
    looks = looks_of(sides, state, photo)
    assert [part for part, _, _ in looks] == parts
    sightings = seen_there(state, looks, np.random.default_rng(1), surprise)
    said = [{"points": one.points.ravel().tolist(), "keys": one.keys.tolist()} for one in sightings]
    answer = node("closeUps", method="default", photo=raw(photo), faces=[job_of(state)], sightings=[said])
    for (part, side, box), found in zip(looks, answer["boxes"], strict=True):
        assert (part, side.mirrored) == (found["part"], found["mirrored"])
        expected = [*box.center_xy, box.side, box.size, box.roll]
        np.testing.assert_allclose(
            [found["box"][k] for k in ("x", "y", "side", "size", "roll")], expected, atol=1e-3
        )
    face = update(state, list(zip(parts, sightings, strict=True)))
    if hides:
        free = update(replace(state, shown=None), list(zip(parts, sightings, strict=True)))
        assert np.abs(face.expression - free.expression).max() > 0.02
    (found,) = answer["updated"]
    np.testing.assert_allclose(found["camera"]["rotation"], face.camera.rotation.ravel(), atol=1e-4)
    assert found["camera"]["scale"] == pytest.approx(face.camera.scale, rel=1e-4)
    np.testing.assert_allclose(found["camera"]["translation"], face.camera.translation, atol=1e-2)
    np.testing.assert_allclose(found["identity"], face.identity, atol=2e-3)
    np.testing.assert_allclose(found["expression"], np.clip(face.expression, 0, 1.25), atol=1e-3)
    assert (np.abs(face.expression - state.expression).max() > 0.02) == (len(surprise) < len(parts))


def test_reported_weights_are_pythons_behind_shut_lids_too(node):
    aligner = la.FaceAligner.from_pretrained("default", threads=1)
    (face,) = aligner(hopper())
    rng = np.random.default_rng(0)
    expressions = rng.uniform(0, 1, (8, len(face.expression))).astype("f4")
    answer = node("keys", method="default", expressions=expressions.tolist())
    shut = face.model.expression_names.index("eyeBlinkLeft")
    assert expressions[:, shut].min() < 0.4 < 0.8 < expressions[:, shut].max()
    for expression, found in zip(expressions, answer, strict=True):
        assert found == pytest.approx(replace(face, expression=expression).blendshapes, abs=2e-4)
