"""A picture of one face with the labels that make it: what mirrors and crops exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.drawing.warp import warp_reflecting
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

FLIP_X = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class View:
    """A picture of one face with its labels.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        camera: of the head in the picture.
        identity: (K,).
        expression: (E,).
    """

    image: Image8
    camera: WeakPerspective
    identity: Array
    expression: Array


def mirrored_camera(camera: WeakPerspective, *, width: float) -> WeakPerspective:
    """The camera of the same head in the picture mirrored left to right, `width` px wide."""
    rotation = FLIP_X @ camera.rotation @ FLIP_X
    translation = np.array([width - camera.translation[0], *camera.translation[1:]])
    return WeakPerspective(rotation, camera.scale, translation)


def mirrored_view(view: View, model: MorphableModel) -> View:
    """The view in a mirror, with its exact labels.

    Raises:
        ValueError: the model has no exact symmetry.
    """
    identity, expression = model.mirrored(view.identity, view.expression)
    camera = mirrored_camera(view.camera, width=view.image.shape[1])
    return View(view.image[:, ::-1], camera, identity, expression)


def crop_view(view: View, box: CropBox) -> View:
    """The part of a view that a crop shows, with its labels; beyond the view it continues mirrored."""
    image = cut_continued(view.image, box)
    return replace(view, image=image, camera=box.camera_in_crop(view.camera))


def cut_continued(picture: Image8, box: CropBox) -> Image8:
    """(size, size, C) uint8 what a crop shows of an (H, W, C) picture that continues as its mirror image."""
    shift = box.image_from_crop(np.zeros(2))
    matrix = np.concatenate([box.image_from_crop_matrix[:2, :2], shift[:, None]], axis=1)
    return warp_reflecting(picture, matrix, box.size)
