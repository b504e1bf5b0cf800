"""The page's own modules, run by Node, against Python: resampling, face model, files and the whole flow."""

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lineament as la
import shared
from glb_files import read_glb
from lineament.crop import CropBox
from lineament.export import export_glb
from lineament.export.faces_json import face_values
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import visible_vertices
from lineament.geometry.rotation import matrix_from_angles
from lineament.resample import letterbox, resample_crop
from lineament.video import FaceTracker
from lineament.view.folder import page_sources
from view.aligned import aligned_of, crop_box_values, in_the_pages_crop

HERE = Path(__file__).parent
PHOTOS = HERE.parents[1] / "demo" / "photos"


def test_the_pages_own_tests_pass():
    command = [shared.node(), "--test"]
    done = subprocess.run(command, cwd=page_sources(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-5000:]


def test_crops_and_letterboxes_are_pythons_to_the_bit(node, raw):
    photo = la.read_image(PHOTOS / "astronaut.jpg")[:300, :330]
    boxes = [
        CropBox((200.3, 140.7), 150.2, 112),  # shrinks
        CropBox((200.3, 140.7), 60.2, 112),  # enlarges
        CropBox((100.3, 140.7), 350.2, 112),  # averages blocks first, and reaches beyond the photo
        CropBox((220.3, 140.7), 1500.2, 112),  # far larger than the photo
        CropBox((200.3, 140.7), 150.2, 112, 0.3),
        CropBox((10.3, 390.7), 350.2, 112, -1.0),
    ]
    sizes = [(320, 256), (320, None), (215, 172), (450, None)]
    answer = node(
        "pixels", photo=raw(photo), crops=[crop_box_values(box) for box in boxes], letterboxes=sizes
    )
    for box, found in zip(boxes, answer["crops"], strict=True):
        assert np.array_equal(resample_crop(photo, box).ravel(), found), box
    for (side, min_side), found in zip(sizes, answer["letterboxes"], strict=True):
        canvas, scale_xy = letterbox(photo, side, min_side=min_side)
        assert canvas.shape[:2] == (found["height"], found["width"])
        assert np.array_equal(canvas.ravel(), found["data"]), (side, min_side)
        np.testing.assert_allclose(found["scale"], scale_xy)


def test_the_face_model_shapes_projects_and_hides_as_in_python(node, lfm):
    numbers = np.random.default_rng(0)
    identity = numbers.normal(size=100).astype(np.float32)
    expression = (numbers.uniform(size=53) ** 4).astype(np.float32)
    rotation = matrix_from_angles(yaw=0.6, pitch=-0.2, roll=0.1)
    camera = WeakPerspective(rotation=rotation, scale=1.7, translation=np.array([300.0, 250.0, 5.0]))
    job = {"rotation": rotation.ravel().tolist(), "scale": 1.7, "translation": [300.0, 250.0, 5.0]}
    answer = node("model", identity=identity.tolist(), expression=expression.tolist(), camera=job)
    vertices_model = lfm.vertices_model(identity, expression)
    vertices = camera.image_from_model(vertices_model)
    np.testing.assert_allclose(np.reshape(answer["vertices"], (-1, 3)), vertices, atol=2e-3)
    landmarks = lfm.schemes["ibug-68"].points_model(vertices_model, identity, expression, rotation)
    np.testing.assert_allclose(
        np.reshape(answer["landmarks"], (-1, 3)), camera.image_from_model(landmarks), atol=2e-3
    )
    normals = vertex_normals(vertices_model, lfm.triangles)
    np.testing.assert_allclose(np.reshape(answer["normals"], (-1, 3)), normals, atol=1e-3)
    difference = np.abs(visible_vertices(vertices, lfm.triangles) - answer["visibility"])
    assert (difference > 0.02).mean() < 1e-3  # rounding may move a pixel over an edge
    assert answer["angles"] == pytest.approx({"yaw": 0.6, "pitch": -0.2, "roll": 0.1})


@pytest.fixture(scope="module")
def aligner():
    return la.FaceAligner.from_pretrained("fast", threads=1)


@pytest.mark.parametrize("method", ["fast", "default"])
def test_landmarks_and_vertices_of_real_photographs_equal_pythons_within_a_pixel(node, raw, method):
    aligner = la.FaceAligner.from_pretrained(method, threads=1)
    photos = [la.read_image(PHOTOS / name) for name in ("astronaut.jpg", "hopper.jpg")]
    answer = node("align", method=method, photos=[raw(photo) for photo in photos])
    for photo, found in zip(photos, answer, strict=True):
        faces = aligner(photo)
        assert len(found) == len(faces) == 1
        for face, other in zip(faces, found, strict=True):
            assert other["score"] == pytest.approx(face.detection.score, abs=0.02)
            # Rounding of a first look moves the crop that the second one is of.
            assert other["uncertainty"] == pytest.approx(face.uncertainty_mm, abs=0.2)
            same = in_the_pages_crop(aligner, photo, face, other)
            for name in ("landmarks", "vertices"):
                points = np.reshape(other[name], (-1, 3))
                assert np.abs(points - getattr(same, f"{name}_image")).max() < 1, name


def test_small_faces_of_a_large_photo_are_found_as_in_python(node, raw):
    photo = np.full((1200, 1800, 3), 90, np.uint8)
    face = Image.fromarray(la.read_image(PHOTOS / "hopper.jpg")).resize((128, 150))
    for x, y in ((100, 80), (1500, 700), (900, 300)):
        photo[y : y + 150, x : x + 128] = np.asarray(face)
    aligner = la.FaceAligner.from_pretrained("default", threads=1)
    (found,) = node("align", method="default", photos=[raw(photo)])
    faces = aligner(photo)
    assert len(found) == len(faces) == 3
    for face, other in zip(faces, found, strict=True):
        assert np.abs(np.reshape(other["landmarks"], (-1, 3)) - face.landmarks_image).max() < 1


@pytest.mark.parametrize(("max_uncertainty_mm", "count"), [(0.1, 0), (2.2, 1)])
def test_uncertain_faces_are_predicted_again_and_left_out_as_in_python(node, raw, max_uncertainty_mm, count):
    aligner = la.FaceAligner.from_pretrained("default", threads=1)
    aligner.max_uncertainty_mm = max_uncertainty_mm
    photo = la.read_image(PHOTOS / "astronaut.jpg")
    (found,) = node("align", method="default", photos=[raw(photo)], max_uncertainty_mm=max_uncertainty_mm)
    faces = aligner(photo)
    assert len(found) == len(faces) == count
    for face, other in zip(faces, found, strict=True):
        assert np.abs(np.reshape(other["landmarks"], (-1, 3)) - face.landmarks_image).max() < 1


def test_faces_are_followed_as_in_python_and_the_detector_looks_five_times_a_second(node, raw, aligner):
    photo = la.read_image(PHOTOS / "hopper.jpg")
    empty = np.full((450, 400, 3), 90, np.uint8)
    films = [photo[8 * k : 450 + 8 * k, 90 - 10 * k : 490 - 10 * k] for k in range(8)] + [empty] * 4
    times = [k / 25 for k in range(len(films))]
    answer = node("follow", method="fast", photos=[raw(film) for film in films], times=times)
    tracker = FaceTracker(aligner)
    expected = [[t.face for t in tracker.step(*frame)] for frame in zip(times, films, strict=True)]
    assert [len(faces) for faces in answer["frames"]] == [len(faces) for faces in expected]
    assert [len(faces) for faces in expected][:8] == [1] * 8
    assert answer["looks"] == 3  # at 0, 0.2 and 0.4 s
    # Each look begins where the last one ended, so that differences of rounding add up: 3 % of the face are
    # allowed. The face moves by more from frame to frame, so a crop box in the wrong place is noticed.
    for [face], [other] in zip(expected[:8], answer["frames"][:8], strict=True):
        limit = 0.03 * np.ptp(face.landmarks_image[:, 1])
        assert np.abs(np.reshape(other["landmarks"], (-1, 3)) - face.landmarks_image)[:, :2].max() < limit
        assert np.hypot(*np.subtract(face.crop_box.center_xy, [other["cropBox"][k] for k in "xy"])) < limit
        assert other["cropBox"]["side"] == pytest.approx(face.crop_box.side, rel=0.02)


@pytest.mark.parametrize("method", ["fast", "default"])
def test_the_files_say_what_pythons_files_say(node, tmp_path, method):
    photo = la.read_image(PHOTOS / "hopper.jpg")
    (face,) = la.FaceAligner.from_pretrained(method, threads=1)(photo)
    aligned = aligned_of(face)
    coefficients = {name: aligned[name] for name in ("identity", "expression")}
    landmarks = face.landmarks_image.ravel().tolist()
    answer = node(
        "files",
        face=coefficients | {"aligned": aligned, "landmarks": landmarks},
        photo={"name": "hopper.jpg", "width": photo.shape[1], "height": photo.shape[0]},
    )
    assert_the_same(json.loads(answer["json"])["faces"][0], face_values(face) | {"mesh": None})
    la.export_obj(face, tmp_path / "face.obj")
    ours, theirs = answer["obj"].splitlines(), (tmp_path / "face.obj").read_text().splitlines()
    assert [line.split()[0] for line in ours] == [line.split()[0] for line in theirs]
    assert [line for line in ours if line[0] in "fg"] == [line for line in theirs if line[0] in "fg"]
    np.testing.assert_allclose(numbers_of(ours, "v "), numbers_of(theirs, "v "), atol=5e-3)
    export_glb(face, tmp_path / "face.glb")
    (tmp_path / "page.glb").write_bytes(base64.b64decode(answer["glb"]))
    assert_heads_equal(read_glb(tmp_path / "page.glb"), read_glb(tmp_path / "face.glb"))


def assert_heads_equal(ours, theirs):
    """The same parts, of the same materials, with the same targets; numbers within a thousandth of a mm."""
    (document, array), (expected, expected_array) = ours, theirs
    mesh, expected_mesh = document["meshes"][0], expected["meshes"][0]
    assert mesh["extras"] == expected_mesh["extras"]
    np.testing.assert_allclose(mesh["weights"], expected_mesh["weights"], atol=1e-6)
    for name in ("materials", "images", "textures", "samplers"):
        assert [without_view(entry) for entry in document[name]] == [
            without_view(entry) for entry in expected[name]
        ]
    assert len(mesh["primitives"]) == len(expected_mesh["primitives"]) == 4
    for part, other in zip(mesh["primitives"], expected_mesh["primitives"], strict=True):
        assert np.array_equal(array(part["indices"]), expected_array(other["indices"]))
        for name in ("POSITION", "TEXCOORD_0"):
            found, known = array(part["attributes"][name]), expected_array(other["attributes"][name])
            np.testing.assert_allclose(found, known, atol=2e-6 if name == "POSITION" else 1e-4)
        for target, known in zip(part["targets"], other["targets"], strict=True):
            difference = array(target["POSITION"]) - expected_array(known["POSITION"])
            assert np.abs(difference).max() < 4e-6  # m; what moves less is left out


def without_view(entry):
    return {name: value for name, value in entry.items() if name != "bufferView"}


def numbers_of(lines, start):
    return np.array([line.split()[1:] for line in lines if line.startswith(start)], dtype=float)


def assert_the_same(found, expected, where="face"):
    """Equal texts and shapes, numbers to their last digits."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for name, value in expected.items():
            assert_the_same(found[name], value, f"{where}.{name}")
    elif isinstance(expected, list) and expected and not isinstance(expected[0], str):
        np.testing.assert_allclose(found, expected, atol=2e-2, rtol=1e-4, err_msg=where)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=2e-3), where
    else:
        assert found == expected, where
