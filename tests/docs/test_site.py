"""The site builds without a warning, and is whole: nothing on its pages is fetched from elsewhere."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pytest

import lineament
from shared import ROOT

# Sphinx imports urllib3, which opens a socket to see whether there is IPv6. So sockets are allowed here, but
# neither to ask for an address nor to connect.
BUILD = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise RuntimeError(f"the network is asked: {event} {arguments}")
sys.addaudithook(refuse)
from sphinx.cmd.build import main
sys.exit(main(sys.argv[1:]))
"""
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc="([^"]*)"|<link\b[^>]*?\bhref="([^"]*)"|url\(([^)]*)\)|@import\s+([^;]*)"""
)


def build(source, target):
    for module in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'lineament[docs]'")
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", f"{target}.trees"]
    return subprocess.run(
        [sys.executable, "-c", BUILD, *options, str(source), str(target)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = build(ROOT / "docs", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site):
    pages = list((ROOT / "docs").rglob("*.md"))
    assert len(pages) > 15
    for page in pages:
        built = site / page.relative_to(ROOT / "docs").with_suffix(".html")
        assert "<h1>" in built.read_text(encoding="utf-8"), built


def test_nothing_is_fetched_from_elsewhere(site):
    checked = 0
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        for found in LOADED.finditer(path.read_text(encoding="utf-8")):
            address = next(group for group in found.groups() if group is not None).strip("'\" ")
            checked += 1
            assert not re.match(r"(https?:)?//", address), f"{path.name} loads {address}"
    assert checked > 100


def test_the_search_index_is_a_script_because_files_may_not_fetch(site):
    assert (site / "searchindex.js").read_text(encoding="utf-8").startswith("Search.setIndex(")


@pytest.mark.parametrize("module", ["lineament", "lineament.draw", "lineament.export", "lineament.video"])
def test_every_public_name_is_described(site, module):
    described = set(re.findall(r'id="lineament\.([\w.]+)"', (site / "api.html").read_text(encoding="utf-8")))
    last_parts = {name.split(".")[-1] for name in described}
    names = [name for name in importlib.import_module(module).__all__ if not name.startswith("__")]
    assert names
    missed = sorted(set(names) - last_parts)
    assert not missed, f"docs/api.md leaves out {', '.join(missed)} of {module}"


def test_no_section_of_a_docstring_is_left_as_text(site):
    text = re.sub(r"<[^>]+>", "", (site / "api.html").read_text(encoding="utf-8"))
    assert "Args:" not in text
    assert "Attributes:" not in text
    assert lineament.__version__ in text


def one_page(folder, text):
    """A site of one page, with our settings."""
    folder.mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    shutil.copytree(ROOT / "docs" / "site", folder / "site")
    (folder / "index.md").write_text(text)
    return build(folder, folder / "built")


def test_dead_links_stop_the_build(tmp_path):
    whole = one_page(tmp_path / "whole", "# Page\n\n[a](#page) and [a folder](site)\n")
    assert whole.returncode == 0, whole.stderr
    dead = "# Page\n\n[a](page.md)\n[b](index.md#heading)\n![c](picture.jpg)\n[d](#elsewhere)\n"
    done = one_page(tmp_path / "dead", dead)
    assert done.returncode != 0
    for target in ("page.md", "heading", "picture.jpg", "elsewhere"):
        assert target in done.stderr
