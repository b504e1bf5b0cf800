"""Parquet: many photographs, or the frames of a video, a row a face."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from lineament.errors import ExportError
from lineament.export.parquet import COMPRESSION, ParquetKind, load_pyarrow
from lineament.export.rows import Row, photo_rows
from lineament.expression_keys import TargetNames
from lineament.files import remove_leftovers, whole_file
from lineament.paths import with_ending
from lineament.several import Faces, list_of_faces

PARTS_EVERY_S = 30.0
"""Rows are on the disk after so long at most, however slowly they come."""


def export_parquet(
    photos: Iterable[tuple[Mapping[str, Any], Faces]],
    path: str | os.PathLike[str],
    *,
    rows_at_once: int = 1000,
    targets: TargetNames = "arkit",
) -> int:
    """Write the faces of many photos as one Parquet table, a row a face; memory does not grow with them.

    Rows are written as they come, into ``PATH.parts``, a folder that readers of Parquet open as one table;
    at the end, and after any error, they become the file and the folder goes. A run that was killed leaves
    the folder.

    Args:
        photos: for each photo what its rows begin with, such as ``{"photo": "a.jpg"}`` or ``{"time_s": 0.04,
            "track": 1}`` (the same names and types for all), and its faces, or one. A photo without faces has
            no row.
        path: where to; a file that is there is replaced.
        rows_at_once: rows of a block.
        targets: names of the columns `blendshape_...`, "arkit" (its 52) or "all" (the face model's own).

    Returns:
        How many rows were written.

    Raises:
        ExportError: the package pyarrow is missing, the rows do not fit together, or the file cannot be
            written.
        ConfigError: something else than faces, or other targets.
    """
    table = _Table(Path(path), rows_at_once)
    try:
        for start, faces in photos:
            table.add(photo_rows(start, list_of_faces(faces), targets=targets))
    except BaseException:
        if table.count:
            with suppress(ExportError):  # what broke it off says more
                table.finish()
        raise
    table.finish()
    return table.count


def rewrite_weights(
    path: str | os.PathLike[str], weights_of: Callable[[Mapping[str, Any]], Mapping[str, float] | None]
) -> None:
    """Give the rows of a table other reported weights, block by block.

    Args:
        path: of :func:`export_parquet`.
        weights_of: from a row to its weights by name, for the columns ``blendshape_...`` that it has; None
            leaves it as it is.

    Raises:
        ExportError: the package pyarrow is missing, or the file cannot be read or written.
    """
    pyarrow, parquet = load_pyarrow()
    path = Path(path)
    try:
        with (
            parquet.ParquetFile(path) as file,
            whole_file(path) as temporary,
            parquet.ParquetWriter(temporary, file.schema_arrow, compression=COMPRESSION) as writer,
        ):
            for block in file.iter_batches(batch_size=1000):
                rows = block.to_pylist()
                for row in rows:
                    named = weights_of(row) or {}
                    row.update({f"blendshape_{name}": float(weight) for name, weight in named.items()})
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=file.schema_arrow))
    except (OSError, pyarrow.ArrowException) as error:
        raise ExportError(f"Cannot write {path} anew ({error}). Check the folder and the disk.") from error


class _Table:
    """Rows on their way into a file: waiting, then a part each block, then the file."""

    def __init__(self, path: Path, rows_at_once: int) -> None:
        self._kind = ParquetKind()
        self._path, self._folder = path, with_ending(path, ".parts")
        self._rows_at_once = rows_at_once
        self._waiting: list[Row] = []
        self._parts: list[Path] = []
        self._written_s = time.monotonic()
        self.count = 0

    def add(self, rows: list[Row]) -> None:
        """Take more rows; a block that is full, or has waited long, goes to the disk.

        Raises:
            ExportError: it cannot be written.
        """
        self._waiting += rows
        self.count += len(rows)
        is_late = time.monotonic() - self._written_s > PARTS_EVERY_S
        if len(self._waiting) >= self._rows_at_once or (is_late and self._waiting):
            with self._errors():
                self._write_part()

    def finish(self) -> None:
        """Make the parts one file, by whose side no parts are left.

        Raises:
            ExportError: it cannot be written; what there is of parts stays.
        """
        if self._waiting:
            with self._errors():
                self._write_part()
        with self._errors():
            with whole_file(self._path) as temporary:
                self._kind.join(self._parts, temporary)
            self._remove_parts()

    def _write_part(self) -> None:
        """Write the rows that wait, which wait no more; parts of a former run go before the first of this."""
        rows, self._waiting = self._waiting, []
        if not self._parts:
            self._remove_parts()
            self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{len(self._parts):05}.parquet"
        with whole_file(path) as temporary:
            self._kind.write(rows, temporary)
        self._parts.append(path)
        self._written_s = time.monotonic()

    def _remove_parts(self) -> None:
        """Of this run or of one that was killed; whatever else is in the folder stays."""
        with suppress(OSError):
            remove_leftovers(self._folder)
            for path in self._folder.glob("[0-9]" * 5 + ".parquet"):
                path.unlink()
            self._folder.rmdir()

    def _errors(self) -> AbstractContextManager[None]:
        """Errors of pyarrow and the disk as ours."""
        kept = f" What was written before is in {self._folder}." if self._parts else ""
        return self._kind.errors(self._path, kept=kept)
