"""Mosaics on disk, for the training of a detector: pictures and labels of a shard in two files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.mosaics.composites import LABEL_COLUMNS, MAX_FACES, Composer, CompositeConfig
from lineament.data.photographs.backgrounds import training_backgrounds
from lineament.data.photographs.face_sets import FaceSet, read_photo_sets
from lineament.data.views.rotated_views import read_rotated_views
from lineament.errors import DataError
from lineament.foreign import foreign

Row = tuple[NDArray[np.uint8], NDArray[np.float32]]
FACE_RGB, IGNORED_RGB = (0, 255, 0), (255, 0, 0)


def shared_composer(
    shared: Path,
    *,
    views: Path | None = None,
    view_fraction: float = 0.45,
    held_out: bool = False,
    empty: float = 0.1,
) -> Composer:
    """What composes mosaics of the shared folder's photographs and backgrounds.

    Args:
        shared: the folder of reference material.
        views: samples of `lineament data build`, for heads turned far to the side.
        view_fraction: fraction of the faces taken from the views.
        held_out: the 4 % of the people whom training never sees, in place of the others.
        empty: fraction of mosaics without a face.

    Raises:
        DataError: photographs, backgrounds or views are missing.
    """
    backgrounds = training_backgrounds(shared / "backgrounds" / "bsds500_no_faces.zip")
    face_sets: list[tuple[FaceSet, float]] = [(read_photo_sets(shared).part(held_out=held_out), 1.0)]
    if views is not None:
        rotated = read_rotated_views(views).part(held_out=held_out)
        face_sets = [(face_sets[0][0], 1 - view_fraction), (rotated, view_fraction)]
    usual = CompositeConfig()
    rest = (1 - empty) / (usual.single + usual.mosaic + usual.crowd)
    config = replace(usual, single=rest * usual.single, mosaic=rest * usual.mosaic, crowd=rest * usual.crowd)
    return Composer(face_sets, backgrounds, config)


def composed(composer: Composer, *, count: int, seed: tuple[int, int]) -> Iterator[Row]:
    """So many mosaics; the same of the same seed."""
    rng = np.random.default_rng(list(seed))
    for _ in range(count):
        composite = composer.compose(rng)
        yield composite.canvas, composite.labels


def write_shard(rows: Iterable[Row], path: Path, *, count: int, size: int) -> int:
    """Write pictures and labels of a shard; how many faces in it count.

    ``path.npy`` is (count, size, size, 3) uint8, ``path.labels.npy`` (count, MAX_FACES, 8) float32.
    The pictures get their name last: a shard that can be found is whole, so that a training may read shards
    while more are being made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    pictures = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    labels = np.zeros((count, MAX_FACES, len(LABEL_COLUMNS)), np.float32)
    for number, (picture, faces) in enumerate(rows):
        pictures[number], labels[number] = picture, faces
    pictures.flush()
    np.save(path.with_suffix(".labels.npy"), labels)
    unfinished.rename(path.with_suffix(".npy"))
    return int((labels[..., -1] > 0).sum())


def save_sheet(path: Path, out: Path) -> None:
    """Draw the first mosaics of a shard, its name without suffix, with their boxes.

    Raises:
        DataError: the shard is damaged.
    """
    with foreign(DataError, f"The mosaics {path} cannot be read", "Make them again in another folder."):
        mosaics = np.load(path.with_suffix(".npy"), mmap_mode="r")
        labels = np.load(path.with_suffix(".labels.npy"))
    mosaic_sheet(mosaics, labels).save(out)


def mosaic_sheet(
    mosaics: NDArray[np.uint8], labels: NDArray[np.float32], *, columns: int = 6, rows: int = 5
) -> Image.Image:
    """Mosaics (n, S, S, 3) side by side; faces (n, F, 8) in green, in red those that do not count."""
    size = mosaics.shape[1]
    sheet = Image.new("RGB", (columns * size, rows * size))
    for place, (mosaic, faces) in enumerate(zip(mosaics[: columns * rows], labels)):
        image = Image.fromarray(mosaic)
        draw = ImageDraw.Draw(image)
        for face in faces[faces[:, 7] != 0]:
            draw.rectangle(face[:4].tolist(), outline=FACE_RGB if face[7] > 0 else IGNORED_RGB)
        sheet.paste(image, (place % columns * size, place // columns * size))
    return sheet
