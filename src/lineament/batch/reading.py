"""A part's photographs, read one after the other: what a task of a cluster does beside the networks.

Photographs travel in chunks, as a table of Arrow with a row each: `index` in the part, `photo`, `source`,
`error`, `height` and `width` (0 for one that is encoded), `content` (H x W x 3 values of RGB, or
its file's bytes).
"""

from __future__ import annotations

import math
import posixpath
import tarfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.batch.parts import Part
from lineament.batch.places import Place
from lineament.batch.sources import Piece
from lineament.errors import ImageError, LineamentError
from lineament.foreign import foreign, reason_of
from lineament.image import read_image
from lineament.image.several import is_photo_name

AT_ONCE = 8  # photographs that are fetched from a store at the same time
PHOTOS_AT_ONCE = 8  # that travel, and are aligned, together


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photograph of a part, or why there is none.

    Attributes:
        source: what rows call it.
        photo: its name.
        content: its file's path or bytes.
        error: why it cannot be had.
    """

    source: str
    photo: str
    content: Path | bytes | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Photographs of a part that travel together.

    Attributes:
        part: its number.
        first: index of the first photograph.
        photos: a stream of Arrow.
        total: photographs of the part, in its last chunk; else None.
    """

    part: int
    first: int
    photos: bytes
    total: int | None = None


def photos_of(part: Part) -> Iterator[ReadPhoto]:
    """The photographs of a part, encoded, in order; a piece that cannot be read is one that says why."""
    files: list[Piece] = []
    for piece in part.pieces:
        if piece.kind == "file":
            files.append(piece)
            continue
        yield from _fetched(files)
        files = []
        yield from _together(piece)
    yield from _fetched(files)


def _together(piece: Piece) -> Iterator[ReadPhoto]:
    """The photographs of a shard or of rows; what goes wrong after some of them comes last."""
    read = _shard if piece.kind == "shard" else _rows
    try:
        with foreign(ImageError, f"{piece.url} cannot be read", "Check the file and its permissions."):
            yield from read(piece)
    except LineamentError as error:
        yield ReadPhoto(piece.source, posixpath.basename(piece.url), error=str(error))


def _fetched(pieces: list[Piece]) -> Iterator[ReadPhoto]:
    """Photographs with files of their own; those of a store are fetched several at a time."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        waiting: deque[Any] = deque()
        for piece in pieces:
            waiting.append(threads.submit(_file, piece))
            if len(waiting) > AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _file(piece: Piece) -> ReadPhoto:
    name = posixpath.basename(piece.source)
    try:
        place = Place.of(piece.url)
        if place.is_local:
            return ReadPhoto(piece.source, name, Path(place.path))
        return ReadPhoto(piece.source, name, place.read())
    except LineamentError as error:
        return ReadPhoto(piece.source, name, error=str(error))
    except Exception as error:  # noqa: BLE001 - whatever a store raises costs this photograph alone
        return ReadPhoto(piece.source, name, error=f"{piece.url} cannot be read ({reason_of(error)}).")


def _shard(piece: Piece) -> Iterator[ReadPhoto]:
    with Place.of(piece.url).open() as stream, tarfile.open(fileobj=stream, mode="r|*") as shard:
        for member in shard:
            if not member.isfile() or not is_photo_name(Path(member.name)):
                continue
            content = shard.extractfile(member)
            if content is not None:
                source = f"{piece.source}/{member.name}"
                yield ReadPhoto(source, posixpath.basename(member.name), content.read())


def _rows(piece: Piece) -> Iterator[ReadPhoto]:
    """The photographs of row groups, with the path beside them where the table has one."""
    import pyarrow.parquet as parquet

    with Place.of(piece.url).open_random() as stream, parquet.ParquetFile(stream) as file:
        start = sum(file.metadata.row_group(k).num_rows for k in range(piece.first))
        names = [name for name in ("path", "source", "url") if name in file.schema_arrow.names]
        columns = [piece.column, *names[:1]]
        groups = list(range(piece.first, piece.last))
        for batch in file.iter_batches(batch_size=16, row_groups=groups, columns=columns):
            for row in batch.to_pylist():
                yield _row(piece, row, start, row[names[0]] if names else None)
                start += 1


def _row(piece: Piece, row: dict[str, Any], number: int, path: Any) -> ReadPhoto:  # noqa: ANN401
    found = row[piece.column]
    if isinstance(found, dict):  # of Hugging Face: bytes and path
        path, found = path or found.get("path"), found["bytes"]
    source = path if isinstance(path, str) and path else f"{piece.source}#{number}"
    name = posixpath.basename(source)
    if found is None:
        return ReadPhoto(source, name, error=f"Row {number} of {piece.url} has no bytes.")
    return ReadPhoto(source, name, found)


def chunks_of(
    part: Part, *, decode: bool, size: int = PHOTOS_AT_ONCE, done: frozenset[int] = frozenset()
) -> Iterator[Chunk]:
    """The photographs of a part, so many at a time; the last chunk, which may be empty, counts them.

    Which photographs are in which chunk does not depend on `decode`.

    Args:
        part: to be read.
        decode: decode the photographs here; else their files' bytes are sent.
        size: photographs of a chunk.
        done: indices of those that are not wanted again.
    """
    rows: list[dict[str, Any]] = []
    first = count = 0
    for index, photo in enumerate(photos_of(part)):
        count = index + 1
        if index in done:
            continue
        if len(rows) == size:
            yield Chunk(part.number, first, stream_of(_table(rows)))
            rows = []
        first = first if rows else index
        row = _decoded(photo) if decode else _encoded(photo)
        rows.append({"index": index, "photo": photo.photo, "source": photo.source} | row)
    yield Chunk(part.number, first, stream_of(_table(rows)), count)


def _decoded(photo: ReadPhoto) -> dict[str, Any]:
    error, pixels = photo.error, None
    if photo.content is not None:
        try:
            pixels = read_image(photo.content)
        except LineamentError as problem:
            error = str(problem)
    if pixels is None:
        return {"error": error, "height": 0, "width": 0, "content": b""}
    height, width = pixels.shape[:2]
    return {"error": None, "height": height, "width": width, "content": pixels.tobytes()}


def _encoded(photo: ReadPhoto) -> dict[str, Any]:
    error, content = photo.error, b""
    try:
        content = photo.content.read_bytes() if isinstance(photo.content, Path) else photo.content or b""
    except OSError as problem:
        error = f"{photo.source} cannot be read ({reason_of(problem)})."
    return {"error": error, "height": 0, "width": 0, "content": content}


def pixels_of(content: Any, height: int, width: int) -> NDArray[np.uint8]:  # noqa: ANN401 - of pyarrow
    """(H, W, 3) of what `content` holds of a decoded photograph; not copied."""
    flat = np.frombuffer(content.as_buffer(), np.uint8, count=math.prod((height, width, 3)))
    return flat.reshape(height, width, 3)


def _table(rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - pyarrow is not typed
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    kinds = {"index": number, "photo": text, "source": text, "error": text}
    kinds |= {"height": number, "width": number, "content": pyarrow.large_binary()}
    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(list(kinds.items())))


def stream_of(table: Any) -> bytes:  # noqa: ANN401
    """A table as bytes that travel."""
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def table_of(stream: Any) -> Any:  # noqa: ANN401 - bytes, or a buffer of pyarrow
    """The table of such bytes."""
    import pyarrow

    with pyarrow.ipc.open_stream(stream) as reader:
        return reader.read_all()
