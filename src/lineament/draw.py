"""A result on its photo: the mesh, the 68 landmarks, the axes of the head, the box.

Every function takes an (H, W, 3) uint8 RGB photo and returns a new one. Lines grow with the face, so that a
picture reads the same at 200 px and at 4K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize
from lineament.geometry.topology import GROUPS_68, unique_edges
from lineament.image import check_image
from lineament.result import FaceResult

Array = NDArray[np.floating]
Photo = NDArray[np.uint8]
Color = tuple[int, int, int]

MESH_RGB = (150, 200, 255)
GROUP_RGB: dict[str, Color] = {
    "jaw": (255, 255, 255),
    "brow": (255, 214, 92),
    "nose": (110, 220, 255),
    "eye": (120, 255, 160),
    "lip": (255, 130, 160),
}
AXES_RGB: tuple[Color, Color, Color] = ((255, 72, 72), (72, 220, 72), (80, 130, 255))
LIGHT_IMAGE = np.array([-0.35, -0.5, -0.79])  # toward the light: from above the viewer's left shoulder
NOSE_TIP = 30  # of the 68 landmarks


def draw_overlay(photo: Photo, faces: Sequence[FaceResult], *, opacity: float = 0.45) -> Photo:
    """Everything about every face: mesh, landmarks, axes, and the box with the face's number.

    Args:
        photo: (H, W, 3) uint8 RGB.
        faces: results for this photo; face 0 is labelled 0.
        opacity: of the mesh, 0 to 1.

    Raises:
        ImageError: the photo is no such array.
    """
    picture = check_image(photo).copy()
    # Larger faces are usually nearer: they are painted last, over the others.
    for number, face in sorted(enumerate(faces), key=lambda item: _size(item[1])):
        _paint_mesh(picture, face, opacity, "shaded")
        _paint_landmarks(picture, face)
        _paint_axes(picture, face)
        _paint_box(picture, face, str(number))
    return picture


def draw_mesh(
    photo: Photo,
    face: FaceResult,
    *,
    opacity: float = 0.6,
    style: Literal["shaded", "wireframe"] = "shaded",
) -> Photo:
    """The photo with the visible side of one face's mesh on it, as a lit surface or as its edges."""
    picture = check_image(photo).copy()
    _paint_mesh(picture, face, opacity, style)
    return picture


def draw_landmarks(photo: Photo, face: FaceResult) -> Photo:
    """The photo with the 68 landmarks of one face joined by lines; the hidden ones are faint."""
    picture = check_image(photo).copy()
    _paint_landmarks(picture, face)
    return picture


def draw_axes(photo: Photo, face: FaceResult) -> Photo:
    """The photo with the axes of one head at its nose: x (to the viewer's right) red, y green, z blue."""
    picture = check_image(photo).copy()
    _paint_axes(picture, face)
    return picture


@dataclass(frozen=True, slots=True)
class _Patch:
    """A rectangle of the photo, drawn finer than the photo and shrunk when it is laid on it."""

    left: int
    top: int
    width: int
    height: int
    zoom: float  # px of the patch for one of the photo

    @classmethod
    def around(cls, points: Array, photo: Photo, *, margin: float, zoom: float, limit: int) -> _Patch | None:
        """The part of the photo around (N, 2 or 3) points, or None where the photo does not reach."""
        points = points[np.isfinite(points).all(axis=-1), :2]
        if len(points) == 0:
            return None
        size_wh = np.array(photo.shape[1::-1])
        low = np.clip(np.floor(points.min(axis=0) - margin), 0, size_wh).astype(int)
        high = np.clip(np.ceil(points.max(axis=0) + margin), 0, size_wh).astype(int)
        width, height = (int(side) for side in high - low)
        if width <= 0 or height <= 0:
            return None
        return cls(int(low[0]), int(low[1]), width, height, min(zoom, limit / max(width, height)))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the layer, px."""
        return max(1, round(self.height * self.zoom)), max(1, round(self.width * self.zoom))

    def blank(self) -> Image.Image:
        """A transparent layer to draw on."""
        return Image.new("RGBA", self.size_hw[::-1])

    def from_image(self, points_image: Array) -> Array:
        """(..., 2 or 3) points of the photo on the layer; depth scales with it."""
        zoom_xy = np.array(self.size_hw[::-1]) / (self.width, self.height)
        points = np.array(points_image, dtype=np.float64)
        points[..., :2] = (points[..., :2] - (self.left, self.top)) * zoom_xy
        points[..., 2:] *= self.zoom
        return points

    def lay_on(self, picture: Photo, layer: Image.Image) -> None:
        """Blend a layer into a picture of our own."""
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        below = Image.fromarray(picture[rows, columns]).convert("RGBA")
        above = layer.resize(below.size, Image.Resampling.BOX if self.zoom > 1 else Image.Resampling.BILINEAR)
        picture[rows, columns] = np.asarray(Image.alpha_composite(below, above).convert("RGB"))


def _size(face: FaceResult) -> float:
    """Extent of the landmarks in px: what line widths follow."""
    extent = np.ptp(face.landmarks_image[:, :2], axis=0).max()
    return float(extent) if np.isfinite(extent) else 0.0


def _line_width(face: FaceResult, patch: _Patch) -> int:
    """Width of lines in px of the patch; a face far larger than the photo does not fill it with them."""
    width = min(_size(face) / 140, max(patch.width, patch.height) / 70)
    return max(1, round(max(0.5, width) * patch.zoom))


def _paint_mesh(picture: Photo, face: FaceResult, opacity: float, style: str) -> None:
    if style not in ("shaded", "wireframe"):
        raise ValueError(f"A mesh is drawn 'shaded' or 'wireframe', not {style!r}.")
    limit = 1400 if style == "shaded" else 2400  # a lit surface is smooth, so a coarser layer will do
    patch = _Patch.around(face.vertices_image, picture, margin=2, zoom=2, limit=limit)
    if patch is None:
        return
    layer = _shaded(face, patch, opacity) if style == "shaded" else _wireframe(face, patch, opacity)
    patch.lay_on(picture, layer)


def _shaded(face: FaceResult, patch: _Patch, opacity: float) -> Image.Image:
    """The lit surface: each pixel takes the normal of the nearest triangle, smoothed over its corners."""
    vertices = patch.from_image(face.vertices_image)
    raster = rasterize(vertices, face.triangles, size_hw=patch.size_hw)
    seen = raster.triangle_index >= 0
    corners = np.asarray(face.triangles)[raster.triangle_index[seen]]
    normals = np.einsum("pck,pc->pk", vertex_normals(vertices, face.triangles)[corners], raster.weights[seen])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    light = np.clip(normals @ (LIGHT_IMAGE / np.linalg.norm(LIGHT_IMAGE)), 0, 1)[:, None]
    matte_rgb = np.array(MESH_RGB) * (0.4 + 0.6 * light)
    colors_rgb = matte_rgb + 0.3 * light**12 * (255 - matte_rgb)
    pixels = np.zeros((*patch.size_hw, 4), np.uint8)
    pixels[seen, :3] = colors_rgb.round()
    pixels[seen, 3] = round(255 * opacity)
    return Image.fromarray(pixels)


def _wireframe(face: FaceResult, patch: _Patch, opacity: float) -> Image.Image:
    """The edges whose two ends are seen."""
    edges = unique_edges(face.triangles)
    edges = edges[(face.visibility[edges] > 0.5).all(axis=1)]
    layer = patch.blank()
    pen = ImageDraw.Draw(layer)
    color = (*MESH_RGB, round(255 * opacity))
    width = max(1, round(patch.zoom * max(0.5, _size(face) / 600)))
    for start, end in patch.from_image(face.vertices_image)[edges, :2]:
        pen.line((*start, *end), fill=color, width=width)
    return layer


def _paint_landmarks(picture: Photo, face: FaceResult) -> None:
    patch = _Patch.around(face.landmarks_image, picture, margin=4 + _size(face) / 40, zoom=3, limit=2400)
    if patch is None:
        return
    layer = patch.blank()
    pen = ImageDraw.Draw(layer)
    points = patch.from_image(face.landmarks_image)[:, :2]
    opacities = np.where(_landmark_visibility(face) > 0.3, 255, 90)
    width = _line_width(face, patch)
    for group in GROUPS_68:
        color = _group_color(group.name)
        for first, second in pairwise(group.strip):
            fill = (*color, int(min(opacities[first], opacities[second])))
            pen.line((*points[first], *points[second]), fill=fill, width=width)
    for (x, y), opacity in zip(points, opacities.tolist(), strict=True):
        if width > patch.zoom:  # on a smaller face the rims would be all there is to see
            _dot(pen, x, y, 1.5 * width, (20, 20, 30, opacity))
        _dot(pen, x, y, 1.0 * width, (255, 255, 255, opacity))
    patch.lay_on(picture, layer)


def _landmark_visibility(face: FaceResult) -> Array:
    """(68,) visibility of the best seen vertex near each landmark.

    Near, and not nearest: landmarks lie on silhouettes and lip corners, where visibility ends at a vertex.
    """
    differences = face.landmarks_image[:, None] - face.vertices_image
    near = np.einsum("pnc,pnc->pn", differences, differences) < (0.04 * _size(face)) ** 2
    return np.where(near, face.visibility, 0).max(axis=1)


def _group_color(name: str) -> Color:
    """The colour of a group of landmarks, found by the feature its name mentions."""
    return next((color for part, color in GROUP_RGB.items() if part in name), (255, 255, 255))


def _dot(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _paint_axes(picture: Photo, face: FaceResult) -> None:
    origin = face.landmarks_image[NOSE_TIP, :2]
    axes_image = (PICTURE_AXES[:, None] * face.pose.rotation).T  # row k: model axis k in the photo
    ends = origin + 0.45 * _size(face) * axes_image[:, :2]
    patch = _Patch.around(np.vstack([origin, ends]), picture, margin=4 + _size(face) / 15, zoom=3, limit=2400)
    if patch is None:
        return
    layer = patch.blank()
    pen = ImageDraw.Draw(layer)
    start, stops = patch.from_image(origin), patch.from_image(ends)
    for axis in np.argsort(-axes_image[:, 2]):  # the farthest first
        _arrow(pen, start, stops[axis], round(1.6 * _line_width(face, patch)), AXES_RGB[axis])
    patch.lay_on(picture, layer)


def _arrow(pen: ImageDraw.ImageDraw, start: Array, end: Array, width: int, color: Color) -> None:
    along = end - start
    length = float(np.linalg.norm(along))
    if length < 3 * width:  # it points at the viewer
        _dot(pen, end[0], end[1], 1.5 * width, (*color, 255))
        return
    along = along / length
    across = np.array([-along[1], along[0]])
    head = min(4.5 * width, 0.4 * length)
    neck = end - head * along
    pen.line((*start, *neck), fill=(*color, 255), width=width)
    corners = [tuple(end), tuple(neck + 0.5 * head * across), tuple(neck - 0.5 * head * across)]
    pen.polygon(corners, fill=(*color, 255))


def _paint_box(picture: Photo, face: FaceResult, label: str) -> None:
    corners = np.asarray(face.detection.box_xyxy, np.float64).reshape(2, 2)
    text_px = float(np.clip(np.ptp(corners[:, 1]) / 9, 9, max(9.0, picture.shape[0] / 20)))
    patch = _Patch.around(corners, picture, margin=4 + 1.5 * text_px, zoom=2, limit=2400)
    if patch is None:
        return
    layer = patch.blank()
    pen = ImageDraw.Draw(layer)
    (left, top), (right, bottom) = patch.from_image(corners)
    width = _line_width(face, patch)
    pen.rectangle((left, top, right, bottom), outline=(255, 255, 255, 110), width=width)
    arm = 0.14 * min(right - left, bottom - top)
    for x, toward_x in ((left, 1), (right, -1)):
        for y, toward_y in ((top, 1), (bottom, -1)):
            corner = [(x + toward_x * arm, y), (x, y), (x, y + toward_y * arm)]
            pen.line(corner, fill=(255, 255, 255, 255), width=2 * width, joint="curve")
    font = ImageFont.load_default(text_px * patch.zoom)
    place = (left + 2 * width, max(top - 1.3 * text_px * patch.zoom, 0))
    pen.text(
        place, label, font=font, fill=(255, 255, 255, 255), stroke_width=width, stroke_fill=(0, 0, 0, 160)
    )
    patch.lay_on(picture, layer)
