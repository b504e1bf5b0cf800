"""MediaPipe's 478 points to the 68: a map of our own, computed from where both lie on our face model.

Each of the 68 landmarks (scheme "300w-lp" of LFM at rest) is written as a weighted mean of the few of the 468
mesh points that lie next to it on LFM, with weights that are not negative. What is left, a few mm for the
jaw, where MediaPipe's mesh ends before the 3D jaw, is added as an offset in the head's frame, turned and
scaled with the face. So the map is as kind to MediaPipe as a linear map can be; its irises are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.layouts import mesh_layout
from lineament.evaluate.items import Prediction
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.similarity import fit_similarity
from lineament.models.builtin import load_builtin

Array = NDArray[Any]

MESH_POINTS = 468
NEIGHBOURS = 6
SUM_WEIGHT = 1e3  # how firmly weights must sum to one, in mm of error


@dataclass(frozen=True, slots=True, eq=False)
class Mesh478Map:
    """The map.

    Attributes:
        weights: (68, 468) rows sum to one; at most four of a row are not zero.
        offset_model: (68, 3) mm, from the weighted mean to the landmark, head's frame.
        mesh_model: (468, 3) mm, MediaPipe's points on LFM at rest: gives the pose.
    """

    weights: Array
    offset_model: Array
    mesh_model: Array

    @classmethod
    @cache
    def builtin(cls) -> Self:
        """From the face model inside the package."""
        model, layout = load_builtin(), mesh_layout()
        mesh = barycentric_points(model.neutral_model, layout.vertex_index, layout.weights)[:MESH_POINTS]
        mesh = np.asarray(mesh, np.float64)
        landmarks = model.landmark_points("300w-lp").neutral_model.astype(np.float64)
        weights = np.array([_convex_weights(mesh, landmark) for landmark in landmarks])
        return cls(weights, landmarks - weights @ mesh, mesh)

    def prediction(self, points_image: Array) -> Prediction:
        """The 68 landmarks and the head's rotation from (468 or 478, 3) px, z away from the viewer."""
        points = np.asarray(points_image, np.float64)[:MESH_POINTS]
        pose = fit_similarity(self.mesh_model, points)
        offset = float(pose.scale) * self.offset_model @ pose.rotation.T
        return Prediction(
            landmarks_image=self.weights @ points + offset,
            rotation=PICTURE_AXES[:, None] * pose.rotation,
        )


def _convex_weights(mesh: Array, landmark: Array) -> Array:
    """(468,) weights of the nearest mesh points whose mean lies closest to a landmark."""
    nearest = np.argsort(np.linalg.norm(mesh - landmark, axis=1), kind="stable")[:NEIGHBOURS]
    system = np.vstack([mesh[nearest].T, np.full(NEIGHBOURS, SUM_WEIGHT)])
    from scipy.optimize import nnls  # the extra "data"; lists of sets need none

    found, _ = nnls(system, np.append(landmark, SUM_WEIGHT))
    weights = np.zeros(len(mesh))
    weights[nearest] = found / found.sum()
    return weights
