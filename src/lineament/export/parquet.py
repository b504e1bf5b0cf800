"""Parquet through pyarrow, an optional library: rows to blocks, blocks to files and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lineament.errors import ExportError
from lineament.export.rows import Row

COMPRESSION = "zstd"


def load_pyarrow() -> tuple[Any, Any]:
    """The optional library and its Parquet part.

    Raises:
        ExportError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ExportError("Parquet needs one more package: pip install 'lineament[parquet]'.") from error
    return pyarrow, pyarrow.parquet


def table_of_rows(rows: Sequence[Row], schema: Any = None) -> Any:  # noqa: ANN401 - pyarrow is not typed
    """Rows as a table of pyarrow, with the first row's columns or those of a schema.

    Arrays become lists of doubles, their values laid end to end, which is quick.

    Raises:
        pyarrow.ArrowException: a value that does not fit its column.
    """
    pyarrow, _ = load_pyarrow()
    names = list(rows[0]) if schema is None else schema.names
    columns = []
    for name in names:
        values: list[Any] = [row.get(name) for row in rows]
        if all(isinstance(value, np.ndarray) for value in values):
            ends = np.cumsum([0, *(len(value) for value in values)], dtype=np.int32)
            flat = np.concatenate(values).astype(np.float64)
            columns.append(pyarrow.ListArray.from_arrays(ends, flat))
        else:
            plain = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
            columns.append(pyarrow.array(plain, None if schema is None else schema.field(name).type))
    return pyarrow.Table.from_arrays(columns, names=names)


class ParquetKind:
    """Parquet as the format of tables that come in parts, and of a :class:`.parts.PartsTable`."""

    suffix = ".parquet"

    def __init__(self) -> None:
        """Load pyarrow.

        Raises:
            ExportError: it is not installed.
        """
        self._pyarrow, self._parquet = load_pyarrow()
        self._schema: Any = None  # the first block's
        self._blocks = lru_cache(maxsize=4)(self._read_block)

    def write(self, rows: Sequence[Row], path: Path) -> None:
        """Write rows as a file of their own; all have the columns of the first ones."""
        table = table_of_rows(rows, self._schema)
        self._schema = table.schema
        self._parquet.write_table(table, path, compression=COMPRESSION)

    def sources(self, path: Path) -> list[str]:
        """The column `source` of a file, in its order; empty for a file that is none of ours."""
        try:
            found: list[str] = self._parquet.read_table(path, columns=["source"])["source"].to_pylist()
        except (self._pyarrow.ArrowException, KeyError, OSError):
            return []
        return found

    def merge(
        self, pieces: Iterator[tuple[Path, int, int]], path: Path, rows_at_once: int, like: Row | None = None
    ) -> None:
        """Write rows (file, first, last) of other files as one; blocks do not depend on where they were."""
        waiting: list[Any] = []
        writer: Any = None
        try:
            for piece in pieces:
                for table in self._read(*piece):
                    if writer is None:
                        schema = table.schema.remove_metadata()
                        writer = self._parquet.ParquetWriter(path, schema, compression=COMPRESSION)
                    waiting.append(table.replace_schema_metadata(None))
                    if sum(len(each) for each in waiting) >= rows_at_once:
                        waiting = self._write_blocks(writer, waiting, rows_at_once)
            if writer is None:
                nothing = self._pyarrow.table({}) if like is None else table_of_rows([like]).slice(0, 0)
                self._parquet.write_table(nothing, path)
            elif waiting:
                writer.write_table(self._pyarrow.concat_tables(waiting).combine_chunks())
        finally:
            if writer is not None:
                writer.close()
            self._blocks.cache_clear()

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Write files of :meth:`write` as one, a block each; without any it has no columns."""
        schema = self._pyarrow.schema([]) if self._schema is None else self._schema
        with self._parquet.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
            for part in parts:
                writer.write_table(self._parquet.read_table(part, schema=schema))

    def _write_blocks(self, writer: Any, waiting: list[Any], rows: int) -> list[Any]:  # noqa: ANN401
        """Write what fills blocks of so many rows; what is left."""
        table = self._pyarrow.concat_tables(waiting)
        while len(table) >= rows:
            writer.write_table(table.slice(0, rows).combine_chunks())
            table = table.slice(rows)
        return [table] if len(table) else []

    def _read(self, path: Path, first: int, last: int) -> Iterator[Any]:
        """Rows first to last (without it) of a file, block by block."""
        start = 0
        with self._parquet.ParquetFile(path) as file:
            counts = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
        for number, count in enumerate(counts):
            low, high = max(first - start, 0), min(last - start, count)
            if low < high:
                yield self._blocks(path, number).slice(low, high - low)
            start += count

    def _read_block(self, path: Path, number: int) -> Any:  # noqa: ANN401
        with self._parquet.ParquetFile(path) as file:
            return file.read_row_group(number)

    @contextmanager
    def errors(self, path: Path, *, kept: str = "") -> Iterator[None]:
        """Errors of pyarrow and the disk as ours; `kept` says in a sentence what is there all the same."""
        try:
            yield
        except (OSError, self._pyarrow.ArrowException) as error:
            raise ExportError(
                f"Cannot write {path} ({error}). Check the folder, the disk and the rows.{kept}"
            ) from error
