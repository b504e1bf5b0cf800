"""The detector's mosaics: shards on disk, and exact changes of a mosaic and its labels. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.foreign import foreign

LABELS = 8  # numbers of a face

Batch: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Canvases (n, size, size, 3) and labels (n, faces, 8)."""


@dataclass(frozen=True, slots=True)
class MosaicSource:
    """What a worker process needs to know.

    Attributes:
        folder: of shards.
        turn_probability: fraction of the mosaics rotated by quarters.
    """

    folder: str
    turn_probability: float

    def open(self) -> OpenMosaics:
        """The source itself."""
        return OpenMosaics(Shards(Path(self.folder)), self.turn_probability)


class OpenMosaics:
    """Canvases drawn at random, mirrored and turned."""

    def __init__(self, shards: Shards, turn_probability: float) -> None:
        self._shards, self._turn_probability = shards, turn_probability

    def rows(self, rngs: Sequence[np.random.Generator]) -> dict[str, NDArray[np.generic]]:
        """A batch of a row a generator: "mosaic" (n, size, size, 3) and "labels" (n, faces, 8)."""
        places = np.array([rng.integers(len(self._shards.rows)) for rng in rngs])
        mosaics, labels = self._shards.batch(self._shards.rows[places])
        for row, rng in enumerate(rngs):
            mosaics[row], labels[row] = vary(rng, mosaics[row].copy(), labels[row], self._turn_probability)
        return {"mosaic": mosaics, "labels": labels}


class Shards:
    """Canvases and labels of a folder, read from disk as they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Open the shards that are complete.

        Raises:
            DataError: when there is none.
        """
        self.paths = sorted(path for path in folder.glob("*.npy") if not path.name.endswith(".labels.npy"))
        if not self.paths:
            raise DataError(f"There are no mosaics in {folder}: make some with `lineament data mosaics`.")
        advice = "Make them again with `lineament data mosaics`."
        with foreign(DataError, f"The mosaics in {folder} cannot be read", advice):
            self.mosaics = [np.load(path, mmap_mode="r") for path in self.paths]
            self.labels = [np.load(path.with_suffix(".labels.npy")) for path in self.paths]
            _check(self.paths, self.mosaics, self.labels)
        self.rows = np.array([(s, row) for s, part in enumerate(self.labels) for row in range(len(part))])

    def batch(self, rows: NDArray[np.int_]) -> Batch:
        """Canvases (n, size, size, 3) and labels (n, faces, 8)."""
        mosaics = np.stack([self._read(shard, row) for shard, row in rows])
        return mosaics, np.stack([self.labels[shard][row] for shard, row in rows])

    def _read(self, shard: int, row: int) -> NDArray[np.uint8]:
        """One canvas in one read: a memory map fetches it page by page, a hundred times slower from disk."""
        stored = self.mosaics[shard]
        size = int(np.prod(stored.shape[1:]))
        flat = np.fromfile(self.paths[shard], np.uint8, size, offset=stored.offset + int(row) * size)
        return flat.reshape(stored.shape[1:])


def _check(paths: list[Path], mosaics: list[NDArray[Any]], labels: list[NDArray[Any]]) -> None:
    """Of one shape, with as many canvases as labels."""
    for path, pictures, faces in zip(paths, mosaics, labels, strict=True):
        if pictures.shape[1:] != mosaics[0].shape[1:] or faces.shape[1:] != labels[0].shape[1:]:
            raise ValueError(f"{path.name} has canvases of another shape than {paths[0].name}")
        is_whole = pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[3] == 3
        if not is_whole or faces.ndim != 3 or faces.shape[2] != LABELS:
            raise ValueError(
                f"{path.name} is {pictures.dtype} {pictures.shape} with labels {faces.shape}, expected "
                f"uint8 (n, S, S, 3) and (n, F, {LABELS})"
            )
        if len(pictures) != len(faces):
            raise ValueError(f"{path.name} has {len(pictures)} canvases and {len(faces)} rows of labels")


def in_order(shards: Shards, *, size: int = 32, limit: int | None = None) -> Iterator[Batch]:
    """All mosaics, or the first `limit`, in batches."""
    count = len(shards.rows) if limit is None else min(limit, len(shards.rows))
    for start in range(0, count, size):
        yield shards.batch(shards.rows[start : min(start + size, count)])


def mirror(mosaic: NDArray[np.uint8], labels: NDArray[np.float32]) -> Batch:
    """A mosaic and its labels with left and right exchanged."""
    labels = labels.copy()
    used = labels[:, 7] != 0
    width = mosaic.shape[1]
    labels[used, 0], labels[used, 2] = width - labels[used, 2], width - labels[used, 0]
    labels[used, 4] *= -1
    return mosaic[:, ::-1], labels


def turn(mosaic: NDArray[np.uint8], labels: NDArray[np.float32]) -> Batch:
    """A mosaic and its labels turned counter-clockwise by a quarter."""
    rotated = labels.copy()
    used = labels[:, 7] != 0
    width = mosaic.shape[1]
    rotated[used, 0], rotated[used, 1] = labels[used, 1], width - labels[used, 2]
    rotated[used, 2], rotated[used, 3] = labels[used, 3], width - labels[used, 0]
    rotated[used, 4], rotated[used, 5] = labels[used, 5], -labels[used, 4]
    return np.rot90(mosaic), rotated


def vary(
    rng: np.random.Generator, mosaic: NDArray[np.uint8], labels: NDArray[np.float32], turn_probability: float
) -> Batch:
    """A mosaic and its labels, mirrored every second time, and rotated by quarters with a probability."""
    if rng.random() < 0.5:
        mosaic, labels = mirror(mosaic, labels)
    if rng.random() < turn_probability:
        for _ in range(int(rng.integers(1, 4))):
            mosaic, labels = turn(mosaic, labels)
    return mosaic, labels
