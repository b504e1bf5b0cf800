"""The colours of a face on its chart, from one photo: what is hidden is marked, or completed.

How it is completed is a value (:mod:`lineament.export.texture_completion`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import png_bytes, write_bytes
from lineament.export.photo_window import photo_window
from lineament.export.skin import SkinJudge
from lineament.export.texture_completion import Completion, OtherSide
from lineament.geometry.face_mesh import FaceMesh
from lineament.geometry.raster import toward_viewer
from lineament.geometry.triangle_planes import TrianglePlanes
from lineament.geometry.uv import UvMap, make_uv_map, photo_colors
from lineament.image import Picture as Photo
from lineament.result import FaceResult

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]

SLANT = 0.12, 0.42
"""Cosines to the viewer from which, and up to which, a surface's colours are trusted more and more: near the
silhouette a pixel shows much of the face, and some of what is behind it."""
ASLANT = 0.7, 0.5
"""Cosines below which, and below which fully, colours are judged by those of cheeks and nose."""
STEP_PX_MM = 1.0  # mm a pixel of the picture in which steps in depth are looked for
EDGE_PX = 4  # how far around a step colours are not trusted
EDGE_MM = 11.0  # depth at which a step begins to count; at twice that nothing beside it is trusted


@dataclass(frozen=True, slots=True, repr=False)
class FaceTexture:
    """Colours of a face on its square chart (right and down from the corner, as the mesh's `uv`).

    Attributes:
        colors_rgb: (S, S, 3) uint8, completed everywhere, beyond the chart's border too; black where nothing
            is seen if it was not to be completed.
        seen_rgb: (S, S, 3) uint8, what the photo shows, black where it shows nothing.
        visibility: (S, S) float32 in 0..1, how far `seen_rgb` can be trusted; 0 where the chart is empty.
    """

    colors_rgb: Picture
    seen_rgb: Picture
    visibility: NDArray[np.float32]

    @property
    def marked_rgba(self) -> Picture:
        """(S, S, 4) uint8: what the photo shows, transparent where it is hidden."""
        alpha = np.rint(self.visibility * 255).astype(np.uint8)
        return np.dstack([self.seen_rgb, alpha])


class FaceTexturer:
    """Takes textures of faces of one mesh; the chart's tables are made once."""

    def __init__(self, mesh: FaceMesh, *, size: int = 1024, complete: Completion | None = None) -> None:
        """Tables for textures of `size` x `size` texels.

        Args:
            mesh: of the faces.
            size: texels along a side.
            complete: what hidden parts become; None takes the other side (:class:`OtherSide`).

        Raises:
            ExportError: the mesh has no texture coordinates, or `complete` knows another mesh's chart.
        """
        if mesh.uv is None:
            raise ExportError(
                f"The mesh {mesh.name!r} has no texture coordinates, so no texture: leave textures out, "
                f"or use weights of the built-in face model."
            )
        self.mesh = mesh
        self._map: UvMap = make_uv_map(mesh.uv, mesh.triangles, size=size)
        self._complete = OtherSide() if complete is None else complete
        self._complete.check(mesh)
        self._mirrored = _chart_is_symmetric(mesh)
        self._texels = self._map.shown()
        self._judge = SkinJudge.of_mesh(mesh, self._texels)

    def __repr__(self) -> str:
        """Mesh and size."""
        return f"FaceTexturer({self.mesh!r}, size={self._map.size})"

    @property
    def size(self) -> int:
        """Texels along a side."""
        return self._map.size

    @property
    def mirrored(self) -> bool:
        """Whether mirrored vertices have mirrored places on the chart."""
        return self._mirrored

    def __call__(self, photo: Photo, face: FaceResult) -> FaceTexture:
        """The texture of one face.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of mode RGB, of which only the part around the
                face is copied.
            face: aligned on it, of this mesh.

        Raises:
            ExportError: the face is of another mesh.
        """
        return self.completed(*self.visible(photo, face))

    def visible(self, photo: Photo, face: FaceResult) -> tuple[Picture, NDArray[np.float32]]:
        """What one photo shows: (S, S, 3) uint8 colours, and (S, S) in 0..1 how far they can be trusted.

        Raises:
            ExportError: the face is of another mesh.
        """
        if face.mesh.name != self.mesh.name:
            raise ExportError(
                f"This makes textures of the mesh {self.mesh.name!r}; the face has {face.mesh.name!r}."
            )
        facing = _facing(face)
        window = photo_window(photo, face.vertices_image)
        places = window.places(face.vertices_image)
        of_vertices = np.stack([*places.T, _trust(face, facing), _between(facing, ASLANT)])
        x, y, trusted, aslant = self._texels.spread(of_vertices)
        seen, within = photo_colors(window.pixels, np.stack([x, y]))
        trust: Array = np.clip(np.where(within, trusted, 0).astype(np.float32), 0, 1)
        if self._judge is not None:
            trust = (trust * self._judge.likeness(seen, trust, aslant)).astype(np.float32)
        size = self._map.size
        colors, known = np.zeros((3, size * size), np.uint8), np.zeros(size * size, np.float32)
        for band, values in zip(colors, seen, strict=True):
            band[self._texels.place] = values
        known[self._texels.place] = trust
        return np.ascontiguousarray(colors.T).reshape(size, size, 3), known.reshape(size, size)

    def completed(self, seen_rgb: Picture, trust: NDArray[np.float32]) -> FaceTexture:
        """The texture of what was seen, by one photo or several."""
        planes = np.ascontiguousarray(np.moveaxis(seen_rgb, -1, 0), np.float32)  # one colour after the other
        colors = self._complete(np.moveaxis(planes, 0, -1), trust, mirrored=self._mirrored)
        clipped = np.clip(colors, 0, 255)
        whole = np.rint(clipped, out=clipped).astype(np.uint8)
        return FaceTexture(np.ascontiguousarray(whole), seen_rgb, trust)


def export_texture(texture: FaceTexture, path: str | os.PathLike[str], *, hidden: str = "completed") -> None:
    """Write a texture as PNG: its hidden parts "completed", or "marked" (transparent).

    Raises:
        ExportError: unknown `hidden`, or the file cannot be written.
    """
    pictures = {"completed": texture.colors_rgb, "marked": texture.marked_rgba}
    if hidden not in pictures:
        raise ExportError(f"Hidden parts of a texture are 'completed' or 'marked', not {hidden!r}.")
    write_bytes(path, png_bytes(pictures[hidden]))


def _facing(face: FaceResult) -> Array:
    """(N,) the largest cosine to the viewer of a vertex' triangles; 0 where all look away."""
    cosine = toward_viewer(np.asarray(face.vertices_image, np.float64), face.triangles)
    facing = np.zeros(len(face.vertices_image))
    np.maximum.at(facing, face.triangles.T.ravel(), np.tile(cosine, 3))
    return facing


def _trust(face: FaceResult, facing: Array) -> NDArray[np.float32]:
    """(N,) how far the photo's colour at a vertex is the vertex's own."""
    return (face.visibility * _between(facing, SLANT) * _away_from_edges(face)).astype(np.float32)


def _between(values: Array, limits: tuple[float, float]) -> Array:
    """0 at the first limit, 1 at the second."""
    first, second = limits
    return np.asarray(np.clip((values - first) / (second - first), 0, 1))


def _away_from_edges(face: FaceResult) -> NDArray[np.float32]:
    """(N,) 1 for vertices whose surroundings in the photo are as near as they are, 0 beside a step in depth.

    A mesh that lies some pixels wrong takes the colours of what is before or behind it there.
    """
    vertices = np.asarray(face.vertices_image, np.float64) / face.pose.scale  # mm
    vertices = (vertices - vertices.min(axis=0)) / STEP_PX_MM + [EDGE_PX, EDGE_PX, 0]
    width, height = (int(side) + EDGE_PX + 1 for side in vertices[:, :2].max(axis=0))
    planes = TrianglePlanes.of(vertices, face.triangles, (height, width))
    nearest, winner = planes.nearest((height, width))
    depth = nearest.astype(np.float32).reshape(height, width)
    first, last = face.mesh.parts.get("face", (0, len(face.triangles)))
    # What is seen between lips and lids lies deep, but is no other surface that could be mistaken for skin.
    triangle = planes.triangle.take(np.maximum(winner, 0))
    inside = ((winner >= 0) & ((triangle < first) | (triangle >= last))).reshape(height, width)
    column, row = np.clip(vertices[:, :2].astype(int), 0, (width - 1, height - 1)).T
    before = vertices[:, 2] - _around(np.where(inside, np.inf, depth), np.minimum)[row, column]
    behind = _around(np.where(inside, -np.inf, depth), np.maximum)[row, column] - vertices[:, 2]
    step_mm = np.maximum(before, behind) * STEP_PX_MM
    skin = np.zeros(len(vertices), bool)
    skin[face.triangles[first:last]] = True
    return np.where(skin, np.clip(2 - step_mm / EDGE_MM, 0, 1), 1).astype(np.float32)


def _around(depth: Array, extreme: np.ufunc) -> Array:
    """(H, W) the extreme of the depths within EDGE_PX, along rows and then along columns."""
    for axis in (0, 1):
        rows = np.swapaxes(depth, 0, axis)
        found = rows.copy()
        for shift in range(1, EDGE_PX + 1):
            extreme(found[shift:], rows[:-shift], out=found[shift:])
            extreme(found[:-shift], rows[shift:], out=found[:-shift])
        depth = np.swapaxes(found, 0, axis)
    return depth


def _chart_is_symmetric(mesh: FaceMesh) -> bool:
    """Whether mirrored vertices have mirrored places on the chart."""
    if mesh.mirror is None or mesh.uv is None:
        return False
    there = mesh.uv[mesh.mirror]
    return bool(np.allclose(there, np.stack([1 - mesh.uv[:, 0], mesh.uv[:, 1]], axis=1), atol=1e-3))
