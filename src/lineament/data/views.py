"""Training views: every photograph as it is and turned, so that all head angles come alike.

``python -m lineament.data.views --out FOLDER`` writes shards of pictures (``*_images.npy``) and labels
(``*_labels.npz``); shards that exist already are kept, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox, crop_around_points, upright_roll
from lineament.data.collections import COLLECTIONS, Collection, read_collection, read_member, shared_folder
from lineament.data.fitting import Fits, Fitter
from lineament.data.layouts import mesh_layout
from lineament.data.turning import PhotoSurface
from lineament.data.warp import warp_reflecting
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angles_from_matrix, matrix_from_angles
from lineament.models.builtin import load_builtin

Array = NDArray[np.floating]
Image8 = NDArray[np.uint8]

log = logging.getLogger(__name__)

FRAMING_SCHEME = "lfm-68"
BORDER_PX = 12.0


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """How many views, and which.

    Attributes:
        views: per photograph, the first as photographed, the others turned.
        size: side of a view, px.
        canvas: side of the picture that is turned, px: larger, for what comes into sight.
        face: longer side of the 68 landmarks' box in the canvas, px.
        most_yaw: greatest yaw of a turned view, radians.
        turn_back: how far a face may be turned back towards the front, radians.
        either_side: below this yaw a face may be turned to either side, radians.
        pitch_spread: standard deviation of pitch added to a turned view, radians.
        wide_share: share of turned views with twice and a half the pitch spread.
        most_pitch: greatest change of pitch, radians.
        most_residual: photographs whose fit is worse than this are left out.
        least_face: photographs whose face is smaller than this, px, are left out.
        framed_share: photographs that go over into another picture at their border; the others continue as
            their own mirror image.
        photos_a_shard: photographs in one pair of files.
        seed: of all random choices.
    """

    views: int = 8
    size: int = 160
    canvas: int = 240
    face: float = 96.0
    most_yaw: float = np.radians(98)
    turn_back: float = np.radians(8)
    either_side: float = np.radians(11)
    pitch_spread: float = np.radians(9)
    wide_share: float = 0.2
    most_pitch: float = np.radians(30)
    most_residual: float = 0.022
    least_face: float = 40.0
    framed_share: float = 0.7
    photos_a_shard: int = 256
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ViewLabels:
    """Labels of V views.

    Attributes:
        rotation: (V, 3, 3) of the head, model frame.
        scale: (V,) px per mm.
        translation: (V, 2) px of the view.
        identity: (V, K).
        expression: (V, E).
        photo: (V,) number of the photograph in its collection.
        validation: (V,) True for people kept from training.
    """

    rotation: Array
    scale: Array
    translation: Array
    identity: Array
    expression: Array
    photo: NDArray[np.integer]
    validation: NDArray[np.bool_]


def target_rotations(rotation: Array, config: ViewConfig, rng: np.random.Generator) -> list[Array]:
    """Poses to turn an upright face to: yaw spread evenly from the present one on to the side it shows."""
    angles = angles_from_matrix(rotation)
    yaw, pitch = float(angles.yaw), float(angles.pitch)
    count = config.views - 1
    least = max(abs(yaw) - config.turn_back, 0.0)
    steps = (np.arange(count) + rng.uniform(0, 1, count)) / count
    rotations = []
    for step in steps:
        side = np.sign(yaw) if abs(yaw) > config.either_side else rng.choice([-1.0, 1.0])
        spread = config.pitch_spread * (2.5 if rng.uniform() < config.wide_share else 1.0)
        new_pitch = pitch + np.clip(spread * rng.standard_normal(), -config.most_pitch, config.most_pitch)
        rotations.append(
            matrix_from_angles(side * (least + step * (config.most_yaw - least)), new_pitch, 0.0)
        )
    return rotations


def photo_views(
    photo: Image.Image,
    model: MorphableModel,
    fits: Fits,
    number: int,
    backgrounds: Sequence[Image8],
    config: ViewConfig,
    rng: np.random.Generator,
) -> list[tuple[Image8, WeakPerspective]]:
    """All views of one photograph with the head's camera in each; none if the face is too small."""
    identity, expression = fits.identity[number], fits.expression[number]
    camera = WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
    landmarks_model = model.landmarks_model(identity, expression, scheme=FRAMING_SCHEME).astype(float)
    tight = crop_around_points(
        camera.image_from_model(landmarks_model), size=1, roll=upright_roll(camera.rotation), margin=1.0
    )
    if tight.side < config.least_face:
        return []
    box = CropBox(tight.center_xy, tight.side * config.canvas / config.face, config.canvas, tight.roll)
    behind = backgrounds[rng.integers(len(backgrounds))] if rng.uniform() < config.framed_share else None
    canvas, upright = cut_reflecting(photo, box, behind), box.camera_in_crop(camera)
    vertices = upright.image_from_model(model.vertices_model(identity, expression))
    surface = PhotoSurface(canvas, vertices, model.triangles, upright)
    edge = (config.canvas - config.size) // 2
    straight = WeakPerspective(upright.rotation, upright.scale, upright.translation - [edge, edge, 0.0])
    views = [(canvas[edge : edge + config.size, edge : edge + config.size], straight)]
    for rotation in target_rotations(upright.rotation, config, rng):
        background = backgrounds[rng.integers(len(backgrounds))]
        view = surface.turned(rotation, landmarks_model, config.size, background)
        views.append((view.image, view.camera))
    return views


def cut_reflecting(photo: Image.Image, box: CropBox, behind: Image8 | None = None) -> Image8:
    """The crop of a photo that continues as its own mirror image, antialiased when it shrinks.

    Where `behind` (any square picture) is given, the continuation goes over into it within a few pixels.
    """
    shrink = max(box.side / box.size, 1.0)
    size_wh = (max(round(photo.width / shrink), 1), max(round(photo.height / shrink), 1))
    small = np.asarray(photo.resize(size_wh, Image.Resampling.BOX) if shrink > 1 else photo)
    ratio = np.array([[size_wh[0] / photo.width], [size_wh[1] / photo.height]])
    shift = box.image_from_crop(np.zeros(2))
    matrix = ratio * np.concatenate([box.image_from_crop_matrix[:2, :2], shift[:, None]], axis=1)
    crop = warp_reflecting(small, matrix, box.size)
    if behind is None:
        return crop
    share = _share_of_photo(matrix, small.shape[:2], box.size)[..., None]
    other = np.asarray(Image.fromarray(behind).resize((box.size, box.size), Image.Resampling.BILINEAR))
    return (crop * share + other * (1 - share)).astype(np.uint8)


def _share_of_photo(matrix: Array, size_hw: tuple[int, int], size: int) -> Array:
    """(size, size) one inside the photo, falling to zero within `BORDER_PX` source px outside it."""
    at = np.arange(size) + 0.5
    columns, rows = np.meshgrid(at, at)
    x, y = (row[0] * columns + row[1] * rows + row[2] for row in matrix)
    outside = np.maximum.reduce([-x, x - size_hw[1], -y, y - size_hw[0], np.zeros_like(x)])
    return np.clip(1 - outside / BORDER_PX, 0, 1)


def read_backgrounds(folder: Path, size: int, count: int, rng: np.random.Generator) -> list[Image8]:
    """Random (size, size, 3) pieces of the background pictures, some blurred as behind a portrait."""
    pieces = []
    with zipfile.ZipFile(folder / "bsds500_no_faces.zip") as archive:
        pictures = [read_member(archive, name) for name in archive.namelist()]
    for _ in range(count):
        picture = pictures[rng.integers(len(pictures))]
        side = int(rng.integers(size // 2, min(picture.size)))
        left, top = rng.integers(picture.width - side + 1), rng.integers(picture.height - side + 1)
        piece = picture.crop((left, top, left + side, top + side))
        if rng.uniform() < 0.5:
            piece = piece.resize((size // 6, size // 6), Image.Resampling.BOX)
        pieces.append(np.asarray(piece.resize((size, size), Image.Resampling.BICUBIC)))
    return pieces


def write_shard(shared: Path, out: Path, name: str, first: int, config: ViewConfig) -> int:
    """Write one shard unless it is there already; the number of views in it, 0 if it was there."""
    stem = out / f"{name}_{first:05d}"
    if stem.with_name(stem.name + "_labels.npz").exists():
        return 0
    model = load_builtin()
    collection = read_collection(shared / "photos", name)
    part = slice(first, first + config.photos_a_shard)
    fits = Fitter(model, mesh_layout()).fit(collection.mesh_points[part])
    rng = np.random.default_rng([config.seed, COLLECTIONS.index(name), first])
    backgrounds = read_backgrounds(shared / "backgrounds", config.size, 200, rng)
    images: list[Image8] = []
    cameras: list[WeakPerspective] = []
    photos: list[int] = []
    with zipfile.ZipFile(collection.archive) as archive:
        for number in np.flatnonzero(fits.residual < config.most_residual):
            photo = read_member(archive, collection.photo_names[first + number])
            for image, camera in photo_views(photo, model, fits, number, backgrounds, config, rng):
                images.append(image)
                cameras.append(camera)
                photos.append(int(number))
    _write(stem, images, _labels(cameras, np.array(photos), fits, collection, first))
    return len(images)


def _labels(
    cameras: Sequence[WeakPerspective],
    photos: NDArray[np.integer],
    fits: Fits,
    collection: Collection,
    first: int,
) -> ViewLabels:
    return ViewLabels(
        rotation=np.float32([c.rotation for c in cameras]),
        scale=np.float32([c.scale for c in cameras]),
        translation=np.float32([c.translation[:2] for c in cameras]),
        identity=fits.identity[photos],
        expression=fits.expression[photos],
        photo=first + photos,
        validation=collection.is_validation[first + photos],
    )


def _write(stem: Path, images: list[Image8], labels: ViewLabels) -> None:
    """Write pictures, then labels, each under a temporary name first: labels mean that the shard is whole."""
    pictures = stem.with_name(stem.name + "_images.npy")
    temporary = pictures.with_suffix(".part")
    with temporary.open("wb") as file:
        np.save(file, np.stack(images))
    os.replace(temporary, pictures)
    table = stem.with_name(stem.name + "_labels.npz")
    with temporary.open("wb") as file:
        np.savez(file, **{f.name: getattr(labels, f.name) for f in fields(labels)})
    os.replace(temporary, table)


def build_views(
    shared: Path, out: Path, *, names: Sequence[str] = COLLECTIONS, config: ViewConfig, workers: int
) -> int:
    """Write the views of whole collections with several processes; the number of views written."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = []
    for name in names:
        count = len(read_collection(shared / "photos", name).photo_names)
        jobs += [(name, first) for first in range(0, count, config.photos_a_shard)]
    # Shards of all collections come alternately, so that a training may start on the first ones.
    jobs.sort(key=lambda job: job[1])
    written = 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [(job, pool.submit(write_shard, shared, out, *job, config)) for job in jobs]
        for (name, first), future in waiting:
            written += future.result()
            log.info("%s %5d: %d views", name, first, written)
    return written


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=None)
    parser.add_argument("--collections", nargs="+", default=list(COLLECTIONS))
    parser.add_argument("--views", type=int, default=ViewConfig().views)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    config = ViewConfig(views=given.views)
    build_views(
        given.shared or shared_folder(),
        given.out,
        names=given.collections,
        config=config,
        workers=given.workers,
    )


if __name__ == "__main__":
    main()
