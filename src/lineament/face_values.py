"""A face as the plain values that JSON knows (``docs/json.md``): numbers, texts, lists, dicts."""

from __future__ import annotations

from typing import Any

import numpy as np


def face_values(face: Any, *, targets: str = "arkit") -> dict[str, Any]:  # noqa: ANN401 - results lie above this room
    """What JSON says of a face; numbers rounded to what can be meant, None for those that are not finite.

    `targets`: names of expressions, "arkit" (its 52) or "all" (the face model's own).
    """
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
        "landmark_visibility": _numbers(face.landmark_visibility, 2),
        "face_model": face.mesh.name,
    }
    if hasattr(face, "expression"):  # of a method that gives coefficients
        named = face.named_weights(targets)
        values |= {
            "identity": _numbers(face.identity, 4),
            "expression": _numbers(face.expression, 4),
            "expression_names": list(face.model.expression_names[: len(face.expression)]),
            "blendshapes": dict(zip(named, _numbers([*named.values()], 4), strict=True)),
        }
    if hasattr(face, "fit_residual_mm"):
        values["fit_residual_mm"] = _numbers(face.fit_residual_mm, 2)
    for name, value in getattr(face, "own_values", dict)().items():  # of methods that know more
        values[name] = _numbers(value, 4)
    return values


def _numbers(values: Any, digits: int) -> Any:  # noqa: ANN401 - a number or nested lists, as JSON has them
    """Numbers rounded; None for those that are not finite, which JSON cannot hold."""
    rounded = np.asarray(np.round(np.asarray(values, dtype=np.float64), digits) + 0.0)  # no minus zero
    finite = np.isfinite(rounded)
    if finite.all():
        return rounded.tolist()
    cells = np.full(rounded.shape, None, dtype=object)
    cells[finite] = rounded[finite]
    return cells.tolist()
