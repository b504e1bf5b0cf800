"""Whether something is a photo: an (H, W, 3) uint8 RGB array, or Pillow's picture of mode RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from lineament.errors import ImageError
from lineament.image.kinds import Array, Picture


def as_picture(image: Picture) -> Image.Image:
    """Pillow's picture of a photo.

    Raises:
        ImageError: neither an (H, W, 3) uint8 array nor a picture of mode RGB.
    """
    if not isinstance(image, Image.Image):
        return Image.fromarray(check_image(image))
    if image.mode != "RGB" or image.width == 0 or image.height == 0:
        raise ImageError(
            f"A photo has the mode RGB, found a PIL image of mode {image.mode} and {image.width} x "
            f"{image.height} px. Use `read_image`."
        )
    return image


def size_wh(image: Picture) -> tuple[int, int]:
    """Width and height of a photo, px."""
    return image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])


def check_image(image: Array) -> Array:
    """The array itself, contiguous, if it is an (H, W, 3) uint8 picture; ImageError otherwise."""
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"A photo is an (H, W, 3) uint8 array here, found {type(image).__name__}. Use `read_image`."
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(
            f"A photo is an (H, W, 3) uint8 RGB array, found shape {image.shape}. "
            f"{_shape_advice(image.shape)}"
        )
    if image.dtype != np.uint8:
        raise ImageError(
            f"A photo is an (H, W, 3) uint8 RGB array, found dtype {image.dtype}. "
            f"{_dtype_advice(image.dtype)}"
        )
    return np.ascontiguousarray(image)


def _shape_advice(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "It has no pixels."
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return "Grey pictures: np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)."
    if len(shape) == 3 and shape[2] == 4:
        return "Drop the transparency: image[..., :3]."
    if len(shape) == 3 and shape[0] == 3:
        return "Channels come last: image.transpose(1, 2, 0)."
    if len(shape) == 4:
        return "Give one photo at a time."
    return "Use `read_image` on the file."


def _dtype_advice(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return "Floats in 0..1: (image * 255).round().astype(np.uint8)."
    if dtype == np.uint16:
        return "16-bit pictures: (image // 257).astype(np.uint8)."
    return "Convert it: image.astype(np.uint8), after scaling it to 0..255."
