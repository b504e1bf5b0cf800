"""Binary PLY: vertices with normals and the photo's colours, which point-cloud programs read."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import write_bytes
from lineament.export.frames import FRAMES, ExportFrame, vertices_in
from lineament.export.photo_window import photo_window
from lineament.geometry.mesh import vertex_normals
from lineament.image import Picture
from lineament.paths import checked_path
from lineament.result import FaceResult
from lineament.version import __version__

_POINT = [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")]
_COLOR = [(name, "u1") for name in ("red", "green", "blue")]
_TYPE_NAMES = {"<f4": "float", "u1": "uchar"}


def export_ply(
    face: FaceResult,
    path: str | os.PathLike[str],
    *,
    frame: ExportFrame = "model",
    colors_rgb: NDArray[np.uint8] | None = None,
) -> None:
    """Write one face as binary PLY (little-endian): vertices with normals, and colours where they are given.

    Args:
        face: the result.
        path: where to; a file that is there is replaced.
        frame: as in `export_obj`.
        colors_rgb: (N, 3) uint8 colours of the vertices, such as `vertex_colors` gives.

    Raises:
        ExportError: unknown frame, vertices that are not finite, not one colour a vertex, or the file cannot
            be written.
    """
    vertices = vertices_in(face, frame, name=checked_path(path, ExportError).name)
    if colors_rgb is not None and np.shape(colors_rgb) != vertices.shape:
        raise ExportError(
            f"{len(vertices)} vertices but colours of shape {np.shape(colors_rgb)}: give (N, 3) or none."
        )
    fields = _POINT + (_COLOR if colors_rgb is not None else [])
    rows = np.zeros(len(vertices), fields)
    columns = [*vertices.T, *vertex_normals(vertices, face.triangles).T]
    columns += [] if colors_rgb is None else list(np.asarray(colors_rgb).T)
    for (name, _), column in zip(fields, columns, strict=True):
        rows[name] = column
    corners = np.zeros(len(face.triangles), [("count", "u1"), ("index", "<i4", 3)])
    corners["count"], corners["index"] = 3, face.triangles
    header = "\n".join(_header(fields, len(rows), len(corners), frame))
    write_bytes(path, header.encode("ascii") + rows.tobytes() + corners.tobytes())


def vertex_colors(face: FaceResult, photo: Picture) -> NDArray[np.uint8]:
    """(N, 3) uint8: what the photo shows where each vertex falls; hidden ones show what hides them."""
    points = np.nan_to_num(np.asarray(face.vertices_image, dtype=np.float64)[:, :2])
    return np.rint(photo_window(photo, points).colors_at(points)).astype(np.uint8)


def _header(fields: list[tuple[str, str]], vertices: int, triangles: int, frame: str) -> list[str]:
    properties = [f"property {_TYPE_NAMES[kind]} {name}" for name, kind in fields]
    return [
        "ply",
        "format binary_little_endian 1.0",
        f"comment lineament {__version__}; {FRAMES[frame].unit}: {FRAMES[frame].axes}",
        f"element vertex {vertices}",
        *properties,
        f"element face {triangles}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
