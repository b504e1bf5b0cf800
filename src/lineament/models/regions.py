"""Regions of the built-in face: what SADRNet's losses weigh differently."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.morphable import MorphableModel
from lineament.geometry.uv import Region, make_uv_map, region_weight_map

SCHEME = "lfm-68"
JAW = slice(2, 15)
# How far round its landmarks each feature reaches, mm; lids and lips are soft parts around their lines.
FEATURES_MM = ((slice(36, 42), 14.0), (slice(42, 48), 14.0), (slice(27, 36), 12.0), (slice(48, 68), 10.0))
BELOW_JAW = 0.02  # of the chart's height


def face_regions(model: MorphableModel) -> NDArray[np.int64]:
    """(N,) values of :class:`Region` for the vertices of a model with the scheme "lfm-68".

    Eyes, nose and mouth are what lies near their landmarks at rest; the under-jaw counts as neck.
    """
    vertices = model.neutral_model
    landmarks = model.landmark_points(SCHEME).neutral_model
    region = np.full(len(vertices), int(Region.FACE))
    for points, reach in FEATURES_MM:
        marks = landmarks[points]
        distance = np.linalg.norm(vertices[:, None] - marks, axis=-1).min(axis=1)
        # What a ring of landmarks encloses belongs to it, however far from the ring.
        low, high = marks.min(axis=0), marks.max(axis=0)
        enclosed = np.all((vertices[:, :2] > low[:2]) & (vertices[:, :2] < high[:2]), axis=1)
        in_front = vertices[:, 2] > low[2] - reach
        region[((distance < reach) | enclosed) & in_front] = int(Region.FEATURE)
    if model.uv is not None:
        jaw = _landmark_uv(model, model.uv)[JAW]
        # The under-jaw lies as high as the jaw line in space, but below it in the chart.
        below = model.uv[:, 1] > np.interp(model.uv[:, 0], jaw[:, 0], jaw[:, 1]) + BELOW_JAW
        region[below] = int(Region.NECK)
    return region


def face_weight_map(model: MorphableModel, *, size: int = 256) -> NDArray[np.float32]:
    """(size, size) weights of a position map: landmarks 16; eyes, nose, mouth 12; the rest 3; neck 0.

    Raises:
        ValueError: the model has no UV chart.
    """
    if model.uv is None:
        raise ValueError(f"The face model {model.name!r} has no UV chart, so it has no map.")
    first, last = model.parts["face"]
    uv_map = make_uv_map(model.uv, model.triangles[first:last], size=size)
    return region_weight_map(uv_map, face_regions(model), _landmark_uv(model, model.uv))


def _landmark_uv(model: MorphableModel, uv: NDArray[Any]) -> NDArray[Any]:
    """(68, 2) places of the registered landmarks in the chart."""
    layout = model.schemes[SCHEME]
    return np.einsum("pck,pc->pk", uv[layout.vertex_index], layout.weights)
