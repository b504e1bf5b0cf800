"""Makes docs/tour.ipynb of docs/tour.md, so that tour and notebook never say different things.

python -m scripts.docs.tour_notebook            # a test holds the two together
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
FIRST_CELL = """\
import os

if not os.path.isdir("demo"):
    os.chdir("..")  # the notebook lies in docs, the photographs in demo"""
COMMENT = re.compile(r"<!--.*?-->\n", re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
OUTPUT = re.compile(r"^<!-- output -->\n+```text\n.*?^```\n", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Write the notebook beside the page."""
    path = DOCS / "tour.ipynb"
    path.write_text(notebook_text((DOCS / "tour.md").read_text(encoding="utf-8")), encoding="utf-8")
    print(path)


def notebook_text(page: str) -> str:
    """The page as a notebook without outputs: its Python in cells, all else as text.

    What Python blocks print is left out, since running them prints it.
    """
    cells: list[dict[str, Any]] = []
    for number, part in enumerate(PYTHON.split(page)):
        if number % 2:
            cells.append({"cell_type": "code", "execution_count": None, "outputs": [], "source": part})
        else:
            printed = OUTPUT.match(part.lstrip()) if number else None
            text = COMMENT.sub("", part.lstrip()[printed.end() :] if printed else part).strip()
            if text:
                cells.append({"cell_type": "markdown", "source": text})
        if number == 0:
            cells.append({"cell_type": "code", "execution_count": None, "outputs": [], "source": FIRST_CELL})
    document = {
        "cells": [
            {
                **cell,
                "id": f"cell-{number}",
                "metadata": {},
                "source": cell["source"].strip().splitlines(True),
            }
            for number, cell in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
