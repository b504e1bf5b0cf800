"""Makes the picture sheets of the docs from public-domain portraits (``photos/congress.zip``).

python -m scripts.docs.sheets aligned --out docs/images/sheet.jpg   # photographs kept from training, aligned
python -m scripts.docs.sheets views --out docs/images/views.jpg     # training views with their landmarks
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import lineament as la
from lineament.data.fitting.fitted import FittedPhoto
from lineament.data.fitting.fitter import Fits, Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.photographs.collections import Collection, read_collection, read_member, shared_folder
from lineament.data.samples.recipe import PhotoOptions
from lineament.data.samples.sample import Kind, Provenance
from lineament.data.samples.view import View
from lineament.data.views.rotated import RotatedViewConfig, RotatedViewGenerator
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angles_from_matrix
from lineament.models import load_model

TILE = 200


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("aligned", "views"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=5)
    given = parser.parse_args()
    collection = read_collection(shared_folder() / "photos", "congress")
    make = aligned_tiles if given.kind == "aligned" else view_tiles
    tiles = make(collection, given.rows, given.columns)
    sheet = Image.new("RGB", (given.columns * TILE, given.rows * TILE))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % given.columns * TILE, place // given.columns * TILE))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(given.out, quality=88)


def chosen_by_yaw(collection: Collection, fits: Fits, count: int) -> NDArray[np.integer]:
    """Photographs kept from training, from one profile to the other in even steps of yaw."""
    kept = np.flatnonzero(collection.is_validation & (fits.residual < PhotoOptions().max_residual))
    yaw = angles_from_matrix(fits.rotation[kept]).yaw
    wanted = np.linspace(yaw.min(), yaw.max(), count)
    order = list(np.argsort(yaw))
    picked = []
    for value in wanted:
        nearest = min(order, key=lambda i: abs(yaw[i] - value))
        order.remove(nearest)
        picked.append(kept[nearest])
    return np.array(picked)


def aligned_tiles(collection: Collection, rows: int, columns: int) -> list[Image.Image]:
    """Photograph and overlay side by side, found and aligned by the built-in weights."""
    aligner = la.FaceAligner.from_pretrained()
    fits = Fitter(load_model("lfm"), mesh_layout()).fit(collection.mesh_points)
    tiles = []
    with zipfile.ZipFile(collection.archive) as photos:
        for number in chosen_by_yaw(collection, fits, rows * columns // 2):
            photo = la.read_image(read_member(photos, collection.photo_names[number]))
            overlay = la.draw_overlay(photo, aligner(photo))
            tiles += [_head(picture, collection.mesh_points[number]) for picture in (photo, overlay)]
    return tiles


def _head(picture: NDArray[np.uint8], mesh_points: NDArray[np.floating]) -> Image.Image:
    """The part of a picture around a head as a tile."""
    low, high = mesh_points[:, :2].min(axis=0), mesh_points[:, :2].max(axis=0)
    (x, y), half = (low + high) / 2, 0.85 * float((high - low).max())
    box = [round(v) for v in (x - half, y - half, x + half, y + half)]
    return Image.fromarray(picture).crop(box).resize((TILE, TILE), Image.Resampling.LANCZOS)


def view_tiles(collection: Collection, rows: int, columns: int) -> list[Image.Image]:
    """A row a photograph: as it is, then turned, some with another expression, with the 68 labels."""
    model, rng = load_model("lfm"), np.random.default_rng(5)
    config = RotatedViewConfig(views=columns, straight_probability=0.0)
    # Plain grey: the pictures shown behind heads in training are not in the public domain.
    grey = np.full((config.size, config.size, 3), 128, np.uint8)
    generator = RotatedViewGenerator(model, [grey], config)
    fits = Fitter(model, mesh_layout()).fit(collection.mesh_points)
    tiles = []
    with zipfile.ZipFile(collection.archive) as photos:
        for number in chosen_by_yaw(collection, fits, rows + 2)[1:-1]:
            made = generator(_fitted(photos, collection, fits, number), rng)
            made[1:] = sorted(made[1:], key=lambda one: abs(one.view.camera.rotation[0, 2]))
            tiles += [_labelled(one.view, model) for one in made]
    return tiles


def _fitted(photos: zipfile.ZipFile, collection: Collection, fits: Fits, number: int) -> FittedPhoto:
    name = collection.photo_names[number]
    camera = WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
    return FittedPhoto(
        np.asarray(read_member(photos, name)),
        camera,
        fits.identity[number],
        fits.expression[number],
        Provenance(collection.name, name, collection.people[number], Kind.PHOTOGRAPHED),
    )


def _labelled(view: View, model: la.MorphableModel) -> Image.Image:
    """A view as a tile with its 68 landmarks."""
    points = view.camera.image_from_model(
        model.landmarks_model(view.identity, view.expression, scheme="lfm-68")
    )
    tile = Image.fromarray(view.image).resize((TILE, TILE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(tile)
    for x, y, _ in points * (TILE / len(view.image)):
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=(60, 255, 90))
    return tile


if __name__ == "__main__":
    main()
