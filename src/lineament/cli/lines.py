"""How commands say a line: one line whatever names of files are in it, whatever the terminal can show."""

from __future__ import annotations

import re
import sys
from typing import TextIO

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # what a terminal obeys, and ends of lines


def one_line(text: str) -> str:
    """A text, names of files in it as they are, without what would end its line or steer the terminal."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def write_line(line: str, stream: TextIO) -> None:
    """Write a line to a stream, which may keep it for a while; unlike `typer.echo`, above a progress bar."""
    encoding = stream.encoding or "utf-8"  # a file's name may hold what the terminal cannot show
    stream.write(one_line(line).encode(encoding, errors="replace").decode(encoding) + "\n")


def say(line: str, *, error: bool = False) -> None:
    """Print a line at once, also into a pipe."""
    stream = sys.stderr if error else sys.stdout
    write_line(line, stream)
    stream.flush()
