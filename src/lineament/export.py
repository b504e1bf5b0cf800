"""Results in files for other programs: OBJ meshes, and JSON with everything but the mesh.

This is the one place where axes and v are turned round for others. A file is written under a temporary name
and renamed, so that a half-written one is never found. The JSON is described in ``docs/json.md``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import vertex_normals
from lineament.result import FaceResult, MorphableResult
from lineament.version import __version__

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]
ExportFrame = Literal["model", "camera", "image"]

JSON_SCHEMA = "lineament-faces/1"
OBJ_COMMENTS: dict[ExportFrame, str] = {
    "model": "mm, the head itself: x to the viewer's right, y up, z to the viewer",
    "camera": "mm, the head as it is turned in the photo: x to the viewer's right, y up, z to the viewer",
    "image": "px of the photo: x right, y down, z away from the viewer",
}


def export_obj(face: FaceResult, path: str | os.PathLike[str], *, frame: ExportFrame = "model") -> None:
    """Write one face as a Wavefront OBJ mesh with normals, and texture coordinates where its model has them.

    Args:
        face: the result.
        path: where to; a file that is there is replaced.
        frame: "model" (mm, facing the viewer whatever the pose), "camera" (mm, turned as in the photo, y up
            and z to the viewer as other programs have it, the head's origin at 0) or "image" (the photo's
            own pixels: y down, z away).

    Raises:
        ExportError: unknown frame, a vertex that is not finite, or the file cannot be written.
    """
    vertices = _vertices(face, frame)
    if not np.isfinite(vertices).all():
        raise ExportError(
            f"{Path(path).name}: the mesh has vertices that are not finite; OBJ cannot hold them."
        )
    model = face.model if isinstance(face, MorphableResult) else None
    uv = None if model is None else model.uv
    parts = {} if model is None else dict(model.parts)
    _write_text(
        Path(path), "\n".join(_obj_lines(vertices, face.triangles, uv, parts, OBJ_COMMENTS[frame])) + "\n"
    )


def export_json(
    faces: Sequence[FaceResult],
    path: str | os.PathLike[str],
    *,
    photo: str | None = None,
    size_hw: tuple[int, int] | None = None,
    meshes: Sequence[str] = (),
) -> None:
    """Write the faces of one photo as JSON: boxes, poses, landmarks, coefficients (``docs/json.md``).

    Args:
        faces: results, in the order they are written.
        path: where to; a file that is there is replaced.
        photo: name of the photo, for the reader.
        size_hw: height and width of the upright photo, px.
        meshes: one name a face of the mesh files written beside, or none.

    Raises:
        ExportError: as many meshes as faces are not given, or the file cannot be written.
    """
    if meshes and len(meshes) != len(faces):
        raise ExportError(f"{len(faces)} faces but {len(meshes)} mesh names: give one a face, or none.")
    height, width = size_hw if size_hw is not None else (None, None)
    content = {
        "schema": JSON_SCHEMA,
        "lineament": __version__,
        "units": {"angle": "rad", "image": "px", "model": "mm"},
        "photo": {"file": photo, "width": width, "height": height},
        "faces": [
            _face_values(face) | {"mesh": meshes[number] if meshes else None}
            for number, face in enumerate(faces)
        ],
    }
    _write_text(Path(path), json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _vertices(face: FaceResult, frame: ExportFrame) -> Array:
    """(N, 3) vertices of a face in a frame that files know."""
    if frame not in OBJ_COMMENTS:
        raise ExportError(f"Unknown frame {frame!r} for a mesh. Known: {', '.join(OBJ_COMMENTS)}.")
    vertices = np.asarray(face.vertices_image, dtype=np.float64)
    if frame == "image":
        return vertices
    turned = (vertices - face.pose.translation) / face.pose.scale * PICTURE_AXES
    return turned if frame == "camera" else turned @ face.pose.rotation


def _obj_lines(
    vertices: Array, triangles: IndexArray, uv: Array | None, parts: dict[str, tuple[int, int]], comment: str
) -> Iterator[str]:
    yield f"# lineament {__version__}; {comment}"
    yield from (f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertices.tolist())
    if uv is not None:  # OBJ's v runs up from the bottom
        yield from (f"vt {u:.6f} {1 - v:.6f}" for u, v in uv.tolist())
    yield from (f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in vertex_normals(vertices, triangles).tolist())
    corner = "{0}//{0}" if uv is None else "{0}/{0}/{0}"
    starts = {first: name for name, (first, last) in parts.items() if last > first}
    for number, triangle in enumerate((np.asarray(triangles) + 1).tolist()):
        if number in starts:
            yield f"g {starts[number]}"
        yield "f " + " ".join(corner.format(vertex) for vertex in triangle)


def _face_values(face: FaceResult) -> dict[str, Any]:
    """What JSON says of one face."""
    pose, detection = face.pose, face.detection
    values: dict[str, Any] = {
        "box_xyxy": _numbers(detection.box_xyxy, 2),
        "score": _numbers(detection.score, 4),
        "crop_box": {
            "center_xy": _numbers(face.crop_box.center_xy, 2),
            "side": _numbers(face.crop_box.side, 2),
            "roll": _numbers(face.crop_box.roll, 5),
        },
        "pose": {
            "yaw": _numbers(pose.yaw, 5),
            "pitch": _numbers(pose.pitch, 5),
            "roll": _numbers(pose.roll, 5),
            "rotation": _numbers(pose.rotation, 6),
            "scale": _numbers(pose.scale, 6),
            "translation": _numbers(pose.translation, 3),
        },
        "landmark_scheme": face.landmark_scheme,
        "landmarks_image": _numbers(face.landmarks_image, 2),
    }
    if isinstance(face, MorphableResult):
        values |= {
            "face_model": face.model.name,
            "identity": _numbers(face.identity, 4),
            "expression": _numbers(face.expression, 4),
            "expression_names": list(face.model.expression_names[: len(face.expression)]),
            "blendshapes": {name: _numbers(weight, 4) for name, weight in face.blendshapes.items()},
        }
    return values


def _numbers(values: Any, digits: int) -> Any:  # noqa: ANN401 - a number or nested lists, as JSON has them
    """Numbers rounded for a file; null for those that are not finite, which JSON cannot hold."""
    rounded = np.asarray(np.round(np.asarray(values, dtype=np.float64), digits) + 0.0)  # no minus zero
    finite = np.isfinite(rounded)
    cells = np.full(rounded.shape, None, dtype=object)
    cells[finite] = rounded[finite]
    return cells.tolist()


def _write_text(path: Path, text: str) -> None:
    """Write a whole file or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ExportError(
            f"Cannot write {path} ({error.strerror}). Check the folder and the disk."
        ) from error
