"""Pictures of single items: truth and prediction on the photograph, and both meshes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.crop import CropBox, crop_around_box
from lineament.errors import BoxError
from lineament.evaluate.items import EvaluationItem, Prediction
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize
from lineament.geometry.topology import GROUPS_68
from lineament.resample import resample_crop

Array = NDArray[Any]
Picture = NDArray[np.uint8]

SIZE = 216  # px of a panel
MARGIN = 1.7  # of the panel over the face's box
TRUTH_RGB, FOUND_RGB, MESH_RGB = (64, 220, 110), (255, 92, 60), (150, 200, 255)
LIGHT = np.array([-0.35, -0.5, -0.79])
QUALITY = 82


def panels(item: EvaluationItem, prediction: Prediction | None, labels: str) -> Picture:
    """A strip: the photograph with the true points (green) and the found ones (red), then the meshes.

    Args:
        item: with its photograph.
        prediction: None where nothing was found.
        labels: label set of the points.
    """
    photo = item.photo.read()
    box = _crop_box(item, prediction)
    crop = resample_crop(photo, box)
    first = Image.fromarray(crop).convert("RGB")
    truth = item.landmarks.get(labels)
    if truth is not None:
        _paint_points(first, box.crop_from_image(truth[:, :2]), TRUTH_RGB)
    if prediction is not None:
        _paint_points(first, box.crop_from_image(prediction.landmarks_image[:, :2]), FOUND_RGB)
    strip = [np.asarray(first)]
    if prediction is not None and prediction.vertices_image is not None and prediction.triangles is not None:
        strip.append(_shaded(crop, box.crop_from_image(prediction.vertices_image), prediction.triangles))
    surface = item.surface() if item.surface is not None else None
    if surface is not None and len(surface.triangles):
        strip.append(_shaded(crop, box.crop_from_image(surface.vertices_image), surface.triangles))
    return np.concatenate(strip, axis=1)


def as_data_url(picture: Picture) -> str:
    """The picture inside the page: JPEG in base 64."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _crop_box(item: EvaluationItem, prediction: Prediction | None) -> CropBox:
    """Around the true face; around the found one where the truth has no box."""
    try:
        return crop_around_box(item.box_xyxy, size=SIZE, margin=MARGIN)
    except BoxError:
        if prediction is None:
            height, width = item.photo.read().shape[:2]
            return CropBox((width / 2, height / 2), max(width, height), SIZE)
        xy = prediction.landmarks_image[:, :2]
        return crop_around_box([*xy.min(axis=0), *xy.max(axis=0)], size=SIZE, margin=MARGIN)


def _paint_points(picture: Image.Image, points: Array, color: tuple[int, int, int]) -> None:
    pen = ImageDraw.Draw(picture)
    if len(points) == 68:
        for group in GROUPS_68:
            strip = [tuple(points[number]) for number in group.strip if np.isfinite(points[number]).all()]
            if len(strip) > 1:
                pen.line(strip, fill=color, width=1)
    for x, y in points[np.isfinite(points).all(axis=1)]:
        pen.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=color)


def _shaded(crop: Picture, vertices: Array, triangles: Sequence[Array] | Array) -> Picture:
    """A lit mesh over the faint photograph."""
    triangles = np.asarray(triangles)
    raster = rasterize(vertices, triangles, size_hw=(SIZE, SIZE))
    visible = raster.mask
    corners = triangles[raster.triangle_index[visible]]
    normals = np.einsum("pck,pc->pk", vertex_normals(vertices, triangles)[corners], raster.weights[visible])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    light = np.abs(normals @ (LIGHT / np.linalg.norm(LIGHT)))[:, None]  # meshes of others may be inside out
    picture = (0.35 * crop).astype(np.float64)
    picture[visible] = np.array(MESH_RGB) * (0.3 + 0.7 * light)
    return picture.round().astype(np.uint8)
