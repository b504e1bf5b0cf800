"""A table of many photographs that outlives kills: parts as they come, one file in their order.

Each part is a whole file in ``PATH.parts``, a folder that readers take for one table. Rows say by their
column `source` which photograph they are of, so that the files themselves record what there is: after a kill
at any moment the next run finds its rows in the file of a former run or in parts, and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

from lineament.export.csv_table import CsvKind
from lineament.export.parquet import ParquetKind
from lineament.export.rows import Row
from lineament.files import remove_leftovers, whole_file
from lineament.paths import with_ending

ROWS_AT_ONCE = 1000  # rows of a block
PARTS_EVERY_S = 5.0
"""Rows are on the disk after so long at most, however slowly they come."""


class TableKind(Protocol):
    """A format that tables are written in."""

    suffix: str

    def write(self, rows: Sequence[Row], path: Path) -> None:
        """Write rows as a file of their own."""

    def sources(self, path: Path) -> list[str]:
        """The column `source` of a file, in its order."""

    def merge(
        self, pieces: Iterator[tuple[Path, int, int]], path: Path, rows_at_once: int, like: Row | None = None
    ) -> None:
        """Write rows (file, first, last) of other files as one; without any, the columns of `like` alone."""

    def errors(self, path: Path) -> AbstractContextManager[None]:
        """What goes wrong meanwhile becomes an ExportError."""


KINDS: dict[str, Callable[[], TableKind]] = {"parquet": ParquetKind, "csv": CsvKind}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the rows of a photograph are."""

    path: Path
    first: int
    last: int  # not included


class PartsTable:
    """Rows on their way into a file: waiting, then in a part, then in the file."""

    def __init__(self, path: Path, kind: str, *, rows_at_once: int = ROWS_AT_ONCE) -> None:
        """Find what a former run left.

        Args:
            path: of the file; the folder of its parts is beside it.
            kind: of :data:`KINDS`.
            rows_at_once: rows of a part and of a block.

        Raises:
            ExportError: the package pyarrow is missing, where it is needed.
        """
        self.path = path
        self._folder = with_ending(path, ".parts")
        self._kind = KINDS[kind]()
        self._rows_at_once = rows_at_once
        self._waiting: list[Row] = []
        self._written_s = time.monotonic()
        remove_leftovers(self._folder)
        self._places: dict[str, _Place] = {}
        self._next = 0
        known = self._kind.sources(path)
        self._rows = len(known)  # of the file
        self._note(path, known)
        for part in self._parts():
            self._note(part, self._kind.sources(part))

    def rows_of(self, source: str) -> int:
        """How many rows of a photograph are on the disk."""
        place = self._places.get(source)
        return 0 if place is None else place.last - place.first

    def forget(self) -> None:
        """Take away what a former run left, but its file, which stays until there is a new one."""
        for part in self._parts():
            part.unlink()
        self._places.clear()

    @property
    def is_due(self) -> bool:
        """Whether what waits should go to the disk."""
        is_late = time.monotonic() - self._written_s > PARTS_EVERY_S
        return len(self._waiting) >= self._rows_at_once or (is_late and bool(self._waiting))

    def add(self, rows: list[Row]) -> None:
        """Take all rows of a photograph, each with its `source`."""
        self._waiting += rows

    def flush(self) -> None:
        """Write what waits as a part.

        Raises:
            ExportError: it cannot be written.
        """
        rows, self._waiting = self._waiting, []
        self._written_s = time.monotonic()
        if not rows:
            return
        path = self._folder / f"{self._next:06}{self._kind.suffix}"
        with self._kind.errors(self.path):
            self._folder.mkdir(exist_ok=True)
            with whole_file(path) as temporary:
                self._kind.write(rows, temporary)
        self._note(path, [row["source"] for row in rows])

    def finish(self, sources: Iterable[str], *, like: Row | None = None) -> int:
        """Make the rows of these photographs one file, in their order; no parts are left beside it.

        Args:
            sources: of the photographs.
            like: a row with the columns that the file has if there are no rows; None leaves it without.

        Returns:
            How many rows it has.

        Raises:
            ExportError: it cannot be written; what there is of parts stays.
        """
        self.flush()
        places = [self._places[source] for source in dict.fromkeys(sources) if source in self._places]
        if list(_joined(places)) == [(self.path, 0, self._rows)] and not self._parts():
            return self._rows  # nothing is new
        with self._kind.errors(self.path), whole_file(self.path) as temporary:
            self._kind.merge(_joined(places), temporary, self._rows_at_once, None if places else like)
        with suppress(OSError):
            self.forget()
            self._folder.rmdir()
        return sum(place.last - place.first for place in places)

    def _note(self, path: Path, sources: list[str]) -> None:
        """Remember where the rows of photographs are; later files have the newer ones."""
        start = 0
        for source, rows in groupby(sources):
            count = len(list(rows))
            self._places[source] = _Place(path, start, start + count)
            start += count
        if path.parent == self._folder:
            self._next = max(self._next, int(path.stem) + 1)

    def _parts(self) -> list[Path]:
        """Whole parts in the order they were written; whatever else is in the folder stays."""
        return sorted(self._folder.glob("[0-9]" * 6 + self._kind.suffix))


def _joined(places: list[_Place]) -> Iterator[tuple[Path, int, int]]:
    """Neighbouring rows of a file as one piece."""
    waiting: _Place | None = None
    for place in places:
        if waiting is not None and (place.path, place.first) == (waiting.path, waiting.last):
            waiting = _Place(place.path, waiting.first, place.last)
            continue
        if waiting is not None:
            yield waiting.path, waiting.first, waiting.last
        waiting = place
    if waiting is not None:
        yield waiting.path, waiting.first, waiting.last
