"""The generators of pictures that a recipe asks for, as one process of a build holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitted import FittedPhoto, MadeView, Occluder, Renderer, ViewGenerator
from lineament.data.occlusion.occluders import FaceOccluder, donor
from lineament.data.occlusion.scene import Donor
from lineament.data.occlusion.textures import any_texture
from lineament.data.photographs.backgrounds import training_backgrounds
from lineament.data.render.renderer import FaceRenderer
from lineament.data.render.scene import RenderConfig
from lineament.data.samples.recipe import BuildRecipe, RenderedOptions
from lineament.data.samples.sample import Kind
from lineament.data.samples.view import View
from lineament.data.views.random_expressions import EditProbabilities
from lineament.data.views.rotated import RotatedViewConfig, RotatedViewGenerator
from lineament.geometry.morphable import MorphableModel
from lineament.models.arrays import existing
from lineament.models.texture import TEXTURE_PATH, load_texture_model

Image8 = NDArray[np.uint8]

FRAMING_SCHEME = "lfm-68"
HEAD_ROOM = 0.9
"""How far beside a face's box its head may still be, as a fraction of the box's longer side."""
MIN_PIECE = 40
MIN_TEXTURES, TEXTURE_PX = 20, 256


@dataclass(frozen=True, slots=True)
class Generators:
    """What makes pictures.

    Attributes:
        of_photos: generators of pictures of a photograph, by name; each has random numbers of its own.
        renderer: draws faces that nobody has, or None.
        occluder: puts things in front of heads, or None.
    """

    of_photos: dict[str, ViewGenerator]
    renderer: Renderer | None
    occluder: Occluder | None


def generators_of(
    recipe: BuildRecipe, model: MorphableModel, backgrounds: Path | None, others: Sequence[FittedPhoto]
) -> Generators:
    """The generators that a recipe asks for.

    Args:
        recipe: of the set.
        model: the face model.
        backgrounds: zip of pictures without people; None takes what is seen beside the faces of `others`.
        others: photographs of people for training, who come before other people's faces.
    """
    pictures = surroundings_of(others, model) if backgrounds is None else training_backgrounds(backgrounds)
    generators: dict[str, ViewGenerator] = {"turned": RotatedPictures(recipe, model, pictures)}
    occluder = (
        FaceOccluder(model, pictures, donors_of(others, model)) if recipe.occluded.probability else None
    )
    return Generators(generators, _renderer(recipe, model, pictures), occluder)


def _renderer(recipe: BuildRecipe, model: MorphableModel, pictures: Sequence[Image8]) -> FaceRenderer | None:
    rendered = recipe.rendered
    if not rendered.count:
        return None
    textures = load_texture_model(texture_path(rendered))
    config = RenderConfig(size=rendered.size, keys_probability=rendered.keys_probability)
    return FaceRenderer(model, textures, pictures, config)


def texture_path(rendered: RenderedOptions) -> Path:
    """Where the textures of rendered faces lie; ModelError if there is no such file."""
    path = TEXTURE_PATH if rendered.textures == "open" else Path(rendered.textures)
    return existing(path, kind="a texture model, .npz")


class RotatedPictures:
    """Each photograph as it is and turned: a `ViewGenerator`.

    Args:
        recipe: of the set.
        model: the face model.
        pictures: without faces, shown behind heads.
    """

    def __init__(self, recipe: BuildRecipe, model: MorphableModel, pictures: Sequence[Image8]) -> None:
        rotated = recipe.rotated
        self._photographed = rotated.photographed
        config = RotatedViewConfig(
            views=rotated.count + 1,
            size=rotated.size,
            canvas=round(rotated.size * 1.5),
            face=rotated.face,
            max_yaw=np.radians(rotated.max_yaw_deg),
            edited_probability=recipe.edited.probability,
            straight_probability=recipe.edited.straight,
            edits=EditProbabilities().and_mouth_keys(recipe.edited.mouth_keys),
            min_face=recipe.photos.min_face,
        )
        self._generator = RotatedViewGenerator(model, pictures, config)

    def __call__(self, photo: FittedPhoto, rng: np.random.Generator) -> list[MadeView]:
        """The pictures of one photograph; none if its face is too small."""
        made = self._generator(photo, rng)
        return made if self._photographed else [one for one in made if one.kind != Kind.PHOTOGRAPHED]


def donors_of(photos: Sequence[FittedPhoto], model: MorphableModel) -> list[Donor]:
    """The faces of photographs, to come before other people's."""
    views = (View(photo.image, photo.camera, photo.identity, photo.expression) for photo in photos)
    return [donor(view, model) for view in views]


def surroundings_of(photos: Sequence[FittedPhoto], model: MorphableModel) -> list[Image8]:
    """What is seen beside the heads of photographs: pictures without faces, for want of others.

    Returns:
        (H, W, 3) uint8 each: those pieces, and as many textures made of them, of noise, or of one colour.
    """
    pieces = [piece for photo in photos for piece in _beside_head(photo, model)]
    rng = np.random.default_rng(len(pieces))
    return pieces + [any_texture(rng, pieces, TEXTURE_PX) for _ in range(max(len(pieces), MIN_TEXTURES))]


def _beside_head(photo: FittedPhoto, model: MorphableModel) -> list[Image8]:
    """The parts of a photograph left and right of its head, where they are large enough."""
    landmarks = model.landmarks_model(photo.identity, photo.expression, scheme=FRAMING_SCHEME)
    x = photo.camera.image_from_model(landmarks.astype(float))[:, 0]
    room = HEAD_ROOM * float(np.ptp(x))
    left, right = int(x.min() - room), int(x.max() + room)
    pieces = [photo.image[:, : max(left, 0)], photo.image[:, max(right, 0) :]]
    return [np.ascontiguousarray(piece) for piece in pieces if min(piece.shape[:2]) >= MIN_PIECE]
