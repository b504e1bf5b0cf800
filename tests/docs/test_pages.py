"""What the pages tell a reader to do works as it stands, without a network."""

import importlib.util
import shutil

import numpy as np
import pytest

from faces import egg_face
from pages import KNOWN_MARKS, blocks_of, marks_of
from shared import ROOT, shared_path
from test_offline import pytestmark, run_offline  # noqa: F401 - no Linux, no filter, no test

DOCS = ROOT / "docs"
TASKS = [DOCS / "tour.md", *sorted((DOCS / "tasks").glob("*.md"))]
RUN = """
import os, pages, sys
from pathlib import Path
os.chdir(sys.argv[1])
pages.run_page(Path(sys.argv[2]))
"""
PAGES = [ROOT / "README.md", *TASKS, *sorted(DOCS.glob("*.md"))]


def names(paths):
    return [path.relative_to(ROOT).as_posix() for path in paths]


@pytest.fixture
def desk(tmp_path):
    """A folder like a reader's: the demo photographs where the pages say they are."""
    shutil.copytree(ROOT / "demo" / "photos", tmp_path / "demo" / "photos")
    return tmp_path


@pytest.mark.parametrize("page", TASKS, ids=names(TASKS))
def test_every_block_of_a_page_runs(page, desk):
    for module in " ".join(marks_of(page, "needs")).split():
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: make test installs it")
    for given in marks_of(page, "shared"):
        path, name = given.split(" as ")
        (desk / name).symlink_to(shared_path(path))
    done = run_page_offline(page, desk)
    assert done.returncode == 0, done.stderr[-3000:]


def run_page_offline(page, desk):
    return run_offline(RUN, str(desk), str(page), timeout=900)


@pytest.mark.parametrize("page", TASKS, ids=names(TASKS))
def test_what_is_not_run_says_why(page):
    for block in blocks_of(page):
        assert block.mark in ("", *KNOWN_MARKS), f"line {block.line}: unknown mark {block.mark!r}"
        assert block.mark != "not run" or len(block.about) > 10, f"line {block.line}: say why"


def test_a_page_that_lies_fails(tmp_path):
    for page in (
        "```python\n1 / 0\n```\n",
        "```sh\nfalse\n```\n",
        "```python\nprint(2)\n```\n\n<!-- output -->\n```text\n3\n```\n",
        "```python\nimport socket; socket.socket()\n```\n",
    ):
        (tmp_path / "page.md").write_text(page)
        assert run_page_offline(tmp_path / "page.md", tmp_path).returncode != 0


def test_a_page_runs_in_order_with_its_files_and_without_what_is_marked(tmp_path):
    (tmp_path / "page.md").write_text(
        "```toml\n# a.toml\nx = 1\n```\n```python\ny = open('a.toml').read()\nprint(y)\n```\n"
        "<!-- output -->\n```text\nx = 1\n```\n<!-- not run: it would raise -->\n```python\n1 / 0\n```\n"
        "```python\nassert y\nopen('done', 'w')\n```\n"
    )
    done = run_page_offline(tmp_path / "page.md", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_the_python_of_every_page_is_python(page):
    for block in blocks_of(page):
        if block.language == "python":
            compile(block.code, f"{page.name}, line {block.line}", "exec")


def test_the_readmes_python_runs(desk):
    shutil.copy(ROOT / "demo" / "photos" / "astronaut.jpg", desk / "photo.jpg")
    (block,) = [block for block in blocks_of(ROOT / "README.md") if block.language == "python"]
    page = desk / "readme.md"
    page.write_text(f"```python\n{block.code}```\n")
    done = run_page_offline(page, desk)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (desk / "overlay.png").exists()
    assert (desk / "face0.obj").exists()


def test_the_page_on_head_pose_undoes_perspective():
    """Its function, on a head at the right edge that is turned as its line of sight."""
    (code,) = [
        block.code
        for block in blocks_of(DOCS / "tasks" / "head_pose.md")
        if "def rotation_in_camera" in block.code
    ]
    namespace = {"np": np}
    exec(code.split("seen = ")[0], namespace)  # noqa: S102 - our own page
    focal_px, size_hw = 500.0, (400, 800)
    for x in (100.0, 400.0, 760.0):
        aside = np.arctan2(x - 400, focal_px)
        face = egg_face(center_xy=(x, 200.0), scale=1e-3, yaw=aside)  # so small that it is one point
        straight = namespace["rotation_in_camera"](face, size_hw=size_hw, focal_px=focal_px)
        np.testing.assert_allclose(straight, np.eye(3), atol=1e-3)
