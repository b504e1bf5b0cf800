"""Our GLB files in three.js, opened by its own loader in Chromium: places, names, colours, motion.

Skipped where Chromium is not installed (Debian: `apt-get install chromium`).
"""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import lineament as la
from lineament.export import FaceTexturer, export_glb, export_glb_animation
from lineament.export.frames import gltf_head
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.view import PageServer
from scripts.chromium import Chromium, find_chromium

HERE = Path(__file__).parent
PHOTO = HERE.parents[1] / "demo" / "photos" / "hopper.jpg"
SIZE_HW = (480, 640)  # of the film
TIMES_S = [float(time) for time in np.float32([0, 0.04, 0.1, 0.2, 0.3])]  # as the file holds them
GAP = 3  # the frame that does not show the person


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the browser is given: a page, and three.js with its loader."""
    if find_chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    folder = tmp_path_factory.mktemp("three")
    shutil.copy(HERE / "vendored" / "three_gltf.bundle.min.js", folder)
    shutil.copy(HERE / "three_page.js", folder)
    page = '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="three_page.js">'
    (folder / "index.html").write_text(page + "</script></body>")
    return folder


@pytest.fixture(scope="module")
def browser(folder, tmp_path_factory):
    with (
        PageServer(folder) as server,
        Chromium(find_chromium(), tmp_path_factory.mktemp("profile")) as browser,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        browser.open(server.url)
        browser.wait_for("!!window.three")
        yield browser
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def photo():
    return la.read_image(PHOTO)


@pytest.fixture(scope="module")
def face(photo):
    (face,) = la.FaceAligner.from_pretrained("fast", threads=1)(photo)
    return face


@pytest.fixture(scope="module")
def texture_rgb(photo, face):
    return FaceTexturer(face.mesh, size=512)(photo, face).colors_rgb


@pytest.fixture(scope="module")
def still_file(folder, face, texture_rgb):
    export_glb(face, folder / "still.glb", texture_rgb=texture_rgb, targets="all")


@pytest.fixture
def still(still_file, browser):
    """What three.js says of the photograph's face, not turned."""
    return browser.evaluate("three.open('still.glb')")


def points_mm(browser):
    return np.array(browser.evaluate("three.points()")) * 1000


def test_the_face_stands_upright_in_metres_and_looks_along_z(still, browser, face):
    points = points_mm(browser)
    assert from_nearest(points, face.vertices_model).max() < 0.1
    width, height, depth = np.ptp(points, axis=0) / 1000
    assert 0.15 < height < 0.3
    assert width < height
    assert depth < 0.25
    nose, chin, eye = (scheme_point(face, points, number) for number in (30, 8, 36))
    assert nose[2] > max(chin[2], eye[2])
    assert eye[1] > nose[1] > chin[1]


def from_nearest(points, vertices):
    """(n,) mm from points of the skin, in whatever order, to the nearest vertices of the mesh."""
    rows = (points[first : first + 500] for first in range(0, len(points), 500))
    return np.concatenate([np.linalg.norm(r[:, None] - vertices, axis=2).min(axis=1) for r in rows])


def scheme_point(face, vertices, number):
    """The vertex nearest to a landmark."""
    landmark = face.model.landmarks_model(face.identity, face.expression, scheme=face.landmark_scheme)[number]
    return vertices[np.argmin(((vertices - landmark) ** 2).sum(axis=1))]


def test_every_blendshape_is_a_morph_target_under_its_name(still, face):
    assert still["targets"] == {name: number for number, name in enumerate(face.model.expression_names)}
    assert len(still["targets"]) == 53
    assert still["surfaces"] == 4


def test_a_target_moves_the_mesh_as_it_moves_in_python(still, browser, face):
    number = face.model.expression_names.index("jawOpen")
    opened = face.expression.copy()
    opened[number] = 1
    browser.evaluate("three.setWeight('jawOpen', 1)")
    points = points_mm(browser)
    moved = face.model.vertices_model(face.identity, opened)
    assert from_nearest(points, moved).max() < 0.1
    before = scheme_point(face, face.vertices_model, 8)
    chin = np.argmin(((face.vertices_model - before) ** 2).sum(axis=1))
    assert moved[chin, 1] < before[1] - 10 * (1 - face.expression[number])


@pytest.mark.parametrize("upside_down", [False, True])
def test_drawn_over_its_photograph_the_textured_head_is_the_photograph(
    folder, browser, photo, face, texture_rgb, upside_down
):
    """Turn, scale, place and texture at once; a texture the wrong way up shows how much that would matter."""
    texture = texture_rgb[::-1] if upside_down else texture_rgb
    name = f"turned_{upside_down}.glb"  # a name of its own: browsers keep what they have read
    export_glb(face, folder / name, texture_rgb=texture, turned=True, targets="all")
    assert browser.evaluate(f"three.open('{name}')")["hasTexture"]
    height, width = photo.shape[:2]
    (x, y), metre = face.pose.translation[:2], face.pose.scale * 1000
    view = [-x / metre, (width - x) / metre, y / metre, (y - height) / metre]
    drawn = np.array(
        browser.evaluate(f"three.picture({width}, {height}, {json.dumps(list(map(float, view)))})")
    )
    drawn = drawn.reshape(height, width, 4)
    inner = face.landmarks("300w-lp")[17:, :2]
    (left, top), (right, bottom) = inner.min(axis=0).astype(int), inner.max(axis=0).astype(int)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    assert (drawn[mask][:, 3] == 255).mean() > 0.9  # eyes and the inside of the mouth are no skin
    mask &= drawn[..., 3] == 255
    difference = np.abs(drawn[mask][:, :3] - photo[mask].astype(int))
    alike = np.corrcoef(drawn[mask][:, 1], photo[mask][:, 1])[0, 1]
    if upside_down:
        assert alike < 0.7
    else:
        assert np.median(difference) <= 4
        assert alike > 0.98


@pytest.fixture(scope="module")
def film(face):
    """The person moving: another turn, place and expression in every frame, and one frame without."""
    numbers = np.random.default_rng(5)
    faces = []
    for k in range(len(TIMES_S)):
        rotation = matrix_from_angles(yaw=0.3 * k - 0.5, pitch=0.1 * k, roll=-0.05 * k)
        camera = WeakPerspective(rotation, 1.0 + 0.1 * k, np.array([200.0 + 50 * k, 300 - 30 * k, 0]))
        faces.append(
            type(face).from_coefficients(
                face.model,
                face.identity,
                numbers.uniform(0, 0.8, 53).astype(np.float32),
                camera=camera,
                crop_box=face.crop_box,
                detection=face.detection,
            )
        )
    faces[GAP] = None
    return faces


@pytest.fixture(scope="module")
def film_file(folder, film, texture_rgb):
    export_glb_animation(
        film, TIMES_S, folder / "film.glb", size_hw=SIZE_HW, texture_rgb=texture_rgb, targets="all"
    )


@pytest.fixture
def playing(film_file, browser):
    return browser.evaluate("three.open('film.glb')")


def test_the_clip_shows_every_frames_weights_turn_and_place(playing, browser, film):
    [clip] = playing["clips"]
    assert clip["name"] == "motion"
    assert clip["duration"] == pytest.approx(TIMES_S[-1])
    assert playing["hasTexture"]
    for time_s, face in zip(TIMES_S, film, strict=True):
        shown = browser.evaluate(f"three.at({time_s})")
        if face is None:
            assert shown["scale"] == [0, 0, 0]
            continue
        turn, place = gltf_head(face.pose, SIZE_HW)
        assert shown["scale"] == [1, 1, 1]
        np.testing.assert_allclose(shown["weights"], face.expression, atol=1e-5)
        assert abs(np.dot(shown["quaternion"], turn)) == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(shown["position"], place, atol=1e-5)


def test_between_two_frames_the_clip_is_half_way(playing, browser, film):
    shown = browser.evaluate(f"three.at({(TIMES_S[0] + TIMES_S[1]) / 2})")
    np.testing.assert_allclose(shown["weights"], (film[0].expression + film[1].expression) / 2, atol=1e-5)


def test_the_files_camera_sees_the_face_where_the_film_has_it(playing, browser, film):
    """Near the head's origin a perspective camera and the photo's parallel one agree; far from it hardly."""
    height, width = SIZE_HW
    for time_s, face in [(TIMES_S[1], film[1]), (TIMES_S[4], film[4])]:
        browser.evaluate(f"three.at({time_s})")
        projected = np.array(browser.evaluate("three.seenByCamera(three.points())"))
        pixels = (projected[:, :2] * [1, -1] + 1) / 2 * [width, height]
        away = from_nearest(pixels, face.vertices_image[:, :2]) / face.pose.scale
        assert np.median(away) < 15  # mm, of a head of 240 at 0.6 m and more


def test_nothing_went_wrong_unseen(browser):
    assert browser.problems() == []
