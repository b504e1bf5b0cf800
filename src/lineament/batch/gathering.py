"""What comes of photographs, in whatever order, gathered into parts; a whole part is written, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lineament.batch.actors import photos_table
from lineament.batch.folders import row_source
from lineament.batch.parts import Part, table_bytes
from lineament.batch.places import Place
from lineament.batch.reading import table_of
from lineament.export.rows import readable

PHOTOS, FACES = "photos", "faces"
LOST = (
    "The process that worked on it was lost each time it was tried, by a signal or for want of memory. "
    "Try it alone, or give fewer --concurrency."
)


@dataclass(frozen=True, slots=True)
class FinishedPart:
    """A part that is written.

    Attributes:
        number: of the part.
        photos: how many it has.
        faces: how many they show.
        without: photographs without a face.
        errors: source and reason of those that failed.
    """

    number: int
    photos: int
    faces: int
    without: int
    errors: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Open:
    """What there is of a part so far."""

    total: int | None = None
    done: set[int] = field(default_factory=set)
    photos: list[Any] = field(default_factory=list)
    faces: list[Any] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.total is not None and len(self.done) >= self.total


class Gathering:
    """Parts on their way into files: `faces/000012.parquet`, then `photos/000012.parquet`, which ends it."""

    def __init__(self, folder: Place, parts: Iterable[Part]) -> None:
        """Nothing has come yet.

        Args:
            folder: where to.
            parts: that are to come.
        """
        self._folder = folder
        self._parts = {part.number: part for part in parts}
        self._open: dict[int, _Open] = {}
        self.came = 0

    def add(self, outcomes: Any) -> Iterator[FinishedPart]:  # noqa: ANN401 - a table of pyarrow
        """Take rows of :class:`lineament.batch.actors.PhotoAligner`; the parts that they complete, written.

        What comes twice, because a process was lost after it had answered, counts once.

        Raises:
            ExportError: a part cannot be written.
        """
        for row in outcomes.to_pylist():
            number = row["part"]
            if number not in self._parts:
                continue
            found = self._open.setdefault(number, _Open())
            if row["total"] is not None:
                found.total = row["total"]
            self._take(found, row)
            if found.is_whole:
                yield self._write(number)

    def _take(self, found: _Open, row: dict[str, Any]) -> None:
        import pyarrow

        photos = table_of(row["photos"])
        new = [index not in found.done for index in photos["index"].to_pylist()]
        photos = photos.filter(pyarrow.array(new, pyarrow.bool_()))
        indices = set(photos["index"].to_pylist())
        self.came += len(indices)
        found.done |= indices
        if indices:
            found.photos.append(photos)
        if row["faces"]:
            faces = table_of(row["faces"])
            mine = [index in indices for index in faces["index"].to_pylist()]
            found.faces.append(faces.filter(pyarrow.array(mine, pyarrow.bool_())))

    @property
    def unfinished(self) -> list[Part]:
        """The parts that are not whole."""
        return list(self._parts.values())

    def done_of(self, number: int) -> frozenset[int]:
        """The photographs of an unfinished part that are done."""
        return frozenset(self._open[number].done) if number in self._open else frozenset()

    def give_up(self) -> Iterator[FinishedPart]:
        """Write the unfinished parts, with an error for every photograph that did not come.

        Raises:
            ExportError: a part cannot be written.
        """
        for part in self.unfinished:
            found = self._open.setdefault(part.number, _Open())
            are_files = all(piece.kind == "file" for piece in part.pieces)
            total = len(part.pieces) if are_files else found.total
            if total is None:  # one row says that there was more
                total = max(found.done, default=-1) + 2
            rows = []
            for index in sorted(set(range(total)) - found.done):
                source = part.pieces[index].source if are_files else f"{part.pieces[0].source}#{index}"
                start = {
                    "index": index,
                    "photo": readable(source.rpartition("/")[2]),
                    "source": row_source(source),
                }
                rows.append(start | {"height": 0, "width": 0, "faces": 0, "error": LOST})
            found.photos.append(photos_table(rows))
            yield self._write(part.number)

    def _write(self, number: int) -> FinishedPart:
        import pyarrow

        found, part = self._open.pop(number), self._parts.pop(number)
        photos = pyarrow.concat_tables([photos_table([]), *found.photos]).sort_by("index")
        if found.faces and sum(len(each) for each in found.faces):
            faces = pyarrow.concat_tables(found.faces)
            faces = faces.sort_by([("index", "ascending"), ("face", "ascending")]).drop_columns(["index"])
            (self._folder / FACES / part.name).write(table_bytes(faces))
        (self._folder / PHOTOS / part.name).write(table_bytes(photos.drop_columns(["index"])))
        return summary_of(number, photos)


def summary_of(number: int, photos: Any) -> FinishedPart:  # noqa: ANN401
    """What a table of photographs says."""
    errors, faces = photos["error"].to_pylist(), photos["faces"].to_pylist()
    failed = [(source, why) for source, why in zip(photos["source"].to_pylist(), errors) if why is not None]
    without = sum(count == 0 and why is None for count, why in zip(faces, errors))
    return FinishedPart(number, len(errors), sum(faces), without, tuple(failed))


def finished_parts(folder: Place) -> set[int]:
    """Numbers of the parts that are finished."""
    names = (each.path.rpartition("/")[2] for each in (folder / PHOTOS).files())
    return {int(name[:-8]) for name in names if name.endswith(".parquet") and name[:-8].isdecimal()}


def remove_parts(folder: Place) -> None:
    """Take away the parts of a former run; whatever else is there stays.

    Raises:
        ExportError: one cannot be removed.
    """
    for kind in (PHOTOS, FACES):
        for place in (folder / kind).files():
            name = place.path.rpartition("/")[2]
            if name.endswith(".parquet") and name[:-8].isdecimal():
                place.remove()
