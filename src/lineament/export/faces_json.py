"""Everything of the faces of one photo but their meshes, as JSON (``docs/json.md``)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lineament.errors import ExportError
from lineament.export.files import write_text
from lineament.result import FaceResult, FreeFormResult, MorphableResult
from lineament.several import Faces, list_of_faces
from lineament.version import __version__

JSON_SCHEMA = "lineament-faces/1"


def export_json(
    faces: Faces,
    path: str | os.PathLike[str],
    *,
    photo: str | None = None,
    source: str | None = None,
    size_hw: tuple[int, int] | None = None,
    meshes: Sequence[str | None] | str = (),
) -> None:
    """Write the faces of one photo as JSON: boxes, poses, landmarks, coefficients (``docs/json.md``).

    Args:
        faces: results, in the order they are written, or one.
        path: where to; a file that is there is replaced.
        photo: name of the photo, for the reader.
        source: its path; left out, the JSON does not mention it.
        size_hw: height and width of the upright photo, px.
        meshes: for each face the name of the mesh file written beside, or None; left out, no face has one.

    Raises:
        ExportError: as many meshes as faces are not given, or the file cannot be written.
        ConfigError: something else than faces.
    """
    faces, meshes = list_of_faces(faces), [meshes] if isinstance(meshes, str) else meshes
    if meshes and len(meshes) != len(faces):
        raise ExportError(f"{len(faces)} faces but {len(meshes)} mesh names: give one a face, or none.")
    height, width = size_hw if size_hw is not None else (None, None)
    about_source = {} if source is None else {"source": source}
    content = {
        "schema": JSON_SCHEMA,
        "lineament": __version__,
        "units": {"angle": "rad", "image": "px", "model": "mm"},
        "photo": {"file": photo, **about_source, "width": width, "height": height},
        "faces": [
            face_values(face) | {"mesh": meshes[number] if meshes else None}
            for number, face in enumerate(faces)
        ],
    }
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def face_values(face: FaceResult) -> dict[str, Any]:
    """What JSON says of one face, as the values JSON knows."""
    pose, detection = face.pose, face.detection
    values: dict[str, Any] = {
        "box_xyxy": _numbers(detection.box_xyxy, 2),
        "score": _numbers(detection.score, 4),
        "uncertainty_mm": None if face.uncertainty_mm is None else _numbers(face.uncertainty_mm, 2),
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
        "face_model": face.mesh.name,
    }
    if isinstance(face, MorphableResult):
        values |= {
            "identity": _numbers(face.identity, 4),
            "expression": _numbers(face.expression, 4),
            "expression_names": list(face.model.expression_names[: len(face.expression)]),
            "blendshapes": {name: _numbers(weight, 4) for name, weight in face.blendshapes.items()},
        }
    if isinstance(face, FreeFormResult):
        values["fit_residual_mm"] = _numbers(face.fit_residual_mm, 2)
    for name, value in getattr(face, "own_values", dict)().items():  # of methods that know more
        values[name] = _numbers(value, 4)
    return values


def _numbers(values: Any, digits: int) -> Any:  # noqa: ANN401 - a number or nested lists, as JSON has them
    """Numbers rounded for a file; null for those that are not finite, which JSON cannot hold."""
    rounded = np.asarray(np.round(np.asarray(values, dtype=np.float64), digits) + 0.0)  # no minus zero
    finite = np.isfinite(rounded)
    cells = np.full(rounded.shape, None, dtype=object)
    cells[finite] = rounded[finite]
    return cells.tolist()
