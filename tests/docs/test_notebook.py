"""The notebook is the tour, and runs from top to bottom as Jupyter would run it."""

import importlib.util
import json

import pytest

from scripts.docs.tour_notebook import notebook_text
from shared import ROOT
from test_offline import run_offline

NOTEBOOK = ROOT / "docs" / "tour.ipynb"
RUN = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
os.chdir(sys.argv[2])
shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
shown = []
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        done = shell.run_cell("".join(cell["source"]))
        done.raise_error()
        if done.result is not None:
            formats, _ = shell.display_formatter.format(done.result)
            shown.append({"cell": cell["id"], **formats})
json.dump(shown, open("shown.json", "w"))
"""


def test_the_notebook_says_what_the_tour_says():
    page = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    assert NOTEBOOK.read_text(encoding="utf-8") == notebook_text(page), (
        "run `python -m scripts.docs.tour_notebook`"
    )


def test_cells_are_python_or_text_and_hold_no_outputs():
    page = "# A\n\n```sh\nls\n```\n\n<!-- output -->\n```text\na\n```\n\n```python\nx = 1\nx\n```\n\n"
    page += "<!-- output -->\n```text\n1\n```\n\nThe end.\n"
    cells = json.loads(notebook_text(page))["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code", "markdown"]
    text = ["".join(cell["source"]) for cell in cells]
    assert text[0] == "# A\n\n```sh\nls\n```\n\n```text\na\n```"
    assert text[2:] == ["x = 1\nx", "The end."]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the cells show of their last lines, by MIME type."""
    if importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed: pip install ipython")
    desk = tmp_path_factory.mktemp("desk")
    (desk / "docs").mkdir()
    (desk / "demo").mkdir()
    (desk / "demo" / "photos").symlink_to(ROOT / "demo" / "photos")
    done = run_offline(RUN, str(NOTEBOOK), str(desk / "docs"))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((desk / "shown.json").read_text(encoding="utf-8"))


def test_the_faces_show_themselves_on_their_photo(shown):
    faces, face = shown
    assert faces["text/html"].count("<img") == 1
    assert "data:image/jpeg" in faces["text/html"]
    assert "strongest expressions" in faces["text/html"]
    assert face["text/html"].count("<img") == 1
    assert "9,163 vertices, 68 landmarks" in face["text/html"]


def test_what_is_shown_is_small(shown):
    assert sum(len(text) for formats in shown for text in formats.values()) < 300_000
