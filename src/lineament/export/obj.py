"""Wavefront OBJ: a mesh with normals, and with a material and texture beside it where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import png_bytes, write_bytes, write_text
from lineament.export.frames import FRAMES, ExportFrame, uv_upward, vertices_in
from lineament.geometry.mesh import vertex_normals
from lineament.result import FaceResult
from lineament.version import __version__

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]


def export_obj(
    face: FaceResult,
    path: str | os.PathLike[str],
    *,
    frame: ExportFrame = "model",
    texture_rgb: NDArray[np.uint8] | None = None,
) -> None:
    """Write one face as a Wavefront OBJ mesh with normals, and texture coordinates where its mesh has them.

    Args:
        face: the result.
        path: where to; a file that is there is replaced.
        frame: "model" (mm, facing the viewer whatever the pose), "camera" (mm, turned as in the photo, y up
            and z to the viewer as other programs have it, the head's origin at 0) or "image" (the photo's
            own pixels: y down, z away).
        texture_rgb: (S, S, 3) uint8 on the mesh's chart, such as `FaceTexturer` gives; written beside the
            mesh as NAME.png with a material NAME.mtl.

    Raises:
        ExportError: unknown frame, a vertex that is not finite, a texture for a mesh without texture
            coordinates, or the file cannot be written.
    """
    path = Path(path)
    vertices = vertices_in(face, frame, name=path.name)
    uv, parts = face.mesh.uv, dict(face.mesh.parts)
    header = [f"# lineament {__version__}; {FRAMES[frame].unit}: {FRAMES[frame].axes}"]
    if texture_rgb is not None:
        if uv is None:
            raise ExportError(
                f"{path.name}: the mesh {face.mesh.name!r} has no texture coordinates. Leave the texture out."
            )
        material = path.with_suffix(".mtl")
        write_bytes(path.with_suffix(".png"), png_bytes(texture_rgb))
        write_text(material, _material(path.with_suffix(".png").name))
        header += [f"mtllib {material.name}", "usemtl face"]
    lines = [*header, *_obj_lines(vertices, face.triangles, uv, parts)]
    write_text(path, "\n".join(lines) + "\n")


def _material(picture: str) -> str:
    """A matt material of the texture's colours."""
    return f"newmtl face\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture}\n"


def _obj_lines(
    vertices: Array, triangles: IndexArray, uv: Array | None, parts: dict[str, tuple[int, int]]
) -> Iterator[str]:
    yield from (f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertices.tolist())
    if uv is not None:
        yield from (f"vt {u:.6f} {v:.6f}" for u, v in uv_upward(uv).tolist())
    yield from (f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertex_normals(vertices, triangles).tolist())
    corner = "{0}//{0}" if uv is None else "{0}/{0}/{0}"
    starts = {first: name for name, (first, last) in parts.items() if last > first}
    for number, triangle in enumerate((np.asarray(triangles) + 1).tolist()):
        if number in starts:
            yield f"g {starts[number]}"
        yield "f " + " ".join(corner.format(vertex) for vertex in triangle)
