"""Where photographs of a batch come from, cut into parts: a worker makes one at a time, and each is one file.

A source is a folder; a list of paths (.txt); a Parquet file with a column of paths or bytes, or a folder of
them; a webdataset shard (.tar), or a folder of them. It is named by a local path, or by an address that
fsspec opens (s3://, gs://, file://).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from lineament.batch.places import Place
from lineament.errors import ConfigError, ImageError
from lineament.export.parquet import load_pyarrow
from lineament.image.several import is_photo_name

Kind = Literal["paths", "parquet", "tar"]
PATH_COLUMNS = ("path", "source", "url", "photo")
BYTES_COLUMNS = ("bytes", "image", "jpg", "content")


@dataclass(frozen=True, slots=True)
class Part:
    """Photographs that become one file.

    Attributes:
        number: from 0.
        kind: what `names` are.
        names: addresses of photographs, or the address of one Parquet file or shard.
        first: of a Parquet file, its first row here.
        last: the row behind the last one.
    """

    number: int
    kind: Kind
    names: tuple[str, ...]
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class PhotoBytes:
    """A photograph as it is stored, or why it is not there.

    Attributes:
        source: what its rows call it.
        content: of its file; None where it cannot be fetched.
        error: why.
    """

    source: str
    content: bytes | None
    error: str | None = None


def list_parts(source: str, *, photos_a_part: int) -> list[Part]:
    """All photographs of a source as parts; the same each time while the source stays the same.

    Raises:
        ConfigError: there are none, or the source cannot be listed.
    """
    place = Place.of(source)
    names = [source] if place.is_file() else place.files_below()
    suffixes = {PurePosixPath(name).suffix.lower() for name in names}
    if suffixes == {".txt"}:
        lines = [line.strip() for name in names for line in Place.of(name).read().decode().splitlines()]
        parts = _parts_of_paths([line for line in lines if line], photos_a_part)
    elif ".parquet" in suffixes:
        parts = list(_parts_of_tables([name for name in names if name.endswith(".parquet")], photos_a_part))
    elif ".tar" in suffixes:
        shards = [name for name in names if name.endswith(".tar")]
        parts = [Part(number, "tar", (name,)) for number, name in enumerate(shards)]
    else:
        parts = _parts_of_paths([name for name in names if is_photo_name(Path(name))], photos_a_part)
    if not parts:
        raise ConfigError(f"There are no photographs in {source}.")
    return parts


def photos_of(part: Part) -> Iterator[PhotoBytes]:
    """The photographs of a part, one at a time; one that cannot be fetched says why.

    What cannot be read of a shard or a Parquet file is one more that says so.

    Raises:
        ConfigError: a Parquet file has no column of photographs.
    """
    if part.kind == "paths":
        for name in part.names:
            yield _fetched(name)
        return
    pyarrow, _ = load_pyarrow()
    try:
        yield from _of_shard(part.names[0]) if part.kind == "tar" else _of_table(part)
    except (OSError, tarfile.TarError, pyarrow.ArrowException) as error:
        (name,) = part.names
        yield PhotoBytes(name, None, f"{name} cannot be read to its end ({error}). Fetch it again.")


def _parts_of_paths(names: Sequence[str], count: int) -> list[Part]:
    groups = [tuple(names[first : first + count]) for first in range(0, len(names), count)]
    return [Part(number, "paths", group) for number, group in enumerate(groups)]


def _parts_of_tables(names: Sequence[str], count: int) -> Iterator[Part]:
    _, parquet = load_pyarrow()
    number = 0
    for name in names:
        with Place.of(name).open() as file:
            rows = parquet.ParquetFile(file).metadata.num_rows
        for first in range(0, rows, count):
            yield Part(number, "parquet", (name,), first, min(first + count, rows))
            number += 1


def _fetched(name: str) -> PhotoBytes:
    try:
        return PhotoBytes(name, Place.of(name).read())
    except (OSError, ImageError, ValueError) as error:
        return PhotoBytes(name, None, f"{name} cannot be fetched ({error}). Check the address.")


def _of_table(part: Part) -> Iterator[PhotoBytes]:
    """Rows of a Parquet file: bytes where there is a column of them, else the files that paths name."""
    _, parquet = load_pyarrow()
    with Place.of(part.names[0]).open() as stream:
        file = parquet.ParquetFile(stream)
        names = file.schema_arrow.names
        by_bytes = next((name for name in BYTES_COLUMNS if name in names), None)
        by_path = next((name for name in PATH_COLUMNS if name in names), None)
        if by_bytes is None and by_path is None:
            raise ConfigError(
                f"{part.names[0]} has the columns {', '.join(names)}; photographs are in one of "
                f"{', '.join((*PATH_COLUMNS, *BYTES_COLUMNS))}."
            )
        columns = [name for name in (by_bytes, by_path) if name is not None]
        for number, row in _rows(file, columns, part.first, part.last):
            source = row[by_path] if by_path is not None else f"{part.names[0]}#{number}"
            if by_bytes is None:
                yield _fetched(source)
            else:
                yield PhotoBytes(source, _content(row[by_bytes]))


def _rows(file: Any, columns: list[str], first: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ANN401
    start = 0
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        low, high = max(first - start, 0), min(last - start, count)
        if low < high:
            table = file.read_row_group(group, columns=columns).slice(low, high - low)
            for row, values in enumerate(table.to_pylist()):
                yield start + low + row, values
        start += count


def _content(value: Any) -> bytes | None:  # noqa: ANN401 - Hugging Face's images are {"bytes": ..., "path": ...}
    content = value.get("bytes") if isinstance(value, dict) else value
    return bytes(content) if content is not None else None


def _of_shard(name: str) -> Iterator[PhotoBytes]:
    with Place.of(name).open() as stream, tarfile.open(fileobj=stream, mode="r|*") as shard:
        for member in shard:
            if member.isfile() and is_photo_name(Path(member.name)):
                content = shard.extractfile(member)
                assert content is not None  # of a file
                yield PhotoBytes(f"{name}/{member.name}", content.read())
