"""Wavefront OBJ: a mesh with normals, and with a material and texture beside it where there is one."""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.decimals import lines_of
from lineament.export.files import png_bytes, write_bytes, write_text
from lineament.export.frames import FRAMES, ExportFrame, uv_upward, vertices_in
from lineament.geometry.face_mesh import FaceMesh
from lineament.geometry.mesh import vertex_normals
from lineament.paths import checked_path
from lineament.result import FaceResult
from lineament.several import one_face
from lineament.version import __version__


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
        ConfigError: it is no face, or several.
    """
    face, path = one_face(face), checked_path(path, ExportError)
    vertices = vertices_in(face, frame, name=path.name)
    uv = face.mesh.uv
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
    head = "\n".join(header).encode() + b"\n"
    normals = vertex_normals(vertices, face.triangles)
    numbers = lines_of("v", vertices, digits=4), lines_of("vn", normals, digits=4)
    write_bytes(path, b"".join([head, *numbers, _shared_lines(face.mesh)]))


def _material(picture: str) -> str:
    """A matt material of the texture's colours."""
    return f"newmtl face\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture}\n"


@lru_cache(maxsize=4)
def _shared_lines(mesh: FaceMesh) -> bytes:
    """Texture coordinates and triangles: the same text for all faces of a mesh."""
    corner = "{0}//{0}" if mesh.uv is None else "{0}/{0}/{0}"
    starts = {first: name for name, (first, last) in mesh.parts.items() if last > first}
    lines = []
    for number, triangle in enumerate((np.asarray(mesh.triangles) + 1).tolist()):
        if number in starts:
            lines.append(f"g {starts[number]}")
        lines.append("f " + " ".join(corner.format(vertex) for vertex in triangle))
    text = ("\n".join(lines) + "\n").encode()
    return text if mesh.uv is None else lines_of("vt", uv_upward(mesh.uv), digits=6) + text
