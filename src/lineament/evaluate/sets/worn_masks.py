"""A fourth occlusion set: photographs of masks for mouth and nose, laid on faces. No training sees them.

The 21 pictures are MaskTheFace's (Anwar and Raychowdhury 2020), seven masks from the front and from both
sides, with transparency. Which view is taken follows from how far the landmarks are turned; where a mask's
corners come to lie, from the table below, which was made by looking at the pictures. An affine map with the
least squared distance carries them there: masks do not bend with a face, as those of trainings do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.occlusion.drawing import LUMA, Layer
from lineament.data.photographs.collections import shared_folder
from lineament.errors import DataError
from lineament.foreign import foreign

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = Mapping[str, tuple[float, float]]

FOLDER = Path("occluders") / "masks"
"""Of the pictures, in the folder of reference material."""
SHAPES = {
    "KN95": "KN95",
    "N95": "N95",
    "cloth": "cloth",
    "gas": "gas",
    "surgical": "surgical",
    "surgical_blue": "surgical",
    "surgical_green": "surgical",
}
"""Of each mask the shape that tells where its corners lie."""
SIDES = ("", "_left", "_right")
WIDTH = 320  # px, of the pictures that the places below were read from
FRONT: Mapping[str, Places] = {
    "KN95": {"bridge": (160, 2), "chin": (165, 268), "left": (4, 70), "right": (316, 65)},
    "N95": {"bridge": (158, 4), "chin": (155, 240), "left cheek": (34, 120), "right cheek": (282, 120)},
    "cloth": {"bridge": (160, 3), "chin": (160, 206), "left": (47, 45), "right": (277, 45)},
    "gas": {"bridge": (157, 15), "chin": (157, 206), "left cheek": (92, 100), "right cheek": (222, 100)},
    "surgical": {"bridge": (160, 8), "chin": (160, 262), "left": (16, 60), "right": (302, 60)},
}
"""Places of a mask seen from the front, px right and down."""
SIDE: Mapping[str, Places] = {
    "KN95": {"bridge": (85, 30), "chin": (140, 279), "ear": (304, 12), "below ear": (315, 108)},
    "N95": {"bridge": (85, 48), "chin": (150, 266), "ear": (302, 42), "below ear": (298, 186)},
    "cloth": {"bridge": (65, 5), "chin": (95, 197), "ear": (237, 28), "below ear": (237, 92)},
    "gas": {"bridge": (110, 14), "chin": (95, 205), "cheek": (190, 100)},
    "surgical": {"bridge": (40, 8), "chin": (85, 197), "ear": (266, 8), "below ear": (266, 100)},
}
"""Places on the pictures called left: the nose points to the left of the picture."""
ON_FACE: Mapping[str, Mapping[int, float]] = {
    "bridge": {28: 0.7, 29: 0.3},
    "chin": {8: 1.06, 33: -0.06},
    "left": {1: 0.5, 2: 0.5},
    "right": {15: 0.5, 14: 0.5},
    "left cheek": {3: 0.7, 48: 0.3},
    "right cheek": {13: 0.7, 54: 0.3},
    "ear": {16: 0.7, 15: 0.3},
    "below ear": {15: 0.4, 14: 0.6},
    "cheek": {13: 0.5, 54: 0.5},
}
"""Where these places lie on a face, weights of the 68 landmarks; from the side for a nose to the left."""
MIRRORED_JAW = {number: 16 - number for number in range(17)} | {48: 54, 54: 48}
TURNED_DEG = 25.0
"""From that yaw on a mask is seen from the side."""
NOSE_MM, HALF_JAW_MM = 95.0, 70.0
"""How far the tip of the nose is before the line between the ends of the jaw, and half that line."""
PAPER_LEVEL = 190.0
"""Brightness of a face on which a mask keeps its own colours."""
FINER = 2


@dataclass(frozen=True, slots=True, repr=False)
class WornMasks:
    """A :data:`~lineament.evaluate.sets.occlusion_pictures.Spoiler` that puts a mask on.

    Attributes:
        pictures: name of a picture without ending -> (H, W, 4) uint8 RGBA.
    """

    pictures: Mapping[str, Image8]

    @classmethod
    def read(cls, folder: Path | None = None) -> WornMasks:
        """The 21 pictures of a folder.

        Args:
            folder: with ``KN95.webp``, ``KN95_left.webp`` and so on; ``occluders/masks`` of the reference
                material when left out.

        Raises:
            DataError: there is no such folder, or a picture is missing or cannot be read.
        """
        place = shared_folder() / FOLDER if folder is None else folder
        if not place.is_dir():
            raise DataError(
                f"Pictures of masks were looked for in {place}, and there is no such folder: give theirs "
                f"with --masks, or set LINEAMENT_SHARED to the folder that has {FOLDER}."
            )
        names = [kind + side for kind in SHAPES for side in SIDES]
        missing = [name for name in names if not (place / f"{name}.webp").is_file()]
        if missing:
            raise DataError(
                f"{place} lacks {len(missing)} of the {len(names)} pictures of masks, such as "
                f"{missing[0]}.webp: give a folder with all of them with --masks."
            )
        return cls({name: _read(place / f"{name}.webp") for name in names})

    def __call__(self, image: Image8, landmarks_xy: Array, rng: np.random.Generator) -> tuple[Image8, Mask]:
        """The picture with a mask on the face, and what it hides."""
        kind = list(SHAPES)[rng.integers(len(SHAPES))]
        yaw_deg = turned_deg(landmarks_xy)
        side = "" if abs(yaw_deg) < TURNED_DEG else "_left" if yaw_deg < 0 else "_right"
        picture = self.pictures[kind + side]
        matrix = _image_from_mask(kind, side, landmarks_xy, picture.shape[1])
        layer = _laid(picture, matrix, image.shape[:2])
        layer = layer.tinted(np.clip(_brightness(image, landmarks_xy) / PAPER_LEVEL, 0.25, 1.1))
        layer = layer.tinted(rng.uniform(0.9, 1.05)).softened(1).as_grey_as(image)
        return layer.over(image), layer.mask


def turned_deg(landmarks_xy: Array) -> float:
    """About how far a face is turned to the viewer's right, of 68 points (68, 2) px with a 3D jaw."""
    up = landmarks_xy[27] - landmarks_xy[8]
    across = np.array([-up[1], up[0]]) / max(float(np.linalg.norm(up)), 1e-6)  # to the viewer's right
    ends = (landmarks_xy[[0, 16]] - landmarks_xy[30]) @ across
    nose, half = -float(ends.mean()) / NOSE_MM, abs(float(ends[1] - ends[0])) / 2 / HALF_JAW_MM
    return float(np.degrees(np.arctan2(nose, half)))


def _image_from_mask(kind: str, side: str, landmarks_xy: Array, width: int) -> Array:
    """(2, 3) affine map from px of a mask's picture to px of the photograph."""
    places = (SIDE if side else FRONT)[SHAPES[kind]]
    found = np.array(list(places.values())) * width / WIDTH
    mirrored = side == "_right"
    if mirrored:
        found[:, 0] = width - found[:, 0]
    wanted = np.array([_on_face(name, landmarks_xy, mirrored=mirrored) for name in places])
    rows = np.column_stack([found, np.ones(len(found))])
    return np.linalg.lstsq(rows, wanted, rcond=None)[0].T


def _on_face(name: str, landmarks_xy: Array, *, mirrored: bool) -> Array:
    numbers = {MIRRORED_JAW.get(n, n) if mirrored else n: weight for n, weight in ON_FACE[name].items()}
    return np.sum([weight * landmarks_xy[number] for number, weight in numbers.items()], axis=0)


def _laid(picture: Image8, image_from_mask: Array, size_hw: tuple[int, int]) -> Layer:
    """A picture of a mask where an affine map carries it, in a layer of the photograph's size."""
    height, width = size_hw
    matrix = np.vstack([FINER * image_from_mask, [0, 0, 1]])
    back = np.linalg.inv(matrix)[:2]
    rgba = picture.astype(np.float32)
    rgba[..., :3] *= rgba[..., 3:] / 255  # what is transparent has no colour to smear
    channels = [
        np.asarray(
            Image.fromarray(rgba[..., channel])
            .transform(
                (width * FINER, height * FINER),
                Image.Transform.AFFINE,
                tuple(back.ravel().tolist()),
                Image.Resampling.BILINEAR,
            )
            .reduce(FINER)
        )
        for channel in range(4)
    ]
    alpha = channels[3] / np.float32(255)
    colors = np.stack(channels[:3], axis=-1) / np.maximum(alpha, 1e-3)[..., None]
    return Layer(np.clip(colors, 0, 255).astype(np.float32), alpha.astype(np.float32))


def _brightness(image: Image8, landmarks_xy: Array) -> float:
    """Of the upper face, which no mask hides, 0 to 255."""
    x, y = np.floor(landmarks_xy[[*range(17, 30), *range(36, 48)]]).astype(int).T
    height, width = image.shape[:2]
    x, y = np.clip(x, 1, max(width - 2, 1)), np.clip(y, 1, max(height - 2, 1))
    return float(np.percentile(image[np.minimum(y, height - 1), np.minimum(x, width - 1)] @ LUMA, 80))


def _read(path: Path) -> Image8:
    """(H, W, 4) uint8."""
    with (
        foreign(DataError, f"{path} is no picture of a mask", "Fetch it again."),
        Image.open(path) as picture,
    ):
        return np.asarray(picture.convert("RGBA"))
