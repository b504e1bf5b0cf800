"""A part of a batch from photographs to rows: fetched and decoded by threads, aligned together, one file."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from lineament import Detection, FaceAligner
from lineament.batch.options import AlignerOptions
from lineament.batch.places import Place
from lineament.batch.sources import Part, PhotoBytes, photos_of
from lineament.errors import LineamentError
from lineament.export.parquet import COMPRESSION, load_pyarrow, table_of_rows
from lineament.export.rows import Row, photo_rows, readable
from lineament.image import Picture, read_picture

NAME = "part-{:06}.parquet"
DECODED_AHEAD = 4  # photographs of each thread that may wait


@dataclass(frozen=True, slots=True)
class PartDone:
    """What a part came to.

    Attributes:
        number: of the part.
        photos: how many it has.
        faces: how many they show.
        failed: photographs that are rows with a reason.
    """

    number: int
    photos: int
    faces: int
    failed: int


class PartWorker:
    """Aligns parts; its networks are opened once."""

    def __init__(self, options: AlignerOptions, out: str, *, batch: int, decoders: int) -> None:
        """Open the networks.

        Args:
            options: which aligner.
            out: folder of the parts' files, or its address.
            batch: photographs whose faces go through the network together.
            decoders: threads that fetch and decode.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        self._aligner = options.open()
        self._out = Place.of(out)
        self._batch, self._decoders = batch, decoders
        self._schema = part_schema(self._aligner)

    def __call__(self, part: Part) -> PartDone:
        """Make a part's file; all of it or nothing.

        Raises:
            LineamentError: the part cannot be read at all.
            OSError: the file cannot be written.
        """
        rows: list[Row] = []
        photos = faces = failed = 0
        for source, found in self._aligned(part):
            photos += 1
            words = {"photo": readable(source.rsplit("/", 1)[-1]), "source": readable(source)}
            if isinstance(found, str):
                failed += 1
                rows.append(words | {"faces": 0, "error": readable(found)})
                continue
            faces += len(found)
            start = words | {"faces": len(found), "error": None}
            rows += photo_rows(start, found) or [start]
        self._write(part.number, rows)
        return PartDone(part.number, photos, faces, failed)

    def _aligned(self, part: Part) -> Iterator[tuple[str, list[Any] | str]]:
        """Each photograph's name and its faces, or why there are none."""
        waiting: deque[tuple[str, str | None]] = deque()

        def pictures() -> Iterator[Any]:
            for source, picture in _ahead(_decode, photos_of(part), self._decoders):
                waiting.append((source, picture if isinstance(picture, str) else None))
                yield b"" if isinstance(picture, str) else picture  # no bytes are no photo: an error row

        for photo in self._aligner.align_many(pictures(), batch=self._batch):
            source, error = waiting.popleft()
            if photo.error is not None:
                yield source, error or str(photo.error)
            else:
                yield source, photo.faces

    def _write(self, number: int, rows: list[Row]) -> None:
        _, parquet = load_pyarrow()
        stream = io.BytesIO()
        parquet.write_table(table_of_rows(rows, self._schema), stream, compression=COMPRESSION)
        (self._out / NAME.format(number)).write_whole(stream.getvalue())


def part_schema(aligner: FaceAligner) -> Any:  # noqa: ANN401 - pyarrow is not typed
    """The columns of every part, whatever is in it: those of a row of this method, with words before them."""
    box = np.array([32, 32, 96, 96], np.float32)
    faces = aligner.align(np.zeros((128, 128, 3), np.uint8), [Detection(box_xyxy=box, score=1.0)], passes=1)
    start = {"photo": "", "source": "", "faces": 1, "error": ""}
    return table_of_rows(photo_rows(start, faces)).schema.remove_metadata()


def _decode(photo: PhotoBytes) -> tuple[str, Picture | str]:
    """Name and picture, or why there is none."""
    if photo.content is None:
        return photo.source, photo.error or f"{photo.source} has no content."
    try:
        return photo.source, read_picture(photo.content)
    except LineamentError as error:
        return photo.source, str(error).replace("the given bytes", photo.source)


def _ahead(
    work: Callable[[PhotoBytes], tuple[str, Picture | str]], photos: Iterable[PhotoBytes], threads: int
) -> Iterator[tuple[str, Picture | str]]:
    """What threads make of photographs, in order, some ahead of what is asked for."""
    waiting: deque[Future[tuple[str, Picture | str]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for photo in photos:
            waiting.append(pool.submit(work, photo))
            if len(waiting) >= threads * DECODED_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
