"""The makers of pictures that a recipe asks for, as one process of a build holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.backgrounds import training_backgrounds
from lineament.data.fitted import FittedPhoto, MadeView, Occluder, Renderer, ViewMaker
from lineament.data.fitting import Fits
from lineament.data.recipe import BuildRecipe
from lineament.data.sample import Kind
from lineament.data.view import View
from lineament.data.views import ViewConfig, photo_views
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

PIECES = 200


@dataclass(frozen=True, slots=True)
class Makers:
    """What makes pictures.

    Attributes:
        of_photos: makers of pictures of a photograph, by name; each has random numbers of its own.
        renderer: draws faces that nobody has, or None.
        occluder: puts things in front of heads, or None.
    """

    of_photos: dict[str, ViewMaker]
    renderer: Renderer | None
    occluder: Occluder | None


def makers_of(recipe: BuildRecipe, model: MorphableModel, backgrounds: Path | None) -> Makers:
    """The makers that a recipe asks for.

    Args:
        recipe: of the set.
        model: the face model.
        backgrounds: zip of pictures without people, or None.
    """
    pieces = background_pieces(backgrounds, size=recipe.turned.size, seed=recipe.seed)
    return Makers({"turned": TurnedViews(recipe, model, pieces)}, renderer=None, occluder=None)


class TurnedViews:
    """Each photograph as it is and turned, by the photograph's own surface.

    Args:
        recipe: of the set.
        model: the face model.
        backgrounds: (size, size, 3) pieces to show where the turned surface leaves holes.
    """

    def __init__(self, recipe: BuildRecipe, model: MorphableModel, backgrounds: Sequence[Image8]) -> None:
        turned = recipe.turned
        self._photographed = turned.photographed
        self._model = model
        self._backgrounds = backgrounds
        self._config = ViewConfig(
            views=turned.count + 1,
            size=turned.size,
            canvas=round(turned.size * 1.5),
            face=turned.face,
            most_yaw=np.radians(turned.most_yaw_deg),
            least_face=recipe.photos.least_face,
        )

    def __call__(self, photo: FittedPhoto, rng: np.random.Generator) -> list[MadeView]:
        """The pictures of one photograph."""
        camera = photo.camera
        fits = Fits(
            camera.rotation[None],
            np.array([camera.scale]),
            camera.translation[None],
            photo.identity[None],
            photo.expression[None],
            np.zeros(1),
        )
        picture = Image.fromarray(photo.image)
        views = photo_views(picture, self._model, fits, 0, self._backgrounds, self._config, rng)
        kinds = [Kind.PHOTOGRAPHED] + [Kind.TURNED] * (len(views) - 1)
        made = [
            MadeView(View(image, placed, photo.identity, photo.expression), kind)
            for (image, placed), kind in zip(views, kinds)
        ]
        return made if self._photographed else made[1:]


def background_pieces(archive: Path | None, *, size: int, seed: int) -> list[Image8]:
    """Random square pieces of background pictures, some blurred as behind a portrait; noise without any."""
    rng = np.random.default_rng([seed, 77])
    if archive is None:
        return [np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8) for _ in range(PIECES)]
    pictures = training_backgrounds(archive)
    return [_piece(pictures[rng.integers(len(pictures))], size, rng) for _ in range(PIECES)]


def _piece(picture: Image8, size: int, rng: np.random.Generator) -> Image8:
    height, width = picture.shape[:2]
    side = int(rng.integers(size // 2, min(height, width)))
    left, top = rng.integers(width - side + 1), rng.integers(height - side + 1)
    piece = Image.fromarray(picture[top : top + side, left : left + side])
    if rng.uniform() < 0.5:
        piece = piece.resize((size // 6, size // 6), Image.Resampling.BOX)
    return np.asarray(piece.resize((size, size), Image.Resampling.BICUBIC))
