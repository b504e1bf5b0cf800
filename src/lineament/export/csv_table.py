"""CSV: the columns of Parquet with a cell a number, for spreadsheets and for programs without Parquet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from lineament.errors import ExportError
from lineament.export.rows import Row, photo_rows
from lineament.files import whole_file
from lineament.several import Faces, list_of_faces

DIGITS = "%.7g"  # of a number: what float32 holds
_ENDS = {
    "box_xyxy": ("left", "top", "right", "bottom"),
    "translation": ("x", "y", "z"),
    "rotation": tuple(f"{row}{column}" for row in "xyz" for column in "xyz"),
}
_SHORT = {"box_xyxy": "box", "landmarks_image": "landmark"}


def export_csv(photos: Iterable[tuple[Mapping[str, Any], Faces]], path: str | os.PathLike[str]) -> int:
    """Write the faces of many photos as CSV (RFC 4180, UTF-8), a line a face; memory does not grow with them.

    The columns are those of Parquet; lists of numbers have a column a number: ``landmark_30_x``,
    ``identity_0``, ``box_left``. Numbers have seven digits. The first face says which columns there are:
    without any the file is empty.

    Args:
        photos: for each photo what its rows begin with, and its faces, as :func:`export_parquet` takes them.
        path: where to; a file that is there is replaced.

    Returns:
        How many lines were written, without the first one, which names the columns.

    Raises:
        ExportError: the rows do not fit together, or the file cannot be written.
        ConfigError: something else than faces.
    """
    kind, count, path = CsvKind(), 0, Path(path)
    with (
        kind.errors(path),
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        for start, faces in photos:
            rows = photo_rows(start, list_of_faces(faces))
            file.write(kind.text(rows, with_names=count == 0))
            count += len(rows)
    return count


def column_names(row: Row) -> list[str]:
    """Names of the cells of a row, its lists taken apart."""
    names: list[str] = []
    for name, value in row.items():
        if not isinstance(value, np.ndarray):
            names.append(name)
            continue
        short = _SHORT.get(name, name)
        if name in _ENDS:
            names += [f"{short}_{end}" for end in _ENDS[name]]
        elif name == "landmarks_image":
            names += [f"{short}_{k}_{axis}" for k in range(len(value) // 3) for axis in "xyz"]
        elif name == "landmark_visibility":
            names += [f"landmark_{k}_visibility" for k in range(len(value))]
        else:
            names += [f"{short}_{k}" for k in range(len(value))]
    return names


class CsvKind:
    """CSV as the format of a :class:`lineament.export.parts.PartsTable`."""

    suffix = ".csv"

    def __init__(self) -> None:
        """Columns are those of the first rows."""
        self._names: list[str] | None = None

    def text(self, rows: Sequence[Row], *, with_names: bool) -> str:
        """Lines of rows, each ended by CR LF.

        Raises:
            ValueError: a row has other columns than the first one.
        """
        stream = io.StringIO()
        writer = csv.writer(stream)
        for row in rows:
            names = column_names(row)
            self._names = self._names or names
            if names != self._names:
                raise ValueError("a row has other columns than those before it")
            if with_names:
                writer.writerow(names)
                with_names = False
            writer.writerow(_cells(row))
        return stream.getvalue()

    def write(self, rows: Sequence[Row], path: Path) -> None:
        """Write rows as a file of their own."""
        path.write_text(self.text(rows, with_names=True), encoding="utf-8", newline="")

    def sources(self, path: Path) -> list[str]:
        """The column `source` of a file, in its order; empty for a file that is none of ours."""
        with suppress(Exception), path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            place = next(lines, []).index("source")
            return [line[place] for line in lines]
        return []

    def merge(
        self, pieces: Iterator[tuple[Path, int, int]], path: Path, rows_at_once: int, like: Row | None = None
    ) -> None:
        """Write rows (file, first, last) of other files as one; see :class:`.parts.TableKind`."""
        with path.open("w", encoding="utf-8", newline="") as merged, ExitStack() as opened:
            writer = csv.writer(merged)
            lines = _Lines(opened)
            if like is not None:
                writer.writerow(column_names(like))
            for number, (piece, first, last) in enumerate(pieces):
                lines.go_to(piece, first)
                if number == 0 and like is None:
                    writer.writerow(lines.names)
                writer.writerows(islice(lines, last - first))

    @contextmanager
    def errors(self, path: Path) -> Iterator[None]:
        """Errors of the rows and the disk as ours."""
        try:
            yield
        except (OSError, ValueError, csv.Error) as error:
            raise ExportError(
                f"Cannot write {path} ({error}). Check the folder, the disk and the rows."
            ) from error


class _Lines:
    """Lines of one file after the other, from any line on."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self._path: Path | None = None
        self._next = 0
        self.names: list[str] = []

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._lines:
            self._next += 1
            yield line

    def go_to(self, path: Path, line: int) -> None:
        """The next line is this one of a file."""
        if path != self._path or line < self._next:
            self._opened.close()
            file = self._opened.enter_context(path.open(encoding="utf-8", newline=""))
            self._path, self._next, self._lines = path, 0, csv.reader(file)
            self.names = next(self._lines, [])
        while self._next < line:
            next(self._lines)
            self._next += 1


def _cells(row: Row) -> list[Any]:
    cells: list[Any] = []
    for value in row.values():
        if isinstance(value, np.ndarray):
            cells += (" ".join([DIGITS] * len(value)) % tuple(value.tolist())).split(" ")
        elif isinstance(value, float):
            cells.append(DIGITS % value)
        else:
            cells.append(value)
    return cells
