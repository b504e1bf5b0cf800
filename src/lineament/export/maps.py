"""Pictures whose pixels are measurements: depth, PNCC, directions, parts.

All have the photo's size; several faces of a photo share a picture, larger ones before smaller ones.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import png_bytes, write_bytes
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize, toward_viewer
from lineament.result import FaceResult
from lineament.several import Faces, list_of_faces

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]

DEPTH_STEP_MM = 0.01
"""What a step of the 16-bit depth picture is worth; 65,534 of them reach over half a metre."""

PARTS_RGB = (
    *((0, 0, 0), (231, 186, 156), (96, 190, 255), (214, 84, 96)),
    *((120, 220, 140), (255, 214, 92), (170, 130, 230), (255, 255, 255)),
)
"""Colours of parts in pictures: none, then skin, eyeballs, the inside of the mouth, and others."""


@dataclass(frozen=True, slots=True, repr=False)
class FaceMaps:
    """Measurements at each pixel of a photo.

    Attributes:
        depth_mm: (H, W) float32, behind the point of the same face that is nearest to the viewer; NaN where
            no face is. Depths of two faces cannot be compared.
        pncc_rgb: (H, W, 3) uint8, which point of the mean face is seen: its x, y and z in the model frame,
            each scaled to 0..255 between the mean face's ends (Zhu et al. 2016); black where none is.
        normals_rgb: (H, W, 3) uint8, directions in the photo with y up and z to the viewer, (n + 1) / 2;
            black where no face is.
        parts: (H, W) uint8, 0 where no face is, else the place in `part_names` plus 1.
        part_names: of the mesh.
    """

    depth_mm: NDArray[np.float32]
    pncc_rgb: NDArray[np.uint8]
    normals_rgb: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    part_names: tuple[str, ...]

    @property
    def palette_rgb(self) -> NDArray[np.uint8]:
        """(n, 3) colours of the values of `parts`, black where no face is; for :func:`png_bytes`."""
        return np.array(PARTS_RGB[: len(self.part_names) + 1], np.uint8)

    @property
    def parts_picture(self) -> NDArray[np.uint8]:
        """(H, W) uint8 for people to look at: the parts as shades of grey."""
        return (self.parts * (255 // max(1, len(self.part_names)))).astype(np.uint8)


def face_maps(faces: Faces, size_hw: tuple[int, int]) -> FaceMaps:
    """Depth, PNCC, directions and parts of the faces of one photo.

    Args:
        faces: of one mesh, with or without coefficients, or one; none give empty maps.
        size_hw: height and width of the photo, px.

    Raises:
        ConfigError: something else than faces.
    """
    faces = list_of_faces(faces)
    names = tuple(faces[0].mesh.parts) if faces else ()
    maps = FaceMaps(
        depth_mm=np.full(size_hw, np.nan, np.float32),
        pncc_rgb=np.zeros((*size_hw, 3), np.uint8),
        normals_rgb=np.zeros((*size_hw, 3), np.uint8),
        parts=np.zeros(size_hw, np.uint8),
        part_names=names,
    )
    for face in sorted(faces, key=lambda face: face.pose.scale):
        if np.isfinite(face.vertices_image).all():
            _draw(maps, face, size_hw)
    return maps


def _draw(maps: FaceMaps, face: FaceResult, size_hw: tuple[int, int]) -> None:
    """Lay one face's measurements on the maps, in its own rectangle of the photo."""
    vertices = np.asarray(face.vertices_image, dtype=np.float64)
    low = np.clip(np.floor(vertices[:, :2].min(axis=0)), 0, size_hw[::-1]).astype(int)
    high = np.clip(np.ceil(vertices[:, :2].max(axis=0)), 0, size_hw[::-1]).astype(int)
    if (high <= low).any():
        return
    height, width = (high - low)[::-1].tolist()
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    # The face is a shell: its inside is never what one wants to measure.
    front = np.flatnonzero(toward_viewer(vertices, face.triangles) > 0)
    triangles = face.triangles[front]
    raster = rasterize(vertices - [*low, 0], triangles, size_hw=(height, width))
    visible = raster.mask
    nearest = vertices[:, 2].min()
    maps.depth_mm[window][visible] = (raster.depth[visible] - nearest) / face.pose.scale
    normals = vertex_normals(vertices, face.triangles) * PICTURE_AXES
    attributes = np.hstack([_ncc(face.mesh.mean_model), (normals + 1) / 2])
    colors = np.rint(np.clip(raster.interpolate(attributes, triangles)[visible], 0, 1) * 255)
    maps.pncc_rgb[window][visible] = colors[:, :3]
    maps.normals_rgb[window][visible] = colors[:, 3:]
    maps.parts[window][visible] = _part_of_triangle(face)[front[raster.triangle_index[visible]]]


def _ncc(neutral: Array) -> Array:
    """(N, 3) normalised coordinate code: the mean face's coordinates between 0 and 1."""
    low, high = neutral.min(axis=0), neutral.max(axis=0)
    return (neutral - low) / (high - low)


def _part_of_triangle(face: FaceResult) -> NDArray[np.uint8]:
    """(M,) number of the part of each triangle, from 1; 255 where the mesh names none."""
    part = np.full(len(face.triangles), 255, np.uint8)
    for number, (first, last) in enumerate(face.mesh.parts.values(), start=1):
        part[first:last] = number
    return part


def export_depth(maps: FaceMaps, path: str | os.PathLike[str]) -> None:
    """Write depth as a 16-bit PNG, or with its scale as NPZ, as the suffix of `path` says.

    The PNG holds 0 where no face is, else 1 + depth in steps of 0.01 mm; so does its text `lineament:depth`.
    The NPZ holds `depth_mm` and `step_mm`.

    Raises:
        ExportError: another suffix, or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".png":
        steps = np.nan_to_num(1 + maps.depth_mm / DEPTH_STEP_MM)
        note = f"0: no face; else depth_mm = (value - 1) * {DEPTH_STEP_MM}, behind the face's nearest point"
        picture = np.clip(np.rint(steps), 0, 65535).astype(np.uint16)
        write_bytes(path, png_bytes(picture, notes={"lineament:depth": note}))
    elif suffix == ".npz":
        stream = io.BytesIO()
        np.savez_compressed(stream, depth_mm=maps.depth_mm, step_mm=np.float64(DEPTH_STEP_MM))
        write_bytes(path, stream.getvalue())
    else:
        raise ExportError(f"Depth is written as .png or .npz, not {suffix or 'a name without suffix'!r}.")
