"""Where the points of other face meshes lie on LFM: the landmarks, the 478-point mesh, Basel's topology."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lineament.geometry.mesh import MeshPoints, nearest_points_on_mesh
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import fit_similarity

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

ROUNDS = 30
IDENTITY_RIDGE_MM = 6.0
EXPRESSION_RIDGE_MM = 20.0
LEFT_OUT = ("eyeLook",)
"""Gaze changes no surface that another neutral mesh would show."""

# Landmarks 17-67 of the 68 in MediaPipe's numbering of its canonical mesh, by anatomy.
MESH468_INNER_51 = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 1, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)


@dataclass(frozen=True, slots=True)
class Registration:
    """Another mesh brought onto LFM.

    Attributes:
        fitted_model: (N, 3) LFM deformed to look like the other mesh, mm, model frame.
        points_model: (P, 3) the other mesh's vertices moved into the model frame, mm.
        places: the point of LFM's surface next to each of them.
    """

    fitted_model: Array
    points_model: Array
    places: MeshPoints


def register(
    model: MorphableModel, points: Array, anchors: IntArray, anchor_points_model: Array
) -> Registration:
    """Fit LFM to a neutral face mesh by nearest vertices, starting from matched landmarks.

    Args:
        model: LFM without its parts.
        points: (P, 3) vertices of the other mesh, any unit, y up and z to the viewer.
        anchors: (L,) vertices of the other mesh that are landmarks.
        anchor_points_model: (L, 3) where those landmarks lie on LFM at rest, mm.
    """
    start = fit_similarity(points[anchors], anchor_points_model)
    moved = start.apply(points)
    usable = np.array([not name.startswith(LEFT_OUT) for name in model.expression_names])
    expression_basis = model.expression_basis[usable]
    basis = np.concatenate([model.identity_basis, expression_basis])
    ridge = np.repeat(
        [IDENTITY_RIDGE_MM, EXPRESSION_RIDGE_MM], [len(model.identity_basis), len(expression_basis)]
    )
    fitted = model.neutral_model
    for _ in range(ROUNDS):
        distance, near = cKDTree(fitted).query(moved)
        trusted = distance < max(3.0, 3.0 * float(np.median(distance)))
        used = near[trusted]
        again = fit_similarity(moved[trusted], fitted[used])
        moved = again.apply(moved)
        rows = basis[:, used].reshape(len(basis), -1).T
        aim = (moved[trusted] - model.neutral_model[used]).reshape(-1)
        # The weight of the ridge grows with the number of points, so that meshes of any density fit alike.
        strength = np.diag(ridge**2 * len(used) / 500)
        weights = np.linalg.solve(rows.T @ rows + strength, rows.T @ aim)
        fitted = model.neutral_model + np.tensordot(weights.astype(np.float32), basis, axes=1)
    return Registration(fitted, moved, nearest_points_on_mesh(moved, fitted, model.triangles))


def read_obj_vertices(text: str) -> Array:
    """(P, 3) vertices of an OBJ file."""
    return np.array(
        [line.split()[1:4] for line in text.splitlines() if line.startswith("v ")], dtype=np.float64
    )
