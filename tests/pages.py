"""The code of the docs' pages: found in Markdown, run as a reader would run it, in the order of the page.

Marks are HTML comments, which readers do not see:

    <!-- not run: WHY -->        the next block is left out
    <!-- output -->              the next block is what the one before it prints
    <!-- output: last lines -->  the same, but more may be printed before it
    <!-- needs: MODULE ... -->   the page needs optional packages
    <!-- shared: PATH as NAME -->  the page needs a file of the shared folder, under that name

A TOML or text block whose first line is `# NAME` is a file the reader is to save.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared import film_suffix

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- ([a-z ]+?)(?:: (.*?))? -->\n\Z")
RUN = ("python", "sh")
KNOWN_MARKS = ("not run", "output", "needs", "shared")


@dataclass(frozen=True)
class Block:
    """A fenced block and the mark above it."""

    language: str
    code: str
    line: int  # of its first line, from 1
    mark: str
    about: str  # what the mark says

    @property
    def is_run(self) -> bool:
        return self.language in RUN and self.mark != "not run"


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for found in FENCE.finditer(text):
        above = MARK.search(text[: found.start()])
        mark, about = (above[1], above[2] or "") if above else ("", "")
        line = text.count("\n", 0, found.start()) + 2
        blocks.append(Block(found[1], found[2], line, mark, about))
    return blocks


def marks_of(page: Path, kind: str) -> list[str]:
    """What all marks of a kind on a page say."""
    return re.findall(rf"<!-- {kind}: (.*?) -->", page.read_text(encoding="utf-8"))


def run_page(page: Path) -> None:
    """Run a page's blocks in the present folder; the first that fails, or prints something else, raises."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in blocks_of(page):
        if block.is_run:
            printed = _run(block, page, namespace)
        elif block.mark == "output":
            _compare(block, page, printed)
        elif block.language in ("toml", "text") and block.code.startswith("# "):
            name, _, content = block.code.removeprefix("# ").partition("\n")
            Path(name).write_text(content, encoding="utf-8")


def _run(block: Block, page: Path, namespace: dict[str, object]) -> str:
    where = f"{page.name}, line {block.line}"
    if block.language == "python":
        # Lines as they are numbered in the page, so that a traceback points there.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)  # noqa: S102 - what a reader would do with it
        return out.getvalue()
    script = f"set -euo pipefail\n{block.code}"
    # The commands of this environment, whether or not it is activated.
    beside = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={**os.environ, **beside}
    )
    if done.returncode:
        raise AssertionError(f"{where} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _compare(block: Block, page: Path, printed: str) -> None:
    # Pages show the films of a machine with ffmpeg.
    expected = block.code.strip().replace("_overlay.mp4", f"_overlay{film_suffix()}")
    found = printed.strip()
    same = found.endswith(expected) if block.about == "last lines" else found == expected
    if not same:
        raise AssertionError(f"{page.name}, line {block.line} says\n{expected}\nbut printed was\n{found}")


if __name__ == "__main__":
    run_page(Path(sys.argv[1]))
