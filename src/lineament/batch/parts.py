"""Pieces in parts, and the plan that says which part has which: written once, gone on with ever after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any

from lineament.batch.places import Place
from lineament.batch.sources import Piece
from lineament.errors import ConfigError
from lineament.export.parquet import COMPRESSION
from lineament.foreign import foreign

PLAN = "plan.parquet"


@dataclass(frozen=True, slots=True)
class Part:
    """What is finished together, and then never done again.

    Attributes:
        number: of the part; its files are called by it.
        pieces: that it has, in order.
    """

    number: int
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.number:06}.parquet"


def cut(pieces: Iterable[Piece], size: int, *, first: int = 0) -> Iterator[Part]:
    """Parts of so many photographs, in order; a shard is a part of its own.

    Args:
        pieces: in order.
        size: photographs of a part, at most, if no piece has more.
        first: number of the first part.
    """
    waiting: list[Piece] = []
    so_far = 0
    for piece in pieces:
        if waiting and (piece.count < 0 or so_far + piece.count > size):
            yield Part(first, tuple(waiting))
            first, waiting, so_far = first + 1, [], 0
        waiting.append(piece)
        so_far += size if piece.count < 0 else piece.count
    if waiting:
        yield Part(first, tuple(waiting))


def read_plan(folder: Place) -> list[Part]:
    """The parts of the run in a folder; none where there is no plan.

    Raises:
        ConfigError: the plan cannot be read.
    """
    import pyarrow.parquet as parquet

    place = folder / PLAN
    if not place.exists():
        return []
    with (
        foreign(ConfigError, f"{place.url} cannot be read", "Begin anew with --overwrite."),
        place.open_random() as stream,
    ):
        rows = parquet.read_table(stream).to_pylist()
    return [
        Part(number, tuple(Piece(**_without_part(row)) for row in group))
        for number, group in groupby(rows, key=lambda row: int(row["part"]))
    ]


def write_plan(folder: Place, parts: Sequence[Part]) -> None:
    """Write the parts down.

    Raises:
        ExportError: they cannot be written.
    """
    import pyarrow

    numbers = [part.number for part in parts for _ in part.pieces]
    pieces = [piece for part in parts for piece in part.pieces]
    columns = {field.name: [getattr(piece, field.name) for piece in pieces] for field in fields(Piece)}
    (folder / PLAN).write(table_bytes(pyarrow.table({"part": numbers, **columns})))


def table_bytes(table: Any) -> Any:  # noqa: ANN401 - pyarrow is not typed
    """A table as a file of Parquet, in memory."""
    import pyarrow
    import pyarrow.parquet as parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink, compression=COMPRESSION)
    return sink.getvalue()


def packed(part: Part) -> dict[str, Any]:
    """A part as a row that travels."""
    return {"part": part.number, "pieces": [asdict(piece) for piece in part.pieces]}


def unpacked(row: dict[str, Any]) -> Part:
    """A part of a row of :func:`packed`."""
    return Part(int(row["part"]), tuple(Piece(**piece) for piece in row["pieces"]))


def _without_part(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "part"}
