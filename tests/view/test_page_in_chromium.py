"""The page as a person has it, in Chromium: photographs in, numbers, sliders, keys, files and errors out.

Skipped where Chromium is not installed (Debian: `apt-get install chromium`); the numbers and files are then
still held by ``test_page_in_node``.
"""

import io
import json
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lineament as la
from lineament.export import FaceTexturer
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
    for _ in range(600):
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


def test_the_files_are_downloaded_under_pythons_names(page, face):
    for name in ("json", "obj", "glb"):
        page.evaluate(f"document.getElementById('save-{name}').click()")
    content = json.loads(downloaded(page, "hopper.json").read_text())
    assert content["photo"] == {"file": "hopper.jpg", "width": 512, "height": 600}
    assert np.abs(np.array(content["faces"][0]["landmarks_image"]) - face.landmarks_image).max() < 1
    assert downloaded(page, "hopper_face0.obj").read_text().count("\nf ") == len(face.triangles)
    glb = downloaded(page, "hopper_face0.glb").read_bytes()
    assert glb[:4] == b"glTF"
    assert b'"image/jpeg"' in glb


def test_the_texture_of_a_glb_file_is_pythons(page, face):
    page.evaluate("document.getElementById('save-glb').click()")
    texture = texture_of(downloaded(page, "hopper_face0.glb"))
    photo = la.read_image(PHOTOS / "hopper.jpg")
    expected = FaceTexturer(face.mesh, size=len(texture))(photo, face).colors_rgb
    # The page's landmarks are some hundredths of a px elsewhere, and the file is a JPEG.
    assert np.abs(texture.astype(int) - expected).mean() < 2


def texture_of(path):
    """(S, S, 3) of the first picture of a GLB file."""
    content = path.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + length])
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    start = 20 + length + 8 + view["byteOffset"]
    return np.asarray(Image.open(io.BytesIO(content[start : start + view["byteLength"]])))


def test_the_picture_is_downloaded_at_the_photographs_size_with_what_is_shown(page):
    page.evaluate("document.getElementById('save-picture').click()")
    picture = Image.open(downloaded(page, "hopper_overlay.png")).convert("RGB")
    photo = la.read_image(PHOTOS / "hopper.jpg")
    difference = np.abs(np.asarray(picture).astype(int) - photo).max(axis=2)
    assert difference.shape == (600, 512)
    left, top, right, bottom = page.evaluate("lineament.panel.face.aligned.detection.box").copy()
    assert np.median(difference[int(top) : int(bottom), int(left) : int(right)]) > 20
    assert np.median(difference[:100]) < 3  # of colours that go through the graphics card


def test_hidden_landmarks_are_drawn_as_rings(page):
    color = """(async (visibility) => {
        const { stage } = lineament;
        const dots = stage.views[0].dots;
        const seen = dots.object.geometry.attributes.visibility;
        const before = Float32Array.from(seen.array);
        seen.array.fill(visibility);
        seen.needsUpdate = true;
        const bitmap = await createImageBitmap(await stage.picture(2048, "image/png"));
        seen.array.set(before);
        seen.needsUpdate = true;
        stage.draw();
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
        context.drawImage(bitmap, 0, 0);
        const [x, y] = lineament.panel.face.found.landmarks.subarray(30 * 3);
        return [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data.slice(0, 3)];
    })"""
    red, green, blue = page.evaluate(f"{color}(1)")  # the tip of the nose
    assert min(red, green) > blue + 60  # yellow
    red, green, blue = page.evaluate(f"{color}(0)")
    assert blue >= red  # the clay around it


def test_networks_have_the_names_that_they_have_everywhere(page):
    names = page.evaluate("[...document.getElementById('method').options].map((option) => option.value)")
    assert names == ["default", "fast", "open"]


def test_another_network_aligns_the_photograph_again_and_only_then(page):
    choose = """(async (name) => {
        const method = document.getElementById('method');
        method.value = name;
        method.dispatchEvent(new Event('change'));
        await lineament.queue;
        return [lineament.album.shown.method, document.getElementById('status').textContent];
    })"""
    before = page.evaluate("(window.before = lineament.panel.face, before.found.landmarks[0])")
    method, said = page.evaluate(f"{choose}('open')")
    assert method == "open"
    assert re.fullmatch(r"1 face in hopper.jpg \(512 x 600 px\), network open, \d+ ms", said)
    assert page.evaluate("lineament.panel.face.found.landmarks[0]") != before
    assert page.evaluate("document.getElementById('facts').textContent").startswith("Networkopen")
    page.evaluate(f"{choose}('fast')")
    assert page.evaluate("lineament.panel.face.found.landmarks[0]") == before
    assert page.evaluate(
        """(async () => {
        const known = lineament.panel.face;
        document.querySelector('#photos button').click();
        await lineament.queue;
        return known === lineament.panel.face;
        })()"""
    )
    assert page.evaluate("document.querySelectorAll('#photos button').length") == 1


def test_several_faces_are_numbered_from_zero_and_the_chosen_one_is_marked(page):
    found = page.evaluate(
        """(async () => {
        const { panel, stage } = lineament;
        const { photo, faces, method } = panel;
        const corners = () => stage.views.map((view) => view.mark?.corners.object.visible);
        const single = corners();
        lineament.show(photo, [faces[0], faces[0]], method);
        const first = corners();
        document.querySelectorAll('#faces button')[1].click();
        const second = corners();
        const texts = [...document.querySelectorAll('#faces button')].map((button) => button.textContent);
        const plates = stage.views.map((view) => view.mark.text);
        lineament.show(photo, faces, method);
        return { single, first, second, texts, plates };
        })()"""
    )
    assert found["single"] == [None]
    assert (found["first"], found["second"]) == ([True, False], [False, True])
    assert found["texts"] == ["Face 0", "Face 1"]
    assert found["plates"] == ["0", "1"]


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


def test_what_the_camera_does_is_said_and_its_picture_is_kept(page):
    photos = page.evaluate("document.querySelectorAll('#photos button').length")
    page.evaluate("document.getElementById('camera').click()")
    assert page.evaluate(f"{STATUS}.textContent").startswith("Waiting for the camera")
    page.wait_for("/ pictures a second, \\d+ ms each$/.test(document.getElementById('pace').textContent)")
    assert page.evaluate(f"{STATUS}.textContent").startswith("No face before the camera")
    assert page.evaluate("document.getElementById('camera').textContent") == "Stop and keep picture"
    page.evaluate("document.getElementById('camera').click()")
    page.wait_for(f"/^No face found in camera-1.png/.test({STATUS}.textContent)")
    assert page.evaluate("!lineament.live.camera.running && lineament.live.camera.video.srcObject === null")
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"
    assert page.evaluate("document.getElementById('pace').textContent") == ""
    assert page.evaluate("document.querySelectorAll('#photos button').length") == photos + 1
    assert page.evaluate("document.querySelector('#photos button:last-child').ariaPressed") == "true"
    assert page.evaluate("lineament.stage.photo.width") == 640


def test_a_camera_that_is_stopped_before_it_runs_stays_off(page):
    page.evaluate("{ const button = document.getElementById('camera'); button.click(); button.click(); }")
    page.evaluate("new Promise((done) => setTimeout(done, 1000))")
    assert page.evaluate("!lineament.live.camera.running && lineament.live.camera.video.srcObject === null")
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"
    assert page.evaluate(f"{STATUS}.textContent") == "The camera is off."


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("NotAllowedError", "The camera was not allowed"),
        ("NotFoundError", "No camera was found"),
        ("NotReadableError", "used by another program"),
    ],
)
def test_a_camera_that_cannot_be_had_is_said(page, problem, said):
    page.evaluate(
        f"""(async () => {{
        const real = navigator.mediaDevices.getUserMedia;
        navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{problem}'); }};
        document.getElementById('camera').click();
        await new Promise((done) => setTimeout(done, 50));
        navigator.mediaDevices.getUserMedia = real;
        }})()"""
    )
    assert said in page.evaluate(f"{STATUS}.textContent")
    assert page.evaluate(f"{STATUS}.classList.contains('error')")
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"


def test_a_camera_that_is_taken_away_or_sends_nothing_is_said(page):
    page.evaluate("document.getElementById('camera').click()")
    page.wait_for("!!document.getElementById('pace').textContent")
    page.evaluate(
        "Object.defineProperty(lineament.live.camera, 'isMute', { value: true, configurable: true })"
    )
    page.wait_for(f"/sends no pictures/.test({STATUS}.textContent)")
    page.evaluate("delete lineament.live.camera.isMute")
    page.wait_for(f"/^No face before the camera/.test({STATUS}.textContent)")
    page.evaluate("lineament.live.camera.video.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert page.evaluate(f"{STATUS}.textContent") == "The camera was taken away."
    assert page.evaluate("document.getElementById('camera').textContent") == "Use the camera"


def test_the_example_is_aligned(page):
    page.evaluate("document.getElementById('example').click()")
    page.wait_for(f"/^1 face in astronaut.jpg/.test({STATUS}.textContent)")


def test_the_next_picture_of_a_film_keeps_what_is_chosen(page):
    kept = page.evaluate(
        """(async () => {
        const { stage, panel } = lineament;
        const photos = document.querySelectorAll('#photos button');
        photos[0].click();
        await lineament.queue;
        const { photo, faces } = panel;
        lineament.show(photo, [faces[0], faces[0]], 'fast');
        panel.choose(1);
        stage.zoomBy(2);
        stage.turn(0.3, 0);
        const button = document.querySelectorAll('#faces button')[1];
        const turn = stage.views[1].group.quaternion.y;
        button.focus();
        lineament.show(photo, [faces[0], faces[0]], 'fast', true);
        const same = [stage.chosen, stage.zoom, stage.views[1].group.quaternion.y === turn,
            document.activeElement === button];
        lineament.show(photo, faces, 'fast');
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
