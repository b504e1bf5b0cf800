"""Pictures whose pixels are measurements: depth, PNCC, directions, parts.

All have the photo's size; several faces of a photo share a picture, larger ones before smaller ones.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
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
DEPTH_NOTE = f"0: no face; else depth_mm = (value - 1) * {DEPTH_STEP_MM}, behind the face's nearest point"
BAND_PX = 1_000_000
"""Pixels that are painted at once: while they are, each takes some 200 bytes."""

_PARTS_RGB = (
    *((231, 186, 156), (96, 190, 255), (214, 84, 96), (120, 220, 140)),
    *((255, 214, 92), (170, 130, 230), (255, 255, 255)),
)
PARTS_PALETTE_RGB = np.concatenate(
    [np.zeros((1, 3), np.uint8), np.resize(np.array(_PARTS_RGB, np.uint8), (255, 3))]
)
"""(256, 3) uint8: the colours of parts in their picture, black where no face is; then skin, eyeballs, ..."""


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
    maps = _empty_maps(faces, size_hw)
    for _ in _painted(maps, faces, size_hw):
        pass
    return maps


def map_bands(faces: Sequence[FaceResult], size_hw: tuple[int, int]) -> Iterator[FaceMaps]:
    """The same from top to bottom in bands of some rows, of which one is in memory at a time.

    Each is valid until the next is asked for.
    """
    rows = _rows(size_hw)
    maps = _empty_maps(faces, (min(rows, size_hw[0]), size_hw[1]))
    yield from _painted(maps, faces, size_hw)


def _rows(size_hw: tuple[int, int]) -> int:
    return max(1, BAND_PX // max(1, size_hw[1]))


def _empty_maps(faces: Sequence[FaceResult], size_hw: tuple[int, int]) -> FaceMaps:
    return FaceMaps(
        depth_mm=np.full(size_hw, np.nan, np.float32),
        pncc_rgb=np.zeros((*size_hw, 3), np.uint8),
        normals_rgb=np.zeros((*size_hw, 3), np.uint8),
        parts=np.zeros(size_hw, np.uint8),
        part_names=tuple(faces[0].mesh.parts) if faces else (),
    )


def _painted(maps: FaceMaps, faces: Sequence[FaceResult], size_hw: tuple[int, int]) -> Iterator[FaceMaps]:
    """The bands of a photo's maps, each painted on its rows of whole maps, or on maps of a band's size."""
    finite = [face for face in faces if np.isfinite(face.vertices_image).all()]
    shells = [_Shell.of(face) for face in sorted(finite, key=lambda face: face.pose.scale)]
    rows, is_whole = _rows(size_hw), len(maps.depth_mm) == size_hw[0]
    for top in range(0, size_hw[0], rows):
        bottom = min(top + rows, size_hw[0])
        band = _part(maps, top, bottom) if is_whole else _part(maps, 0, bottom - top)
        band.depth_mm.fill(np.nan)
        for picture in (band.pncc_rgb, band.normals_rgb, band.parts):
            picture.fill(0)
        for shell in shells:
            shell.paint(band, top)
        yield band


def _part(maps: FaceMaps, top: int, bottom: int) -> FaceMaps:
    """Rows of maps, not copied."""
    rows = slice(top, bottom)
    return FaceMaps(
        maps.depth_mm[rows], maps.pncc_rgb[rows], maps.normals_rgb[rows], maps.parts[rows], maps.part_names
    )


@dataclass(frozen=True, slots=True)
class _Shell:
    """The triangles of a face that look at the viewer: its inside is never what one wants to measure."""

    vertices: Array  # (N, 3) px of the photo
    triangles: IndexArray  # (M, 3)
    parts: NDArray[np.uint8]  # (M,) from 1
    attributes: Array  # (N, 6): place on the mean face, direction
    scale: float  # px a mm

    @classmethod
    def of(cls, face: FaceResult) -> _Shell:
        vertices = np.asarray(face.vertices_image, dtype=np.float64)
        front = np.flatnonzero(toward_viewer(vertices, face.triangles) > 0)
        normals = vertex_normals(vertices, face.triangles) * PICTURE_AXES
        attributes = np.hstack([_ncc(face.mesh.mean_model), (normals + 1) / 2])
        parts = _part_of_triangle(face)[front]
        return cls(vertices, face.triangles[front], parts, attributes, face.pose.scale)

    def paint(self, band: FaceMaps, top: int) -> None:
        """Lay the measurements on a band of the photo's maps, in the face's own rectangle of it."""
        vertices = self.vertices - [0, top, 0]
        size_hw = band.parts.shape
        low = np.clip(np.floor(vertices[:, :2].min(axis=0)), 0, size_hw[::-1]).astype(int)
        high = np.clip(np.ceil(vertices[:, :2].max(axis=0)), 0, size_hw[::-1]).astype(int)
        if (high <= low).any():
            return
        height, width = (high - low)[::-1].tolist()
        window = (slice(low[1], high[1]), slice(low[0], high[0]))
        there = self._reaching(vertices[:, 1], low[1], high[1])
        if len(there) == 0:
            return
        triangles = self.triangles[there]
        raster = rasterize(vertices - [*low, 0], triangles, size_hw=(height, width))
        visible = raster.mask
        nearest = vertices[:, 2].min()
        band.depth_mm[window][visible] = (raster.depth[visible] - nearest) / self.scale
        colors = np.rint(np.clip(raster.interpolate(self.attributes, triangles)[visible], 0, 1) * 255)
        band.pncc_rgb[window][visible] = colors[:, :3]
        band.normals_rgb[window][visible] = colors[:, 3:]
        band.parts[window][visible] = self.parts[there[raster.triangle_index[visible]]]

    def _reaching(self, rows: Array, low: float, high: float) -> IndexArray:
        """Triangles that reach into some rows, in their order."""
        corners = rows[self.triangles]
        return np.flatnonzero((corners.min(axis=1) <= high) & (corners.max(axis=1) >= low))


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


def depth_steps(depth_mm: Array) -> NDArray[np.uint16]:
    """(H, W) uint16 of a picture of depth: 0 where it is NaN, else 1 + depth in steps of 0.01 mm."""
    steps = np.nan_to_num(1 + depth_mm / DEPTH_STEP_MM)
    return np.clip(np.rint(steps), 0, 65535).astype(np.uint16)


def export_depth(maps: FaceMaps, path: str | os.PathLike[str]) -> None:
    """Write depth as a 16-bit PNG, or with its scale as NPZ, as the suffix of `path` says.

    The PNG holds 0 where no face is, else 1 + depth in steps of 0.01 mm; so does its text `lineament:depth`.
    The NPZ holds `depth_mm` and `step_mm`.

    Raises:
        ExportError: another suffix, or the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".png":
        picture = depth_steps(maps.depth_mm)
        write_bytes(path, png_bytes(picture, notes={"lineament:depth": DEPTH_NOTE}))
    elif suffix == ".npz":
        stream = io.BytesIO()
        np.savez_compressed(stream, depth_mm=maps.depth_mm, step_mm=np.float64(DEPTH_STEP_MM))
        write_bytes(path, stream.getvalue())
    else:
        raise ExportError(f"Depth is written as .png or .npz, not {suffix or 'a name without suffix'!r}.")
