"""Where photographs come from: folders, lists, Parquet tables, shards of webdataset, here or in a store.

Listing opens no photograph. A photograph that has a file of its own is a piece; those that lie together in a
shard, or in row groups of a table, are one piece together, which is read from its beginning to its end.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from lineament.batch.folders import photos_in_folder
from lineament.batch.places import Place
from lineament.batch.result_names import RESULT_PICTURE
from lineament.errors import ConfigError
from lineament.foreign import foreign
from lineament.image.several import is_photo_name

LISTS = (".txt", ".lst", ".list")
SHARDS = (".tar", ".tar.gz", ".tgz")
TABLES = (".parquet", ".pq")
BYTES_COLUMNS = ("bytes", "image", "image_bytes", "content", "jpg", "data")
PATH_COLUMNS = ("path", "source", "url", "file", "photo", "image_path", "file_name")
BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is read in one go.

    Attributes:
        kind: "file", a photograph; "shard", those of a tar file; "rows", those of row groups of a table.
        url: of the photograph, the tar file or the table.
        source: what rows call a photograph.
        column: of the table, where its bytes are.
        first: number of the first row group.
        last: the one after the last.
        count: how many photographs it has; -1 where only reading it tells.
    """

    kind: str
    url: str
    source: str
    column: str = ""
    first: int = 0
    last: int = 0
    count: int = 1


def pieces_of(sources: Sequence[str], *, column: str | None = None, rows: int = 1000) -> Iterator[Piece]:
    """Everything that sources name, each photograph with a file of its own once, in their order.

    Args:
        sources: paths or URLs of folders (with the folders in them: their photographs; without any, their
            shards, or else their tables), of lists (a path or URL a line), of Parquet tables, of tar files or
            of photographs; patterns such as ``album/*.jpg`` of this machine; ``shard-{000..127}.tar``.
        column: of tables, with bytes or paths; found by its name when left out.
        rows: of a table with bytes that make a piece, at least, if it has so many.

    Raises:
        ConfigError: something is not there, or there is nothing in it.
    """
    seen: set[tuple[str, int]] = set()
    for source in sources:
        is_empty = True
        for piece in _pieces(source, column, rows):
            is_empty = False
            if (piece.url, piece.first) not in seen:
                seen.add((piece.url, piece.first))
                yield piece
        if is_empty:
            raise ConfigError(
                f"There are no photographs in {source}. Check the name; files count by their suffix, such as "
                f".jpg."
            )


def _pieces(source: str, column: str | None, rows: int) -> Iterator[Piece]:
    for text in _spelled_out(source):
        name = text.partition("?")[0].lower() if "://" in text else text.lower()
        place = Place.of(text)
        if name.endswith(LISTS):
            yield from _listed(place)
        elif name.endswith(SHARDS):
            yield Piece("shard", place.url, text, count=-1)
        elif name.endswith(TABLES) and not _is_folder(place, text):
            yield from _table(place, column, rows)
        elif _is_folder(place, text):
            yield from _folder(place, text, column, rows)
        else:
            yield _file(text)


def _spelled_out(source: str) -> list[str]:
    """Braces as numbers, patterns of this machine as what fits them.

    Raises:
        ConfigError: nothing fits.
    """
    parts = BRACES.split(source)
    ranges = [
        [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        for first, last in zip(parts[1::3], parts[2::3])
    ]
    texts = [
        "".join(a + b for a, b in zip(parts[::3], (*chosen, ""), strict=True)) for chosen in product(*ranges)
    ]
    if "://" in source or not glob.has_magic(source) or Path(source).exists():
        return texts
    found = sorted(
        name for text in texts for name in glob.glob(text, recursive=True) if not RESULT_PICTURE.search(name)
    )
    if not found:
        raise ConfigError(f"Nothing fits the pattern {source}. Check the folder and the suffix in it.")
    return found


def _is_folder(place: Place, text: str) -> bool:
    with foreign(ConfigError, f"{text} cannot be reached", "Check the address and the credentials."):
        return place.is_folder()


def _file(text: str) -> Piece:
    """A photograph.

    Raises:
        ConfigError: its name is no text, which tables cannot hold.
    """
    with foreign(ConfigError, f"The name {text!a} is no UTF-8", "Rename it, or take `lineament align`."):
        text.encode()
    return Piece("file", Place.of(text).url, text)


def _folder(place: Place, text: str, column: str | None, rows: int) -> Iterator[Piece]:
    """The photographs in a folder; without any its shards, or else its tables."""
    if place.is_local and "://" not in text:
        photos = [str(path) for path in photos_in_folder(Path(text), recursive=True)]
    else:
        found = place.files(recursive=True)
        photos = [each.url for each in found if _is_photo(each)]
    if photos:
        yield from (_file(each) for each in photos)
        return
    found = [each for each in place.files(recursive=True) if not Path(each.path).name.startswith(".")]
    shards = [each for each in found if each.path.lower().endswith(SHARDS)]
    if shards:
        yield from (Piece("shard", each.url, each.url, count=-1) for each in shards)
        return
    for table in (each for each in found if each.path.lower().endswith(TABLES)):
        yield from _table(table, column, rows)


def _is_photo(place: Place) -> bool:
    path = Path(place.path)
    return is_photo_name(path) and not RESULT_PICTURE.search(path.name)


def _listed(place: Place) -> Iterator[Piece]:
    """The lines of a list; empty ones and those that begin with # are left out."""
    with foreign(ConfigError, f"The list {place.url} cannot be read", "It is UTF-8, a path a line."):
        lines = place.read().decode("utf-8-sig").splitlines()
    yield from (_file(line) for line in map(str.strip, lines) if line and not line.startswith("#"))


def _table(place: Place, column: str | None, rows: int) -> Iterator[Piece]:
    """The photographs of a table: their paths, or pieces of so many rows."""
    import pyarrow.parquet as parquet

    with (
        foreign(ConfigError, f"The table {place.url} cannot be read", "Check that it is Parquet."),
        place.open_random() as stream,
        parquet.ParquetFile(stream) as file,
    ):
        name, has_bytes = chosen_column(file.schema_arrow, column, place.url)
        groups = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
        paths = [] if has_bytes else _texts(file.iter_batches(columns=[name]))
    if not has_bytes:
        yield from (_file(path) for path in paths)
        return
    first, so_far = 0, 0
    for number, count in enumerate(groups):
        so_far += count
        if so_far >= rows or number == len(groups) - 1:
            if so_far:
                yield Piece("rows", place.url, place.url, name, first, number + 1, so_far)
            first, so_far = number + 1, 0


def _texts(batches: Iterable[Any]) -> list[str]:
    return [text for batch in batches for text in batch.column(0).to_pylist() if text]


def chosen_column(schema: Any, column: str | None, url: str) -> tuple[str, bool]:  # noqa: ANN401
    """The column that photographs are in, and whether it has their bytes (else their paths).

    Raises:
        ConfigError: there is none, or it holds something else.
    """
    import pyarrow

    def kind(name: str) -> bool | None:
        found = schema.field(name).type
        if pyarrow.types.is_struct(found) and found.get_field_index("bytes") >= 0:
            return True  # as the data sets of Hugging Face have it
        if pyarrow.types.is_binary(found) or pyarrow.types.is_large_binary(found):
            return True
        return False if pyarrow.types.is_string(found) or pyarrow.types.is_large_string(found) else None

    names = [column] if column is not None else [*BYTES_COLUMNS, *PATH_COLUMNS]
    for name in names:
        has_bytes = kind(name) if name in schema.names else None
        if has_bytes or (has_bytes is not None and (column is not None or name in PATH_COLUMNS)):
            return name, has_bytes
    wanted = f"column {column!r}" if column is not None else "column that is called as photographs are"
    raise ConfigError(
        f"{url} has no {wanted}, of bytes or of paths; its columns are {', '.join(schema.names)}. "
        "Name one with --column."
    )
