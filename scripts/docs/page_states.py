"""Pictures of what the page of `lineament view` shows, on two screens, to be looked at.

    python -m scripts.docs.page_states --out states [--photos PHOTO ...] [--film FILM]

Photographs of several faces and of turned heads, and a film for the camera, show states that the demo's have
not. Needs Chromium; the film needs ffmpeg.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lineament as la
from lineament.view import PageServer, write_folder
from scripts.chromium import Chromium, find_chromium

SCREENS = {"desktop": (1280, 800, False), "phone": (390, 844, True)}
"""Width and height in CSS px, and whether it is touched."""
PIXEL_RATIO = 2
GROUPS = ("start", "example", "several", "problems", "camera")
STATUS = "document.getElementById('status')"
SETTLED = f"/ ms$/.test({STATUS}.textContent) || {STATUS}.classList.contains('error')"
DENIED = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }"
)
ASKING = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"


@dataclass(frozen=True)
class States:
    """Brings a page into its states, one after another, and takes its picture in each."""

    page: Chromium
    out: Path
    photos: Sequence[Path]
    has_film: bool

    def take(self, name: str) -> None:
        """One picture a screen, of all that can be scrolled to."""
        for screen, (width, height, mobile) in SCREENS.items():
            self.page.set_size(width, height, mobile=mobile, pixel_ratio=PIXEL_RATIO)
            self.page.evaluate("new Promise((done) => setTimeout(done, 300))")
            self.page.screenshot(self.out / f"{name}_{screen}.png")
            if screen == "phone":
                self.page.evaluate("window.scrollTo(0, 1e6)")
                self.page.evaluate("new Promise((done) => setTimeout(done, 300))")
                self.page.screenshot(self.out / f"{name}_{screen}_below.png")
                self.page.evaluate("window.scrollTo(0, 0)")

    def click(self, selector: str) -> None:
        """Press a control."""
        self.page.evaluate(f"document.querySelector({selector!r}).click()")

    def open(self, *paths: Path) -> None:
        """Align photographs."""
        self.page.evaluate(f"{STATUS}.textContent = ''")
        self.page.choose_files("#files", *paths)
        self.page.wait_for(SETTLED, 240)
        self.page.evaluate("lineament.queue")

    def start(self) -> None:
        """Nothing yet."""
        self.take("1_start")

    def example(self) -> None:
        """The example, and how one face can be shown."""
        self.click("#example")
        self.page.wait_for(SETTLED, 240)
        self.take("2_example")
        self.looks()

    def several(self) -> None:
        """The photographs that were given: the first and the last face chosen."""
        for number, photo in enumerate(self.photos):
            self.open(photo)
            self.take(f"4_photo{number}")
            self.click("#faces button:last-child")
            self.take(f"4_photo{number}_last")

    def problems(self) -> None:
        """No photograph, and no face."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "notes.jpg").write_text("no picture")
            la.write_image(folder / "grey.png", np.full((200, 300, 3), 128, np.uint8))
            for file in ("notes.jpg", "grey.png"):
                self.open(folder / file)
                self.take(f"5_{file.partition('.')[0]}")

    def looks(self) -> None:
        """Of one face: other surfaces, layers, an expression."""
        for box in ("axes", "box", "wireframe"):
            self.click(f"#layers [value={box}]")
        self.click("#surface [value=visibility]")
        self.take("3_layers")
        for box in ("axes", "box", "wireframe"):
            self.click(f"#layers [value={box}]")
        self.click("#surface [value=photo]")
        self.page.evaluate("lineament.stage.turn(0.6, 0.1)")
        self.take("3_turned")
        self.click("#surface [value=shaded]")
        self.click("#reset-view")
        self.page.evaluate("document.querySelectorAll('details')[1].open = true")
        self.take("3_expression")
        self.page.evaluate("document.querySelectorAll('details')[1].open = false")

    def camera(self) -> None:
        """Refused, waiting, running, kept."""
        self.page.evaluate(
            "window.realCamera = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)"
        )
        for name, stand_in in (("refused", DENIED), ("asking", ASKING)):
            self.page.evaluate(stand_in)
            self.click("#camera")
            self.take(f"6_camera_{name}")
        self.click("#camera")
        self.page.evaluate("navigator.mediaDevices.getUserMedia = window.realCamera")
        self.click("#camera")
        self.page.wait_for("!!document.getElementById('pace').textContent", 120)
        self.take("6_camera_runs" if self.has_film else "6_camera_without_face")
        self.click("#camera")
        self.page.wait_for(SETTLED, 120)
        self.take("6_camera_kept")


def camera_switches(film: Path | None, folder: Path) -> list[str]:
    """Chromium's camera shows a film, over and over."""
    if film is None:
        return []
    target = folder / "camera.mjpeg"
    command = ["ffmpeg", "-v", "error", "-y", "-t", "2", "-i", str(film), "-vf", "scale=640:-2"]
    subprocess.run([*command, "-q:v", "3", str(target)], check=True)
    return [f"--use-file-for-fake-video-capture={target}"]


def with_page(
    states: Callable[[Chromium], None], switches: Sequence[str], folder: Path, weights: str
) -> None:
    """Serve the page that begins with these weights, open it, and do something with it.

    Raises:
        SystemExit: Chromium is not installed.
    """
    executable = find_chromium()
    if executable is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    with PageServer(write_folder(folder / "site", weights=weights)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Chromium(executable, folder / "profile", switches=switches) as page:
            page.open(server.url)
            page.wait_for("!!window.lineament")
            states(page)
        server.shutdown()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    parser.add_argument("--film", type=Path)
    parser.add_argument("--weights", default="default", help="that the page begins with")
    parser.add_argument("--only", choices=GROUPS, nargs="*", default=GROUPS)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        switches = camera_switches(given.film, folder)

        def all_states(page: Chromium) -> None:
            states = States(page, given.out, given.photos, given.film is not None)
            for group in given.only:
                getattr(states, group)()

        with_page(all_states, switches, folder, given.weights)


if __name__ == "__main__":
    main()
