"""What is done already, a line of JSON each: appended as it is done, so that a kill loses what was in hand.

A line that was cut short is dropped when the journal is opened again; a photograph of which there is no line
is not done. Nothing is ever changed in place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from lineament.files import whole_file

SCHEMA = "lineament-journal/1"
KINDS = {"source": str, "size": int, "time_ns": int, "key": str, "target": str, "faces": int}


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A photograph that is done.

    Attributes:
        source: its path as it was given.
        size: bytes of its file.
        time_ns: when it was last changed.
        key: of what else results depend on; see :func:`key_of`.
        target: what the names of its results begin with.
        faces: how many were found.
        files: endings of the names of its results.
        incomplete: whether something that was asked for cannot be made of these faces.
    """

    source: str
    size: int
    time_ns: int
    key: str
    target: str
    faces: int
    files: tuple[str, ...] = ()
    incomplete: bool = False


def key_of(values: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that are the same for the same values, which JSON can hold."""
    text = json.dumps(values, sort_keys=True, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Journal:
    """Entries by source, in a file that grows; one run at a time writes it."""

    def __init__(self, path: Path, *, anew: bool = False) -> None:
        """Read what is there, or begin anew.

        Raises:
            OSError: the file cannot be read or written.
        """
        self.path = path
        self._entries: dict[str, JournalEntry] = {}
        lines = None if anew else self._read()
        for line in lines or ():
            entry = _entry(line)
            if entry is not None:
                self._entries[entry.source] = entry
        if lines is None or len(lines) != len(self._entries):
            self._rewrite()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        os.close(self._file)

    def __len__(self) -> int:
        """How many photographs are done, those of former runs included."""
        return len(self._entries)

    def get(self, source: str) -> JournalEntry | None:
        """The newest entry of a photograph."""
        return self._entries.get(source)

    def add(self, entry: JournalEntry) -> None:
        """Write a photograph down.

        Raises:
            OSError: the disk is full.
        """
        line = _line(entry)
        if os.write(self._file, line) != len(line):
            raise OSError(28, os.strerror(28), str(self.path))
        self._entries[entry.source] = entry

    def _read(self) -> list[bytes] | None:
        """Whole lines after the first, which says what this is; None where there is no such file."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        first, *lines = content.split(b"\n")
        with suppress(Exception):
            if json.loads(first)["schema"] == SCHEMA:
                return lines[:-1] if lines[-1:] == [b""] else [*lines, b""]  # the empty one: write it anew
        return None

    def _rewrite(self) -> None:
        with whole_file(self.path) as temporary:
            head = json.dumps({"schema": SCHEMA}).encode() + b"\n"
            temporary.write_bytes(head + b"".join(_line(entry) for entry in self._entries.values()))


def _line(entry: JournalEntry) -> bytes:
    return json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n"


def _entry(line: bytes) -> JournalEntry | None:
    """What a line says; None where it is cut short or another program's."""
    with suppress(Exception):  # whatever a damaged line holds, its photograph is not done
        values = json.loads(line)
        entry = JournalEntry(**values | {"files": tuple(values["files"])})
        if all(isinstance(getattr(entry, name), kind) for name, kind in KINDS.items()):
            return entry
    return None
