"""How Sphinx makes the site (``make docs``): plain files that fetch nothing from anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lineament.version import __version__

project = "lineament"
author = "the developers of lineament"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"lineament {version}"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["site"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}

myst_heading_anchors = 3
# Code blocks are checked by running them; a highlighter that stumbles over one is no reason to stop.
suppress_warnings = ["misc.highlighting_failure"]

# API pages come from the docstrings: Google's sections, `code` in single backticks.
default_role = "code"
ALIASES = ("Array", "ArrayLike", "ImageSource", "IndexArray", "IntArray", "Photo", "Picture")
SPELT_OUT = re.compile(r"[\w.~]*ndarray\[tuple\[[\w.~]*Any, \.\.\.\], [\w.~]*dtype\[(?:[\w~]*\.)?~?(\w+)\]\]")
autodoc_type_aliases = {name: name for name in ALIASES}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autoclass_content = "class"
add_module_names = False
napoleon_use_ivar = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True


def setup(app: Any) -> None:  # noqa: ANN401 - Sphinx's own type would need Sphinx to check this file
    """Look at docstrings before napoleon does, and at pages before the parser."""
    app.connect("autodoc-process-docstring", keep_first_line, priority=100)
    app.connect("autodoc-process-signature", with_plain_aliases)
    app.connect("source-read", without_folders)


def with_plain_aliases(
    app: object,
    what: str,
    name: str,
    value: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Say the names of types as the code does, where Sphinx spells out what stands behind them."""

    def plain(text: str | None) -> str | None:
        text = text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)
        return text and SPELT_OUT.sub(r"NDArray[\1]", text)

    return plain(signature), plain(returned)


def without_folders(app: Any, page: str, source: list[str]) -> None:  # noqa: ANN401
    """Leave the words alone of links to folders, which a repository lists and a site does not."""
    here = Path(app.env.doc2path(page)).parent

    def words(link: re.Match[str]) -> str:
        return link[1] if (here / link[2]).is_dir() else link[0]

    source[0] = re.sub(r"\[([^\]]+)\]\(([\w./-]+)\)", words, source[0])


def keep_first_line(
    app: object, what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    """Break a property's first line behind its colon: napoleon would take what is before it for a type."""
    if what in ("attribute", "property") and lines and ": " in lines[0]:
        before, after = lines[0].split(": ", 1)
        lines[:1] = [f"{before}:", after]
