"""Faces of any method, fitted to the photograph once more by drawing them: shape, pose, colours and light.

The renderer and the photometric loss are those that Zhou and Huang's regressor learns with; here they move
the numbers of one face. Light and texture are found first, on the geometry that the method gave: each is a
linear problem while the other is held. Then everything moves together by a few tens of steps, held by the
start's own landmarks and by how far numbers usually are from each other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lineament.crop import CropBox
from lineament.errors import BoxError, ConfigError
from lineament.image import Picture, size_wh
from lineament.methods.dff_face import DffResult, FaceColors
from lineament.models.texture import TextureModel, load_texture_model
from lineament.result import DEFAULT_SCHEME, FaceResult, MorphableResult
from lineament.train.dff.photo_fit import ModelTables, PhotoFit, perspective_of
from lineament.train.dff.refine_options import DEFAULTS, RefineOptions

MAX_STEPS = 1000
LEAST_SHARE = 0.3
"""Of the skin's vertices, that have to be on the photograph."""
FRAME = 1.15
"""Side of the square that is looked at over what the skin fills of it."""


class Refiner:
    """Fits faces to their photographs; tables of a face model are made when it is first met.

    One may serve several threads, and remembers nothing of a photograph.
    """

    def __init__(self, options: RefineOptions = DEFAULTS, texture: TextureModel | None = None) -> None:
        """Load the colours.

        Args:
            options: weights and step sizes.
            texture: the colours of faces; None takes the installed ones.
        """
        self.options = options
        self._texture = load_texture_model() if texture is None else texture
        self._tables: dict[tuple[int, int, int, bool], ModelTables] = {}

    def __repr__(self) -> str:
        """The colours."""
        return f"Refiner({self._texture!r})"

    def __call__(self, photo: Picture, face: FaceResult, *, steps: int = 30) -> DffResult:
        """The face, nearer to what the photo shows, with its colours and the light on it.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it: the one that the face was aligned on.
            face: with coefficients of a face model that the texture model fits.
            steps: of the fit of everything together, 1 to 1000.

        Returns:
            A result of the same face model and camera, scheme of landmarks, detection and crop box. What its
            landmarks have beyond the mesh they keep.

        Raises:
            ConfigError: `steps` is out of its range, or the face has no coefficients, is not finite, or is of
                a model that the textures do not fit.
            BoxError: the face lies outside of the photo.
        """
        if not 1 <= steps <= MAX_STEPS:
            raise ConfigError(f"steps must be 1 to {MAX_STEPS}, found {steps}. 30 are enough for most faces.")
        start = _checked(face)
        tables = self._tables_of(start)
        box = _square_around(start, tables.colors, size_wh(photo), self.options.size)
        fit = PhotoFit(self.options, tables, start, box, photo)
        with torch.enable_grad():
            found = fit.run(steps)
        before, after = (fit.result(numbers, start) for numbers in (fit.beginning, found))
        moved = after.landmarks(start.landmark_scheme) - before.landmarks(start.landmark_scheme)
        return replace(
            after,
            landmarks_image=(start.landmarks_image + moved).astype(np.float32),
            landmark_scheme=start.landmark_scheme,
        )

    def _tables_of(self, face: MorphableResult) -> ModelTables:
        model, weak = face.model, perspective_of(face) is None
        key = (id(model), len(face.identity), len(face.expression), weak)
        if key not in self._tables:
            self._tables[key] = ModelTables.of(face, self._texture, weak=weak)
        return self._tables[key]


def _checked(face: FaceResult) -> MorphableResult:
    """The face, if it can be a start.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(face, MorphableResult):
        raise ConfigError(
            f"Refining moves coefficients of a face model, and a {type(face).__name__} has none. Use weights "
            f"whose results have them, such as 'default'."
        )
    if not face.is_finite:
        raise ConfigError("The method failed on this face: none of its numbers is known. Leave it out.")
    if DEFAULT_SCHEME not in face.model.schemes or face.landmark_scheme not in face.mesh.schemes:
        raise ConfigError(
            f"Refining needs landmarks {DEFAULT_SCHEME!r} and {face.landmark_scheme!r} of the face model; "
            f"{face.model.name!r} has {', '.join(sorted(face.model.schemes)) or 'none'}."
        )
    return face


def _square_around(
    face: MorphableResult, colors: FaceColors, photo_wh: tuple[int, int], size: int
) -> CropBox:
    """The upright square of the photo that the skin fills; about the camera's axis where it has one.

    Raises:
        BoxError: hardly any of the skin is on the photo.
    """
    skin = np.asarray(face.vertices_image, np.float64)[np.unique(colors.triangles), :2]
    share = float(((skin >= 0) & (skin <= photo_wh)).all(axis=1).mean())
    low, high = skin.min(axis=0), skin.max(axis=0)
    if share < LEAST_SHARE:
        left, top, right, bottom = (round(float(value)) for value in (*low, *high))
        raise BoxError(
            f"The face, from ({left}, {top}) to ({right}, {bottom}), lies outside of this photo of "
            f"{photo_wh[0]} x {photo_wh[1]} px: {share:.0%} of it are inside. Give the photo that it was "
            f"aligned on, upright as `lineament.read_image` reads it."
        )
    perspective = perspective_of(face)
    center = (low + high) / 2 if perspective is None else np.asarray(perspective.center_xy)
    side = 2 * FRAME * float(np.abs(np.concatenate([low - center, high - center])).max())
    return CropBox(center_xy=(float(center[0]), float(center[1])), side=side, size=size)
