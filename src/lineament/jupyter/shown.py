"""Results as HTML: a face, the faces of a photo, a photo of many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from lineament.draw.overlay import draw_overlay
from lineament.geometry.camera import WeakPerspective
from lineament.image import Picture, as_picture
from lineament.jupyter import html
from lineament.result import AlignedPhoto, FaceResult, MorphableResult

SHOWN_PX = 640
"""Longer side of the picture shown, at most: an overlay then has some ten kB in a notebook."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """Faces on their photo, for display alone.

    Attributes:
        photo: the photo upright, an (H, W, 3) uint8 RGB array or a PIL image; not copied.
        faces: aligned on it.
    """

    photo: Picture
    faces: Sequence[FaceResult]

    def _repr_html_(self) -> str:
        """The overlay, not above :data:`SHOWN_PX`, and a line a face."""
        picture = as_picture(self.photo)
        zoom = min(1.0, SHOWN_PX / max(picture.size))
        if zoom < 1:
            width, height = (max(1, round(side * zoom)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        overlay = draw_overlay(np.asarray(picture), [_zoomed(face, zoom) for face in self.faces])
        shown = html.photo_tag(Image.fromarray(overlay), alt="the photo with its faces")
        return html.beside(shown, faces_html(self.faces))


def face_html(face: FaceResult) -> str:
    """The mesh, where, how turned, how certain, the strongest expressions as bars."""
    left, top, right, bottom = np.asarray(face.detection.box_xyxy).round().astype(int).tolist()
    rows = [
        ("box", f"{left}, {top} to {right}, {bottom} px"),
        ("score", f"{face.detection.score:.2f}"),
        *([] if face.uncertainty_mm is None else [("uncertainty", f"{face.uncertainty_mm:.1f} mm")]),
        ("yaw, pitch, roll", ", ".join(f"{angle:+.1f}°" for angle in face.pose.angles_deg)),
        ("mesh", f"{len(face.vertices_image):,} vertices, {len(face.landmarks_image)} landmarks"),
        *((name, html.bar(weight)) for name, weight in _strongest(face, 6)),
    ]
    portrait = html.portrait_tag(face.vertices_image, face.triangles)
    return html.beside(portrait, html.table(rows))


def faces_html(faces: Sequence[FaceResult], *, max_lines: int = 20) -> str:
    """A table with a line a face: number, pose, score, strongest expressions.

    Args:
        faces: of one photo, numbered as in its overlay.
        max_lines: lines; of the others only their number is told.
    """
    if not faces:
        return html.line("no face found")
    rows = []
    for number, face in enumerate(faces[:max_lines]):
        angles = (f"{angle:+.1f}°" for angle in face.pose.angles_deg)
        strongest = ", ".join(f"{name} {weight:.2f}" for name, weight in _strongest(face, 3))
        rows.append((str(number), *angles, f"{face.detection.score:.2f}", strongest))
    header = ("face", "yaw", "pitch", "roll", "score", "strongest expressions")
    rest = html.line(f"and {len(faces) - max_lines} more") if len(faces) > max_lines else ""
    return html.table(rows, header=header) + rest


def photo_html(photo: AlignedPhoto) -> str:
    """What was given, and its faces or what went wrong."""
    name = str(photo.source) if isinstance(photo.source, str | os.PathLike) else type(photo.source).__name__
    if photo.error is not None:
        return html.line(f"{name}: {photo.error}")
    return html.line(name) + faces_html(photo.faces)


def _strongest(face: FaceResult, count: int) -> list[tuple[str, float]]:
    if not isinstance(face, MorphableResult) or not face.is_finite:
        return []
    return face.strongest_blendshapes(count)


def _zoomed(face: FaceResult, zoom: float) -> FaceResult:
    """The face on a photo of another size, as far as an overlay draws it."""
    if zoom == 1:
        return face
    camera = face.camera
    return replace(
        face,
        detection=replace(face.detection, box_xyxy=np.asarray(face.detection.box_xyxy) * zoom),
        camera=WeakPerspective(camera.rotation, camera.scale * zoom, camera.translation * zoom),
        landmarks_image=face.landmarks_image * np.float32(zoom),
        vertices_image=face.vertices_image * np.float32(zoom),
    )
