"""Marks on a photo: the 68 landmarks, the axes of the head, the box around it, the box of the detector."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from itertools import pairwise, product
from math import ceil, floor

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lineament.draw.canvas import Canvas
from lineament.draw.patch import Array, Color, Patch
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.topology import GROUPS_68
from lineament.result import FaceResult

GROUP_RGB: dict[str, Color] = {
    "jaw": (255, 255, 255),
    "brow": (255, 214, 92),
    "nose": (110, 220, 255),
    "eye": (120, 255, 160),
    "lip": (255, 130, 160),
}
AXES_RGB: tuple[Color, Color, Color] = ((255, 72, 72), (72, 220, 72), (80, 130, 255))
BOX_RGB: tuple[Color, Color] = (255, 208, 80), (96, 190, 255)  # nearer and farther side of the head's box
FINE_PX = 2400  # of a face's rectangle: lines on smaller ones are drawn finer than the photo
MAX_LAYER_PX = 4096  # longer side of a layer: on larger faces lines are drawn coarser than the photo
WHITE_RGB: Color = (255, 255, 255)
NOSE_TIP = 30  # of the 68 landmarks


def face_size(face: FaceResult) -> float:
    """Extent of the landmarks in px: what line widths follow."""
    extent = np.ptp(face.landmarks_image[:, :2], axis=0).max()
    return float(extent) if np.isfinite(extent) else 0.0


class _Layer:
    """A transparent layer over a part of the photo, finer than the photo, and a pen.

    Its colours are multiplied by their opacity, so that the clear pixels' black does not darken the lines'
    rims; those of one with text are so in the end, for letters have soft rims of their own.
    """

    def __init__(self, patch: Patch, face: FaceResult, *, with_text: bool) -> None:
        """Lines widen with the face, but one far larger than the photo does not fill it with them."""
        zoom = min(1.0, MAX_LAYER_PX / patch.extent)
        if patch.extent < FINE_PX:
            zoom = 3.0 if patch.extent < 400 else 2.0
        width = min(face_size(face) / 140, patch.extent / 70)
        self.line_width = max(1, round(max(0.5, width) * zoom))
        self._begin(replace(patch, zoom=zoom), "RGBA" if with_text or zoom < 1 else "RGBa")

    def _begin(self, patch: Patch, mode: str) -> None:
        self.patch = patch
        self.picture = Image.new(mode, patch.size_hw[::-1])
        self.pen = ImageDraw.Draw(self.picture)

    def ink(self, color: Color, opacity: int = 255) -> tuple[int, ...]:
        """What the pen is filled with for a colour."""
        if self.picture.mode == "RGBA" or opacity == 255:
            return (*color, opacity)
        return (*Image.new("RGBA", (1, 1), (*color, opacity)).convert("RGBa").tobytes(),)

    def for_text(self, box: tuple[float, float, float, float]) -> _Layer:
        """A layer with text in place of a part of this one, which is cleared: left, top, right and bottom."""
        if self.picture.mode == "RGBA":
            return self
        patch, zoom = self.patch, round(self.patch.zoom)
        left, right = (min(max(side, 0), patch.width) for side in (floor(box[0] / zoom), ceil(box[2] / zoom)))
        top, bottom = (
            min(max(side, 0), patch.height) for side in (floor(box[1] / zoom), ceil(box[3] / zoom))
        )
        self.picture.paste((0, 0, 0, 0), (zoom * left, zoom * top, zoom * right, zoom * bottom))
        layer = copy(self)
        place = {"left": patch.left + left, "top": patch.top + top}
        layer._begin(replace(patch, **place, width=right - left, height=bottom - top), "RGBA")
        return layer

    def lay_on(self, picture: Canvas) -> None:
        """Blend what was drawn into a picture of our own."""
        if not self.patch.width or not self.patch.height:
            return
        layer = self.picture if self.picture.mode == "RGBa" else self.picture.convert("RGBa")
        for part, strip in self.patch.strips(layer):
            below = Image.fromarray(picture[part]).convert("RGBA")
            picture[part] = np.asarray(Image.alpha_composite(below, strip.convert("RGBA")).convert("RGB"))


def _layer(
    points: Array, picture: Canvas, face: FaceResult, *, margin: float, with_text: bool = False
) -> _Layer | None:
    """A layer around (N, 2 or 3) points, or None where the photo does not reach."""
    patch = Patch.around(points, picture, margin=margin)
    return None if patch is None else _Layer(patch, face, with_text=with_text)


def paint_landmarks(picture: Canvas, face: FaceResult, *, numbers: bool = False) -> None:
    """The 68 landmarks joined by lines, those the head hides faint; with the number of each if asked for."""
    size = face_size(face)
    margin = 4 + size / (12 if numbers else 40)
    layer = _layer(face.landmarks_image, picture, face, margin=margin, with_text=numbers)
    if layer is None:
        return
    points = layer.patch.from_image(face.landmarks_image)[:, :2]
    opacities = np.where(face.landmark_visibility > 0.3, 255, 90).tolist()
    width = layer.line_width
    for group in GROUPS_68:
        color = _group_color(group.name)
        for first, second in pairwise(group.strip):
            fill = layer.ink(color, min(opacities[first], opacities[second]))
            layer.pen.line((*points[first], *points[second]), fill=fill, width=width)
    for (x, y), opacity in zip(points, opacities, strict=True):
        if width > layer.patch.zoom:  # on a smaller face the rims would be all there is to see
            _dot(layer.pen, x, y, 1.5 * width, layer.ink((20, 20, 30), opacity))
        _dot(layer.pen, x, y, 1.0 * width, layer.ink(WHITE_RGB, opacity))
    if numbers:
        _write_numbers(layer, points, size)
    layer.lay_on(picture)


def _write_numbers(layer: _Layer, points: Array, size: float) -> None:
    """Each landmark's number beside it, away from the middle of its feature."""
    text_px = max(7.0, size / 42) * layer.patch.zoom
    font = ImageFont.load_default(text_px)
    for group in GROUPS_68:
        middle = points[30] if group.name == "jaw" else points[list(group.index)].mean(axis=0)
        inward = -1 if group.name == "inner_lips" else 1  # the outer lips' numbers stand outside
        for number in group.index:
            away = (points[number] - middle) * inward
            if not group.closed and group.name != "jaw":
                away = np.array([0.0, -1.0]) if "brow" in group.name else np.array([1.0, 0.2])
                away = np.array([0.0, 1.0]) if group.name == "nose_base" else away
            place = points[number] + 0.95 * text_px * away / max(float(np.linalg.norm(away)), 1e-9)
            stroke = max(1, round(text_px / 9))
            layer.pen.text(
                (float(place[0]), float(place[1])),
                str(number),
                font=font,
                anchor="mm",
                fill=(*_group_color(group.name), 255),
                stroke_width=stroke,
                stroke_fill=(0, 0, 0, 200),
            )


def _group_color(name: str) -> Color:
    """The colour of a group of landmarks, found by the feature its name mentions."""
    return next((color for part, color in GROUP_RGB.items() if part in name), (255, 255, 255))


def _dot(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def paint_axes(picture: Canvas, face: FaceResult) -> None:
    """The axes of the head at its nose: x (to the viewer's right) red, y green, z blue."""
    size = face_size(face)
    origin = face.landmarks_image[NOSE_TIP, :2]
    axes_image = (PICTURE_AXES[:, None] * face.pose.rotation).T  # row k: model axis k in the photo
    ends = origin + 0.45 * size * axes_image[:, :2]
    layer = _layer(np.vstack([origin, ends]), picture, face, margin=4 + size / 15)
    if layer is None:
        return
    start, stops = layer.patch.from_image(origin), layer.patch.from_image(ends)
    for axis in np.argsort(-axes_image[:, 2]):  # the farthest first
        _arrow(layer.pen, start, stops[axis], round(1.6 * layer.line_width), AXES_RGB[axis])
    layer.lay_on(picture)


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


def paint_pose_box(picture: Canvas, face: FaceResult) -> None:
    """A box around the head that is turned as it is; the side before the face is the one in yellow."""
    corners_image = pose_box_image(face)
    layer = _layer(corners_image, picture, face, margin=4 + face_size(face) / 30)
    if layer is None:
        return
    corners = layer.patch.from_image(corners_image)[:, :2]
    edges = [(a, b) for a, b in product(range(8), repeat=2) if a < b and (a ^ b).bit_count() == 1]
    for first, second in sorted(edges, key=lambda edge: -corners_image[list(edge), 2].sum()):
        color = BOX_RGB[0] if first & 1 and second & 1 else BOX_RGB[1]
        ends = (*corners[first], *corners[second])
        layer.pen.line(ends, fill=layer.ink(color, 235), width=round(1.3 * layer.line_width))
    layer.lay_on(picture)


def pose_box_image(face: FaceResult) -> Array:
    """(8, 3) px: corners of the head's box; bits 2, 1 and 0 of a corner's number say right, up and front."""
    turned = (face.vertices_image.astype(np.float64) - face.pose.translation) * PICTURE_AXES
    upright = turned @ face.pose.rotation
    upright = upright[np.isfinite(upright).all(axis=1)]
    if len(upright) == 0:
        return np.full((8, 3), np.nan)
    ends = np.stack([upright.min(axis=0), upright.max(axis=0)])
    corners = np.array(list(product(*ends.T)))
    return corners @ face.pose.rotation.T * PICTURE_AXES + face.pose.translation


def paint_box(picture: Canvas, face: FaceResult, label: str) -> None:
    """The detector's box with a label at its corner."""
    corners = np.asarray(face.detection.box_xyxy, np.float64).reshape(2, 2)
    text_px = float(np.clip(np.ptp(corners[:, 1]) / 9, 9, max(9.0, picture.shape[0] / 20)))
    layer = _layer(corners, picture, face, margin=4 + 1.5 * text_px)
    if layer is None:
        return
    width, zoom = layer.line_width, layer.patch.zoom
    (left, top), _ = layer.patch.from_image(corners)
    x, y = left + 2 * width, max(top - 1.3 * text_px * zoom, 0)
    font = ImageFont.load_default(text_px * zoom)
    _draw_box(layer, corners)
    _, _, *end = layer.pen.textbbox((x, y), label, font=font, stroke_width=width)
    # Letters begin below the place that they are written at, which is to lie on their layer too.
    text = layer.for_text((x - width, y - width, *end))
    if text is not layer:
        layer.lay_on(picture)
        _draw_box(text, corners)
        x -= zoom * (text.patch.left - layer.patch.left)
        y -= zoom * (text.patch.top - layer.patch.top)
    white, black = (*WHITE_RGB, 255), (0, 0, 0, 160)
    text.pen.text((x, y), label, font=font, fill=white, stroke_width=width, stroke_fill=black)
    text.lay_on(picture)


def _draw_box(layer: _Layer, corners_image: Array) -> None:
    """A faint rectangle with clear corners."""
    (left, top), (right, bottom) = layer.patch.from_image(corners_image)
    width = layer.line_width
    layer.pen.rectangle((left, top, right, bottom), outline=layer.ink(WHITE_RGB, 110), width=width)
    arm = 0.14 * min(right - left, bottom - top)
    for x, toward_x in ((left, 1), (right, -1)):
        for y, toward_y in ((top, 1), (bottom, -1)):
            corner = [(x + toward_x * arm, y), (x, y), (x, y + toward_y * arm)]
            layer.pen.line(corner, fill=layer.ink(WHITE_RGB), width=2 * width, joint="curve")
