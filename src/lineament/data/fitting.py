"""Fits a face model to the points that a landmark detector found on a photograph.

Weak perspective, bounded blendshapes, ridge priors on everything. One round finds the pose in closed form and
then the coefficients of the face as it stands, as a bounded least-squares problem. The normal matrix of the
latter depends on the photograph only through the 3x3 matrix that weighs the picture's axes in the head's
frame, so six precomputed matrices serve all photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import fit_similarity

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class PointLayout:
    """Which points of the face model a landmark detector's points are.

    Attributes:
        vertex_index: (P, 3) corners on the model's mesh.
        weights: (P, 3) barycentric weights.
        trust: (P,) least-squares weight of each point in the picture's plane.
        depth_trust: (P,) factor on that weight for the depth, 0 where the detector's depth means nothing.
    """

    vertex_index: IntArray
    weights: Array
    trust: Array
    depth_trust: Array


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Priors and effort of a fit. Residuals are in mm on the head.

    Attributes:
        rounds: pose and coefficients, in turn.
        sweeps: coordinate-descent sweeps over the coefficients in a round.
        identity_ridge_mm: residual a point may keep to spare one standard deviation of identity.
        expression_ridge_mm: the same for a full blendshape.
        expression_limits: bounds of blendshape weights.
    """

    rounds: int = 8
    sweeps: int = 12
    identity_ridge_mm: float = 7.0
    expression_ridge_mm: float = 10.0
    expression_limits: tuple[float, float] = (0.0, 1.05)


@dataclass(frozen=True, slots=True)
class Fits:
    """Fitted faces of F photographs.

    Attributes:
        rotation: (F, 3, 3) proper rotations of the model frame.
        scale: (F,) px per mm.
        translation: (F, 3) px, image frame.
        identity: (F, K).
        expression: (F, E).
        residual: (F,) mean distance of points in the picture over the square root of their box's area.
    """

    rotation: Array
    scale: Array
    translation: Array
    identity: Array
    expression: Array
    residual: Array


class Fitter:
    """Fits one face model to one landmark layout.

    Args:
        model: the face model.
        layout: where the landmark detector's points lie on it.
        config: priors and effort.
    """

    def __init__(self, model: MorphableModel, layout: PointLayout, config: FitConfig | None = None) -> None:
        self.config = config or FitConfig()
        basis = np.concatenate([model.identity_basis, model.expression_basis])
        self._identity_count = len(model.identity_basis)
        self._layout = layout
        self._neutral = barycentric_points(model.neutral_model, layout.vertex_index, layout.weights).astype(
            float
        )
        self._basis = barycentric_points(basis, layout.vertex_index, layout.weights).astype(float)
        self._ridge = np.repeat(
            [self.config.identity_ridge_mm**2, self.config.expression_ridge_mm**2],
            [self._identity_count, len(model.expression_basis)],
        )
        low, high = self.config.expression_limits
        free = np.full(self._identity_count, np.inf)
        self._low = np.concatenate([-free, np.full(len(model.expression_basis), low)])
        self._high = np.concatenate([free, np.full(len(model.expression_basis), high)])
        plane, depth = layout.trust, layout.trust * layout.depth_trust
        # Weight of the picture's axes in the head's frame: plane * 1 + (depth - plane) * v v^T, v the view.
        self._plane_normal = np.einsum("p,cpi,dpj->ijcd", plane, self._basis, self._basis, optimize=True)
        self._depth_normal = np.einsum(
            "p,cpi,dpj->ijcd", depth - plane, self._basis, self._basis, optimize=True
        )

    def fit(self, points_image: Array) -> Fits:
        """Fit every photograph by itself.

        Args:
            points_image: (F, P, 3) px, image frame (y down, z away, of the same scale as x).
        """
        upright = points_image * PICTURE_AXES
        coefficients = np.zeros((len(upright), len(self._basis)))
        trust = self._layout.trust * np.maximum(self._layout.depth_trust, 1e-3)
        for _ in range(self.config.rounds):
            shaped = self._shaped(coefficients)
            pose = fit_similarity(shaped, upright, trust)
            in_head = (upright - pose.translation[:, None]) @ pose.rotation / pose.scale[:, None, None]
            coefficients = self._coefficients(in_head - self._neutral, pose.rotation[:, 2], coefficients)
        shaped = self._shaped(coefficients)
        pose = fit_similarity(shaped, upright, trust)
        distance = np.linalg.norm((pose.apply(shaped) - upright)[..., :2], axis=-1)
        size = np.sqrt(np.prod(np.ptp(points_image[..., :2], axis=1), axis=-1))
        return Fits(
            rotation=pose.rotation,
            scale=pose.scale,
            translation=pose.translation * PICTURE_AXES,
            identity=coefficients[:, : self._identity_count].astype(np.float32),
            expression=coefficients[:, self._identity_count :].astype(np.float32),
            residual=distance.mean(axis=1) / size,
        )

    def _shaped(self, coefficients: Array) -> Array:
        flat = coefficients @ self._basis.reshape(len(self._basis), -1)
        return self._neutral + flat.reshape(len(coefficients), -1, 3)

    def _coefficients(self, wanted: Array, view_axis: Array, start: Array) -> Array:
        """Bounded ridge solutions for (F, P, 3) wanted displacements seen along (F, 3) axes of the head."""
        plane, depth = self._layout.trust, self._layout.trust * self._layout.depth_trust
        along = np.einsum("fpi,fi->fp", wanted, view_axis)
        pull = plane[:, None] * wanted + ((depth - plane) * along)[..., None] * view_axis[:, None]
        right = pull.reshape(len(wanted), -1) @ self._basis.reshape(len(self._basis), -1).T
        base = np.einsum("iicd->cd", self._plane_normal) + np.diag(self._ridge)
        return _solve_all(
            base, self._depth_normal, view_axis, right, self._low, self._high, start, self.config.sweeps
        )


@numba.njit(cache=True)
def _solve_all(  # noqa: ANN202 - numba infers the type
    base: Array,
    depth_normal: Array,
    view_axis: Array,
    right: Array,
    low: Array,
    high: Array,
    start: Array,
    sweeps: int,
):
    """Coordinate descent on each photograph's box-bounded quadratic problem."""
    solved = start.copy()
    for f in range(len(right)):
        normal = base.copy()
        for i in range(3):
            for j in range(3):
                normal += view_axis[f, i] * view_axis[f, j] * depth_normal[i, j]
        solution = solved[f]
        slope = normal @ solution - right[f]
        for _ in range(sweeps):
            for c in range(len(solution)):
                wanted = min(max(solution[c] - slope[c] / normal[c, c], low[c]), high[c])
                step = wanted - solution[c]
                if step != 0.0:
                    solution[c] = wanted
                    slope += step * normal[c]
    return solved
