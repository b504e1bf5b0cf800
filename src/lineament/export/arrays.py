"""NPZ: every array of one face, for Python."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.export.files import write_bytes
from lineament.result import FaceResult, FreeFormResult, MorphableResult
from lineament.version import __version__


def export_npz(face: FaceResult, path: str | os.PathLike[str]) -> None:
    """Write one face as a compressed NPZ of arrays, read by ``numpy.load`` without pickle.

    Raises:
        ExportError: the file cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **face_arrays(face))  # type: ignore[arg-type] # numpy: a name may be an option
    write_bytes(path, stream.getvalue())


def face_arrays(face: FaceResult) -> dict[str, NDArray[Any]]:
    """The arrays of one face by the names of the result's attributes (``docs/exports.md``)."""
    pose = face.pose
    arrays: dict[str, Any] = {
        "lineament": np.str_(__version__),
        "box_xyxy": face.detection.box_xyxy,
        "score": face.detection.score,
        "uncertainty_mm": np.nan if face.uncertainty_mm is None else face.uncertainty_mm,
        "rotation": pose.rotation,
        "yaw_pitch_roll": np.array([pose.yaw, pose.pitch, pose.roll]),
        "scale": pose.scale,
        "translation": pose.translation,
        "landmarks_image": face.landmarks_image,
        "landmark_scheme": np.str_(face.landmark_scheme),
        "vertices_image": face.vertices_image,
        "visibility": face.visibility,
        "triangles": face.triangles,
        "face_model": np.str_(face.mesh.name),
        "vertices_model": face.vertices_model,
    }
    if face.mesh.uv is not None:
        arrays["uv"] = face.mesh.uv
    if isinstance(face, MorphableResult):
        arrays |= {
            "identity": face.identity,
            "expression": face.expression,
            "expression_names": np.array(face.model.expression_names[: len(face.expression)]),
        }
    if isinstance(face, FreeFormResult):
        arrays["fit_residual_mm"] = face.fit_residual_mm
    arrays |= getattr(face, "own_values", dict)()  # of methods that know more
    return {name: np.asarray(value) for name, value in arrays.items()}
