"""What each pixel shows of the head, as colours: x, y and z on the mean face are red, green and blue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox
from lineament.draw.canvas import Canvas
from lineament.draw.patch import Patch, blend
from lineament.geometry.raster import rasterize_values
from lineament.result import FaceResult

Array: TypeAlias = NDArray[Any]

LAYER_PX = 400  # longer side of the layer, at most


class Correspondence(Protocol):
    """What a face has to know of the pixels of its crop."""

    @property
    def crop_box(self) -> CropBox:
        """Where they lie in the photo."""
        ...

    def at(self, points_image: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Codes in 0..1 at px of the photo, and whether the face is seen there."""
        ...


def paint_correspondence(picture: Canvas, face: FaceResult, opacity: float) -> None:
    """Colour the pixels that show a face by the point of the head that each shows.

    Of CPRFA's faces that is what the network says of each pixel; of other faces what their mesh has there.
    """
    known: Correspondence | None = getattr(face, "correspondence", None)
    points = face.vertices_image if known is None else _corners(known.crop_box)
    patch = Patch.around(points, picture, margin=1 if known is None else 0)
    if patch is None:
        return
    patch = replace(patch, zoom=min(1.0, LAYER_PX / patch.extent))
    codes, seen = _of_mesh(face, patch) if known is None else _of_pixels(known, patch)
    colors = np.rint(np.clip(codes, 0, 1) * 255).astype(np.uint8)
    alpha = seen * np.uint8(255)
    # Premultiplied, so that what means nothing beside the face does not colour its rim.
    layer = Image.fromarray(np.concatenate([colors, alpha[..., None]], axis=2)).convert("RGBa")
    table = [round(opacity * value) for value in range(256)]
    for part, strip in patch.strips(layer):
        shown = strip.convert("RGBA")
        blend(picture, part, shown.convert("RGB"), shown.getchannel("A").point(table))


def _corners(box: CropBox) -> Array:
    size = box.size
    return box.image_from_crop(np.array([[0, 0], [0, size], [size, 0], [size, size]], np.float64))


def _of_pixels(known: Correspondence, patch: Patch) -> tuple[Array, Array]:
    """(h, w, 3) codes at the pixels of the layer and (h, w) where they are known."""
    height, width = patch.size_hw
    row, column = np.mgrid[:height, :width] + 0.5
    places = np.stack([column.ravel(), row.ravel()], axis=1) / patch.zoom + [patch.left, patch.top]
    code, seen = known.at(places)
    return np.nan_to_num(code).reshape(height, width, 3), seen.reshape(height, width)


def _of_mesh(face: FaceResult, patch: Patch) -> tuple[Array, Array]:
    """The same of the mesh's outside; eyes and mouth have the skin's colours there."""
    mean, triangles = face.mesh.mean_model, face.triangles
    skin = np.unique(triangles[slice(*face.mesh.parts.get("face", (0, len(triangles))))])
    low, high = mean[skin].min(axis=0), mean[skin].max(axis=0)
    codes = (mean - low) / np.maximum(high - low, 1e-9)
    vertices = patch.from_image(face.vertices_image)
    finite = np.asarray(np.isfinite(vertices).all(axis=1))
    triangles = triangles[finite[triangles].all(axis=1)]
    mask, bands = rasterize_values(vertices, triangles, codes, size_hw=patch.size_hw, both_sides=False)
    return np.moveaxis(bands, 0, -1), mask
