"""The face looking straight at the viewer, in the colours of its photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.export.texture import FaceTexture
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.raster import rasterize_values, toward_viewer
from lineament.geometry.uv import bilinear
from lineament.result import FaceResult

FINER = 2  # drawn so many times larger, for smooth edges
MARGIN = 1.06  # the picture's side over the face's height


def frontal_view(
    face: FaceResult, texture: FaceTexture, *, size: int = 512, completed: bool = True
) -> NDArray[np.uint8]:
    """The face turned to the viewer with its own shape and expression.

    Args:
        face: the result.
        texture: of the face, from its photo.
        size: side of the picture, px.
        completed: fill what the photo hides; otherwise it is transparent.

    Returns:
        (S, S, 4) uint8 RGBA, transparent outside of the face.
    """
    vertices = face.vertices_model.astype(np.float64)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    side = size * FINER
    scale = side / (MARGIN * float((high - low)[:2].max()))
    middle = (low + high) / 2
    translation = np.array([side / 2 - scale * middle[0], side / 2 + scale * middle[1], 0.0])
    camera = WeakPerspective(rotation=np.eye(3), scale=scale, translation=translation)
    vertices_image = camera.image_from_model(vertices)
    front = face.triangles[toward_viewer(vertices_image, face.triangles) > 0]
    assert face.mesh.uv is not None  # or there were no texture
    mask, places = rasterize_values(vertices_image, front, face.mesh.uv, size_hw=(side, side))
    texels_xy = np.moveaxis(places, 0, -1)[mask] * len(texture.colors_rgb)
    picture = np.zeros((side, side, 4), np.uint8)
    source = texture.colors_rgb if completed else texture.marked_rgba
    picture[mask, 3] = 255
    picture[mask, : source.shape[2]] = np.rint(bilinear(source, texels_xy))
    return np.array(Image.fromarray(picture).convert("RGBa").reduce(FINER).convert("RGBA"))
