"""What runs in the processes of a cluster: a task that reads a part, an actor that aligns its photographs.

Ray tries a task again for as long as its process is lost. So that a photograph that kills whatever touches it
does not hold up the rest for ever, tries are counted in a process of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from lineament import LineamentError
from lineament.batch.folders import row_source
from lineament.batch.options import AlignerOptions
from lineament.batch.parts import unpacked
from lineament.batch.reading import PHOTOS_AT_ONCE, Chunk, chunks_of, pixels_of, stream_of, table_of
from lineament.errors import ConfigError
from lineament.export.parquet import table_of_rows
from lineament.export.rows import Row, photo_rows, readable
from lineament.expression_keys import TargetNames
from lineament.image import read_image

TRIES = 3  # of photographs whose process is lost
PHOTO_COLUMNS = ("index", "photo", "source", "height", "width", "faces", "error")


class Tries:
    """Counts how often something was begun: the class of an actor."""

    def __init__(self) -> None:
        """Nothing was begun."""
        self._begun: Counter[Hashable] = Counter()

    def begin(self, key: Hashable) -> int:
        """How often this was begun, now included."""
        self._begun[key] += 1
        return self._begun[key]


@dataclass(frozen=True, slots=True)
class PartReader:
    """Reads parts: the function of a task.

    Attributes:
        begin: tells how often something was begun; see :class:`Tries`.
        careful: send photographs one by one, and decode none.
        done: by part, the photographs that are not wanted again.
    """

    begin: Callable[[Hashable], int]
    careful: bool
    done: dict[int, frozenset[int]]

    def __call__(self, batch: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow is not typed
        """Each chunk of the parts in a batch, as a table of one row.

        Where the process was lost before, photographs are not decoded here: one of them may have been why.
        """
        for row in batch.to_pylist():
            part = unpacked(row)
            is_first = self.begin(("read", part.number)) == 1
            chunks = chunks_of(
                part,
                decode=is_first and not self.careful,
                size=1 if self.careful else PHOTOS_AT_ONCE,
                done=self.done.get(part.number, frozenset()),
            )
            yield from map(_chunk_table, chunks)


class PhotoAligner:
    """Aligns photographs: the class of an actor, which opens the networks once."""

    def __init__(
        self,
        begin: Callable[[Hashable], int],
        options: AlignerOptions,
        targets: TargetNames,
        identity: dict[str, Any],
    ) -> None:
        """Open the networks.

        Args:
            begin: tells how often something was begun.
            options: which aligner.
            targets: names of expressions.
            identity: of the options, where the run was started.

        Raises:
            WeightsError: this node does not have the weights.
            ConfigError: it has others than those that the run began with.
        """
        if options.identity() != identity:
            raise ConfigError(
                f"The weights {options.weights!r} of this node are not those of the machine that the run was "
                "started on. Install the same lineament on all nodes, and give the same file to all."
            )
        self._begin = begin
        self._aligner = options.open()
        self._targets = targets

    def __call__(self, batch: Any) -> Any:  # noqa: ANN401 - pyarrow is not typed
        """For each chunk a row of `part`, `total`, `photos` and `faces`.

        `total` is the number of the part's photographs where the chunk says it; the others are streams of
        Arrow: rows of photographs, and of their faces, each with its `index` in the part. `faces` is empty
        where there are none. Nothing is said of photographs that were tried :data:`TRIES` times.
        """
        import pyarrow

        rows = []
        for place, chunk in enumerate(batch.drop_columns(["photos"]).to_pylist()):
            photos: list[Row] = []
            faces: list[Row] = []
            if self._begin(("align", chunk["part"], chunk["first"])) <= TRIES:
                photos, faces = self._aligned(table_of(batch["photos"][place].as_buffer()))
            rows.append(
                {
                    "part": chunk["part"],
                    "total": chunk["total"],
                    "photos": stream_of(photos_table(photos)),
                    "faces": stream_of(table_of_rows(faces)) if faces else b"",
                }
            )
        number, stream = pyarrow.int64(), pyarrow.binary()
        kinds = [("part", number), ("total", number), ("photos", stream), ("faces", stream)]
        return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(kinds))

    def _aligned(self, table: Any) -> tuple[list[Row], list[Row]]:  # noqa: ANN401
        """Rows of the photographs of a table, which are aligned together, and of their faces."""
        photos = table.drop_columns(["content"]).to_pylist()
        pictures = []
        for place, row in enumerate(photos):
            try:
                picture = None if row["error"] is not None else _picture(row, table["content"][place])
            except LineamentError as error:
                row["error"], picture = str(error), None
            if picture is not None:
                row["height"], row["width"] = picture.shape[:2]
                pictures.append(picture)
        results = iter(self._aligner.align_many(pictures, batch=max(1, len(pictures))))
        rows: list[Row] = []
        for row in photos:
            result = None if row["error"] is not None else next(results)
            faces = [] if result is None else result.faces
            if result is not None and result.error is not None:
                row["error"] = str(result.error)
            row |= {"photo": readable(row["photo"]), "source": row_source(row["source"]), "faces": len(faces)}
            named = photo_rows({"photo": row["photo"], "source": row["source"]}, faces, targets=self._targets)
            rows += [{"index": row["index"]} | each for each in named]
        return photos, rows


def photos_table(rows: list[Row]) -> Any:  # noqa: ANN401 - pyarrow is not typed
    """Rows of photographs as a table; `error` is null for those that were aligned."""
    import pyarrow

    number, text = pyarrow.int64(), pyarrow.string()
    kinds = {name: text if name in ("photo", "source", "error") else number for name in PHOTO_COLUMNS}
    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(list(kinds.items())))


def _chunk_table(chunk: Chunk) -> Any:  # noqa: ANN401
    import pyarrow

    number = pyarrow.int64()
    return pyarrow.table(
        {
            "part": pyarrow.array([chunk.part], number),
            "first": pyarrow.array([chunk.first], number),
            "total": pyarrow.array([chunk.total], number),
            "photos": pyarrow.array([chunk.photos], pyarrow.large_binary()),
        }
    )


def _picture(row: Row, content: Any) -> Any:  # noqa: ANN401 - (H, W, 3) uint8
    if row["height"]:
        return pixels_of(content, row["height"], row["width"])
    return read_image(content.as_py())
