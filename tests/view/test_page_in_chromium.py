"""The page as a person has it, in Chromium: photographs in, numbers, sliders, keys, files and errors out.

Skipped where Chromium is not installed (Debian: `apt-get install chromium`); the numbers and files are then
still held by ``test_page_in_node``.
"""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import lineament as la
from lineament.view import PageServer
from scripts.chromium import Chromium, find_chromium

PHOTOS = Path(__file__).parents[2] / "demo" / "photos"
STATUS = "document.getElementById('status')"


@pytest.fixture(scope="module")
def served(page_folder):
    if find_chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with PageServer(page_folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(served, tmp_path_factory):
    """The page with Hopper's photograph aligned by the fast network."""
    with Chromium(find_chromium(), tmp_path_factory.mktemp("profile")) as browser:
        downloads = tmp_path_factory.mktemp("downloads")
        browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        browser.downloads = downloads
        browser.open(served.url)
        browser.wait_for("!!window.lineament")
        browser.evaluate("document.getElementById('method').value = 'fast'")
        browser.choose_files("#files", PHOTOS / "hopper.jpg")
        browser.wait_for(f"/ ms$/.test({STATUS}.textContent) || {STATUS}.classList.contains('error')")
        yield browser


@pytest.fixture(scope="module")
def face():
    (face,) = la.FaceAligner.from_pretrained("fast", threads=1)(PHOTOS / "hopper.jpg")
    return face


def downloaded(page, name):
    path = page.downloads / name
    for _ in range(100):
        if path.is_file() and path.stat().st_size:
            return path
        time.sleep(0.1)
    raise AssertionError(f"{name} was not downloaded; {page.problems()}")


def test_landmarks_equal_pythons_within_a_pixel(page, face):
    assert page.evaluate(f"{STATUS}.textContent").startswith("1 face in hopper.jpg (512 x 600 px)")
    landmarks = page.evaluate("Array.from(lineament.panel.face.found.landmarks)")
    assert np.abs(np.reshape(landmarks, (-1, 3)) - face.landmarks_image).max() < 1


def test_the_page_asks_nobody_but_its_own_server(page, served):
    asked = [address for address in page.addresses() if not address.startswith(("data:", "blob:"))]
    assert asked
    assert all(address.startswith(served.url) for address in asked)
    refused = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"


def test_the_mesh_is_drawn_where_the_face_is_and_turns_with_the_keys(page):
    def picture():
        return page.evaluate("document.getElementById('stage').toDataURL()")

    before = picture()
    page.evaluate("document.getElementById('stage').focus()")
    page.press("ArrowRight", 39)
    rotated = picture()
    page.press("0", 48)
    assert rotated != before
    assert picture() == before
    assert (
        page.evaluate(
            """(() => { const box = document.getElementById('stage').getBoundingClientRect();
        return lineament.stage.faceAt(box.width / 2, box.height / 2.4); })()"""
        )
        == 0
    )
    assert page.evaluate("lineament.stage.faceAt(5, 5)") == -1


def test_a_slider_moves_the_mesh_and_the_photographs_expression_comes_back(page):
    move = """(() => { const slider = document.querySelector('#sliders input[name=jawOpen]');
        slider.value = 1; slider.dispatchEvent(new Event('input', {bubbles: true}));
        return lineament.panel.face.shape().landmarks[8 * 3 + 1]; })()"""
    chin = page.evaluate("lineament.panel.face.found.landmarks[8 * 3 + 1]")
    assert page.evaluate(move) > chin + 10  # px of the photo, down
    page.evaluate("document.getElementById('as-found').click()")
    assert page.evaluate("lineament.panel.face.shape().landmarks[8 * 3 + 1]") == pytest.approx(chin)


def test_the_three_files_are_downloaded(page, face):
    for name in ("json", "obj", "glb"):
        page.evaluate(f"document.getElementById('save-{name}').click()")
    content = json.loads(downloaded(page, "hopper.json").read_text())
    assert content["photo"] == {"file": "hopper.jpg", "width": 512, "height": 600}
    assert np.abs(np.array(content["faces"][0]["landmarks_image"]) - face.landmarks_image).max() < 1
    assert downloaded(page, "hopper.obj").read_text().count("\nf ") == len(face.triangles)
    glb = downloaded(page, "hopper.glb").read_bytes()
    assert glb[:4] == b"glTF"
    assert b'"image/jpeg"' in glb


def test_every_control_can_be_reached_with_the_tab_key_and_has_a_name(page):
    names = page.evaluate(
        """[...document.querySelectorAll('button, input, select, summary, #stage')].map((control) => [
        control.tabIndex,
        control.textContent.trim() || control.getAttribute('aria-label')
        || [...control.labels ?? []].map((label) => label.textContent.trim()).join()
        || control.querySelector('img')?.alt,
        control.id || control.name || control.tagName])"""
    )
    assert len(names) > 60
    assert [entry for entry in names if entry[0] < 0 or not entry[1]] == []


def test_a_phones_width_needs_no_sideways_scrolling(page):
    page.set_size(360, 740, mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.call("Emulation.clearDeviceMetricsOverride")


def test_what_is_no_photograph_and_a_picture_without_faces_are_said_plainly(page, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    page.choose_files("#files", tmp_path / "notes.jpg")
    page.wait_for(f"{STATUS}.classList.contains('error')")
    assert "notes.jpg is not a photograph this browser can read" in page.evaluate(f"{STATUS}.textContent")
    la.write_image(tmp_path / "grey.png", np.full((200, 300, 3), 128, np.uint8))
    page.choose_files("#files", tmp_path / "grey.png")
    page.wait_for(f"/^No face found in grey.png/.test({STATUS}.textContent)")
    assert page.evaluate("document.getElementById('panel').hidden")


def test_the_camera_is_followed_and_stopped(page):
    page.evaluate("document.getElementById('camera').click()")
    page.wait_for(f"/a picture$/.test({STATUS}.textContent)")  # Chromium's test picture has no face
    page.evaluate("document.getElementById('camera').click()")
    page.wait_for("!lineament.camera.running && lineament.camera.video.srcObject === null")
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"


def test_a_camera_that_is_stopped_before_it_runs_stays_off(page):
    page.evaluate("{ const button = document.getElementById('camera'); button.click(); button.click(); }")
    page.evaluate("new Promise((done) => setTimeout(done, 1000))")
    assert page.evaluate("!lineament.camera.running && lineament.camera.video.srcObject === null")
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"


def test_the_next_picture_of_a_film_keeps_what_is_chosen(page):
    kept = page.evaluate(
        """(async () => {
        const { stage, panel } = lineament;
        const photos = document.querySelectorAll('#photos button');
        photos[0].click();
        await lineament.queue;
        const { photo, faces } = panel;
        lineament.show(photo, [faces[0], faces[0]]);
        panel.choose(1);
        stage.zoomBy(2);
        stage.turn(0.3, 0);
        const button = document.querySelectorAll('#faces button')[1];
        const turn = stage.views[1].group.quaternion.y;
        button.focus();
        lineament.show(photo, [faces[0], faces[0]], true);
        const same = [stage.chosen, stage.zoom, stage.views[1].group.quaternion.y === turn,
            document.activeElement === button];
        lineament.show(photo, faces);
        return [...same, stage.chosen, stage.zoom];
        })()"""
    )
    assert kept == [1, 2, True, True, 0, 1]


def test_a_worker_that_cannot_start_is_said_at_each_photograph(page):
    said = page.evaluate(
        """(async () => {
        const { AlignClient } = await import('/app/client.js');
        const client = new AlignClient();
        client.worker.onerror({ message: 'no such file' });
        return client.align({}, {}).then(() => 'aligned', (error) => error.message);
        })()"""
    )
    assert said == "The networks cannot run here: no such file. Load the page again."


def test_nothing_went_wrong_unseen(page):
    refused = ("127.0.0.1:9", "Content Security Policy")
    assert [text for text in page.problems() if not any(part in text for part in refused)] == []
