"""A row a face: what tables say of it, whatever their format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.expression_keys import TargetNames
from lineament.result import FaceResult, FreeFormResult, MorphableResult

Row: TypeAlias = dict[str, Any]
"""Names and values of the columns: texts, numbers, and (n,) float32 arrays."""


def face_row(face: FaceResult, *, targets: TargetNames = "arkit") -> Row:
    """The columns of one face: numbers, texts, and (n,) float32 arrays; `targets` as in export_parquet."""
    pose = face.pose
    row: Row = {
        "box_xyxy": _flat(face.detection.box_xyxy),
        "score": float(face.detection.score),
        "uncertainty_mm": math.nan if face.uncertainty_mm is None else float(face.uncertainty_mm),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "rotation": _flat(pose.rotation),
        "scale": float(pose.scale),
        "translation": _flat(pose.translation),
        "landmark_scheme": face.landmark_scheme,
        "landmarks_image": _flat(face.landmarks_image),
        "landmark_visibility": _flat(face.landmark_visibility),
        "face_model": face.mesh.name,
    }
    if isinstance(face, MorphableResult):
        row |= {
            "identity": _flat(face.identity),
            "expression": _flat(face.expression),
            **{f"blendshape_{name}": float(weight) for name, weight in face.named_weights(targets).items()},
        }
    if isinstance(face, FreeFormResult):
        row["fit_residual_mm"] = float(face.fit_residual_mm)
    return row


def photo_rows(
    start: Mapping[str, Any], faces: Sequence[FaceResult], *, targets: TargetNames = "arkit"
) -> list[Row]:
    """The rows of a photo: what they begin with, the number of each face, its columns."""
    words = {name: readable(value) for name, value in start.items()}
    return [words | {"face": number} | face_row(face, targets=targets) for number, face in enumerate(faces)]


def readable(value: Any) -> Any:  # noqa: ANN401 - whatever rows begin with
    """Text that UTF-8 can hold: names of files may be other bytes."""
    return value.encode("utf-8", errors="replace").decode("utf-8") if isinstance(value, str) else value


def _flat(values: Any) -> NDArray[np.float32]:  # noqa: ANN401 - an array of any shape
    """Numbers row by row, as lists in tables have them."""
    return np.asarray(values, dtype=np.float32).ravel()
