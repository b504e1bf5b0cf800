"""Errors and rates of vertices that a method finds in the picture one by one (CPRFA, table 1).

An error counts detected vertices alone and means nothing without its rate. A method that gives a whole mesh
counts as one that detects everything: its rate is 100 %, hidden vertices included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.zbuffer import vertex_visibility
from lineament.evaluate.items import LFM, LFM_FACE, Prediction, TrueSurface
from lineament.evaluate.scores.metrics import box_size
from lineament.models.builtin import load_builtin

Array: TypeAlias = NDArray[Any]
Part: TypeAlias = Literal["68", "chosen", "all"]

PARTS: tuple[Part, ...] = ("68", "chosen", "all")
SCHEME = "lfm-68"
SEEN = 0.5
FAILED_ERROR, FAILED_RATE = 0.1, 0.1
"""A face whose error is above or whose rate is below counts as failed (the paper's)."""


def detection_error(prediction: Prediction, surface: TrueSurface, part: Part) -> float:
    """Mean distance of the detected points of a part, over the size of the true landmarks' box."""
    points = _points(prediction, surface, part)
    if points is None:
        return np.nan
    found, truth, _ = points
    error = np.linalg.norm(found - truth, axis=1)
    error = error[np.isfinite(error)]
    return float(error.mean() / _size(surface)) if len(error) else np.nan


def detection_rate(prediction: Prediction, surface: TrueSurface, part: Part, *, visible: bool) -> float:
    """Fraction of a part's points that are detected; with `visible` of those that the head itself shows."""
    points = _points(prediction, surface, part)
    if points is None:
        return np.nan
    found, _, seen = points
    counted = seen if visible else np.ones(len(found), bool)
    return float(np.isfinite(found[counted, 0]).mean()) if counted.any() else np.nan


def detection_failed(prediction: Prediction, surface: TrueSurface, part: Part) -> float:
    """1 where the error is above 10 % or the rate below 10 %, else 0."""
    error = detection_error(prediction, surface, part)
    rate = detection_rate(prediction, surface, part, visible=False)
    if np.isnan(rate):
        return np.nan
    return float(not error <= FAILED_ERROR or rate < FAILED_RATE)


def measures() -> dict[str, Callable[[Prediction, TrueSurface], float]]:
    """All of them by name, as fractions."""
    found: dict[str, Callable[[Prediction, TrueSurface], float]] = {}
    for part in PARTS:
        found[f"detection-{part}"] = lambda p, s, part=part: detection_error(p, s, part)
        found[f"detection-{part}-rate"] = lambda p, s, part=part: detection_rate(p, s, part, visible=False)
        found[f"detection-{part}-visible"] = lambda p, s, part=part: detection_rate(p, s, part, visible=True)
        found[f"detection-{part}-failed"] = lambda p, s, part=part: detection_failed(p, s, part)
    return found


def _points(
    prediction: Prediction, surface: TrueSurface, part: Part
) -> tuple[Array, Array, NDArray[np.bool_]] | None:
    """(P, 2) found, (P, 2) true px and (P,) which the head itself shows; None where the meshes differ."""
    if prediction.topology != LFM or surface.topology != LFM_FACE:
        return None
    given = prediction.detected_image
    if given is None:
        given = prediction.vertices_image
    if given is None:
        return None
    truth = surface.vertices_image
    seen = vertex_visibility(truth, surface.triangles) > SEEN
    found = np.asarray(given, np.float64)[: len(truth), :2]
    if part == "all":
        return found, truth[:, :2], seen
    if part == "chosen":
        chosen = prediction.chosen_vertices
        return None if chosen is None else (found[chosen], truth[chosen, :2], seen[chosen])
    layout = load_builtin().schemes[SCHEME]
    on_mesh = [
        np.einsum("pck,pc->pk", values[layout.vertex_index], layout.weights) for values in (found, truth)
    ]
    return on_mesh[0], on_mesh[1][:, :2], seen[layout.vertex_index].all(axis=1)


def _size(surface: TrueSurface) -> float:
    points = surface.vertices_image if surface.landmarks_image is None else surface.landmarks_image
    return float(box_size(points))
