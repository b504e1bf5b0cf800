"""The public drawing functions: each a result on a copy of its photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PIL import Image

from lineament.draw.canvas import Canvas, Photo, PillowCanvas
from lineament.draw.correspondence import paint_correspondence
from lineament.draw.marks import face_size, paint_axes, paint_box, paint_landmarks, paint_pose_box
from lineament.draw.surface import paint_surface
from lineament.errors import ConfigError
from lineament.image import as_picture, check_image
from lineament.ranges import check_kind
from lineament.result import FaceResult
from lineament.several import Faces, Names, list_of_faces, list_of_names, one_face

MeshStyle = Literal["shaded", "depth", "normals", "wireframe"]
DEFAULT_LAYERS = ("mesh", "landmarks", "axes", "box")
LAYERS: dict[str, Callable[[Canvas, FaceResult, float, str], None]] = {
    "mesh": lambda picture, face, opacity, label: paint_surface(picture, face, opacity, "shaded"),
    "depth": lambda picture, face, opacity, label: paint_surface(picture, face, opacity, "depth"),
    "normals": lambda picture, face, opacity, label: paint_surface(picture, face, opacity, "normals"),
    "wireframe": lambda picture, face, opacity, label: paint_surface(picture, face, opacity, "wireframe"),
    "correspondence": lambda picture, face, opacity, label: paint_correspondence(picture, face, opacity),
    "rendered": lambda picture, face, opacity, label: paint_surface(picture, face, 1.0, "rendered"),
    "landmarks": lambda picture, face, opacity, label: paint_landmarks(picture, face),
    "numbers": lambda picture, face, opacity, label: paint_landmarks(picture, face, numbers=True),
    "axes": lambda picture, face, opacity, label: paint_axes(picture, face),
    "posebox": lambda picture, face, opacity, label: paint_pose_box(picture, face),
    "box": lambda picture, face, opacity, label: paint_box(picture, face, label),
}
"""What :func:`draw_overlay` can show of a face, by name."""


def draw_overlay(
    photo: Photo,
    faces: Faces,
    *,
    layers: Names = DEFAULT_LAYERS,
    opacity: float = 0.45,
    labels: Names | None = None,
) -> Photo:
    """Every face: mesh, landmarks, axes and numbered box, or other layers.

    Args:
        photo: (H, W, 3) uint8 RGB.
        faces: results for this photo, or one.
        layers: names of :data:`LAYERS`, the lowest first, or one.
        opacity: of the surfaces, 0 to 1.
        labels: what stands at each face's box; the faces' numbers when left out.

    Raises:
        ImageError: the photo is no such array.
        ConfigError: an unknown layer, not one label a face, something that is no face, or `opacity` is out
            of its range.
    """
    picture = check_image(photo).copy()
    _paint(picture, faces, layers, opacity, labels)
    return picture


def overlay_in_place(
    picture: Image.Image,
    faces: Faces,
    *,
    layers: Names = DEFAULT_LAYERS,
    opacity: float = 0.45,
    labels: Names | None = None,
) -> None:
    """The same on Pillow's picture itself: it takes no memory but that of the faces' rectangles.

    Args:
        picture: of mode RGB; drawn on.
        faces: as in :func:`draw_overlay`.
        layers: as there.
        opacity: as there.
        labels: as there.

    Raises:
        ImageError: the picture is of another mode.
        ConfigError: an unknown layer, not one label a face, or something that is no face.
    """
    _paint(PillowCanvas(as_picture(picture)), faces, layers, opacity, labels)


def _checked_opacity(opacity: float) -> float:
    check_kind("opacity", opacity)
    if not 0 <= opacity <= 1:
        raise ConfigError(f"opacity must be from 0 to 1, found {opacity}.")
    return opacity


def _paint(picture: Canvas, faces: Faces, layers: Names, opacity: float, labels: Names | None) -> None:
    opacity = _checked_opacity(opacity)
    faces, layers = list_of_faces(faces), list_of_names(layers)
    unknown = [name for name in layers if name not in LAYERS]
    if unknown:
        raise ConfigError(f"There is no layer {unknown[0]!r} to draw. Choose from {', '.join(LAYERS)}.")
    texts = [str(number) for number in range(len(faces))] if labels is None else list_of_names(labels)
    if len(texts) != len(faces):
        raise ConfigError(f"{len(faces)} faces but {len(texts)} labels: give one a face, or none.")
    # Larger faces are usually nearer: they are painted last, over the others.
    for face, text in sorted(zip(faces, texts, strict=True), key=lambda item: face_size(item[0])):
        for name in layers:
            LAYERS[name](picture, face, opacity, text)


def draw_mesh(photo: Photo, face: FaceResult, *, opacity: float = 0.6, style: MeshStyle = "shaded") -> Photo:
    """The photo with the side of one face's mesh that is seen on it.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: a result for this photo.
        opacity: 0 to 1.
        style: a lit surface, colours of depth (light is near), directions as colours, or the edges.

    Returns:
        (H, W, 3) uint8 RGB; `photo` stays as it is.

    Raises:
        ImageError: the photo is no such array.
        ConfigError: it is no face, or several; `opacity` is out of its range, or no such style is known.
    """
    picture = check_image(photo).copy()
    paint_surface(picture, one_face(face), _checked_opacity(opacity), style)
    return picture


def draw_landmarks(photo: Photo, face: FaceResult, *, numbers: bool = False) -> Photo:
    """The photo with one face's 68 landmarks, joined by lines, those that the head hides faint.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: a result for this photo.
        numbers: write the number of each beside it, counted from 0.

    Returns:
        (H, W, 3) uint8 RGB; `photo` stays as it is.

    Raises:
        ImageError: the photo is no such array.
        ConfigError: it is no face, or several.
    """
    picture = check_image(photo).copy()
    paint_landmarks(picture, one_face(face), numbers=numbers)
    return picture


def draw_axes(photo: Photo, face: FaceResult) -> Photo:
    """The photo with the axes of one head at its nose: x (to the viewer's right) red, y green, z blue.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: a result for this photo.

    Returns:
        (H, W, 3) uint8 RGB; `photo` stays as it is.

    Raises:
        ImageError: the photo is no such array.
        ConfigError: it is no face, or several.
    """
    picture = check_image(photo).copy()
    paint_axes(picture, one_face(face))
    return picture


def draw_pose_box(photo: Photo, face: FaceResult) -> Photo:
    """The photo with a box around one head, turned as the head is; the side before the face is yellow.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: a result for this photo.

    Returns:
        (H, W, 3) uint8 RGB; `photo` stays as it is.

    Raises:
        ImageError: the photo is no such array.
        ConfigError: it is no face, or several.
    """
    picture = check_image(photo).copy()
    paint_pose_box(picture, one_face(face))
    return picture
