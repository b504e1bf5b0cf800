"""Camera, and coefficients of a face model, for points of which a picture shows x and y alone.

The robust least squares that anything learned has to beat: Gauss-Newton steps on turn, size, place and
coefficients together, with a ridge on the coefficients, and weights that fall with the distance
(Geman and McClure's, iteratively reweighted).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES, WeakPerspective
from lineament.geometry.rotation import matrix_from_vector

Array: TypeAlias = NDArray[Any]

MIN_POINTS = 6
"""Fewer say too little of a camera."""
ROUNDS = 8
CAMERA_ROUNDS = 5
OUTLIER = 3.0
"""Robust standard deviations at which a point has a quarter of its weight."""
MEDIAN_DISTANCE = 1.177
"""Of two normal coordinates, in standard deviations."""
MAX_TURN = 0.5
"""rad: of a step, which is exact for small turns."""
FLAT = 1e-3
"""Third singular value of points over their first below which they lie in a plane."""


@dataclass(frozen=True, slots=True, eq=False)
class PointModel:
    """Points of a face model, in mm of the model frame.

    Attributes:
        mean: (n, 3) at rest.
        modes: (K, n, 3) how each coefficient moves them; K may be 0.
        stds: (K,) standard deviations of the coefficients, the ridge of the fit.
        modes_by_axis: (3, n, K) the modes.
    """

    mean: Array
    modes: Array
    stds: Array
    modes_by_axis: Array = field(init=False)

    def __post_init__(self) -> None:
        """Keep the modes with the axes first."""
        object.__setattr__(self, "modes_by_axis", np.ascontiguousarray(self.modes.transpose(2, 1, 0)))

    def points(self, coefficients: Array) -> Array:
        """(n, 3) mm, model frame."""
        return self.mean + (self.modes_by_axis @ coefficients).T

    def rigid(self) -> PointModel:
        """The mean alone."""
        return PointModel(self.mean, self.modes[:0], self.stds[:0])


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedFit:
    """What points of a picture say.

    Attributes:
        camera: from the model frame into the picture; its translation has depth 0.
        coefficients: (K,).
        belief: (n,) in 0..1, how much each point was believed at the end.
    """

    camera: WeakPerspective
    coefficients: Array
    belief: Array


def fit_projected(
    model: PointModel, points_xy: Array, weights: Array, *, noise_px: float, independent: float = 150.0
) -> ProjectedFit | None:
    """The camera and the coefficients that put points of a face model nearest to where a picture has them.

    Args:
        model: n points.
        points_xy: (n, 2) px; without weight they may be NaN.
        weights: (n,) at least 0.
        noise_px: how far a point that is found well is off; more draws coefficients to the mean face.
        independent: of so many points, if there are more, the errors have nothing to do with one another,
            since neighbours err alike.

    Returns:
        The fit; None where fewer than :data:`MIN_POINTS` have a weight, or all lie in one place.
    """
    known = np.flatnonzero((weights > 0) & np.isfinite(points_xy).all(axis=1))
    if len(known) < MIN_POINTS:
        return None
    used = PointModel(model.mean[known], model.modes[:, known], model.stds)
    target, trust = points_xy[known].astype(np.float64), weights[known].astype(np.float64)
    camera = _first_camera(used.mean, target, trust / trust.max())
    if camera is None:
        return None
    rigid, coefficients = used.rigid(), np.zeros(len(used.modes))
    share = min(1.0, independent / trust.sum())
    belief = np.ones(len(known))
    # Coefficients join when the camera is about right: before, they would explain its errors.
    for number in range(CAMERA_ROUNDS + (ROUNDS if len(used.modes) else 0)):
        part = used if number >= CAMERA_ROUNDS else rigid
        belief = _belief(_residual(used, camera, coefficients, target), trust)
        step = _step(part, used, camera, coefficients, target, trust * belief * share, noise_px)
        camera = _moved(camera, step[:6])
        coefficients = coefficients + np.concatenate([step[6:], np.zeros(len(coefficients) + 6 - len(step))])
    if not np.isfinite(camera.scale) or camera.scale <= 0:
        return None
    every = np.zeros(len(weights))
    every[known] = belief
    return ProjectedFit(camera, coefficients, every)


def _first_camera(points: Array, target: Array, weights: Array) -> WeakPerspective | None:
    """Scaled orthography out of the affine map that fits best, made robust in three rounds.

    Points that lie about in a plane say nothing of depth; there the ridge keeps the map upright.
    """
    belief, linear, center, middle = np.ones(len(points)), np.zeros((2, 3)), np.zeros(3), np.zeros(2)
    for _ in range(3):
        share = weights * belief / (weights * belief).sum()
        center, middle = share @ points, share @ target
        moved = points - center
        gram = (moved * share[:, None]).T @ moved
        if gram.trace() < 1e-12:
            return None
        ridge = FLAT * gram.trace() * np.eye(3)
        linear = np.linalg.solve(gram + ridge, (moved * share[:, None]).T @ (target - middle)).T
        away = np.linalg.norm(target - middle - moved @ linear.T, axis=1)
        belief = _belief(away, weights)
    upright = linear * PICTURE_AXES[:2, None]
    left, size, right = np.linalg.svd(upright)
    if size[0] <= 0:
        return None
    rows = left @ right[:2]
    rotation = np.stack([*rows, np.cross(rows[0], rows[1])])
    camera = WeakPerspective(rotation, float(size.mean()), np.zeros(3))
    place = middle - camera.image_from_model(center)[:2]
    return WeakPerspective(rotation, camera.scale, np.array([*place, 0.0]))


def _residual(model: PointModel, camera: WeakPerspective, coefficients: Array, target: Array) -> Array:
    """(n,) px."""
    found = camera.image_from_model(model.points(coefficients))[:, :2]
    distance: Array = np.linalg.norm(found - target, axis=1)
    return distance


def _step(
    moving: PointModel,
    model: PointModel,
    camera: WeakPerspective,
    coefficients: Array,
    target: Array,
    weights: Array,
    noise_px: float,
) -> Array:
    """(6 + K,) turn in radians, logarithm of the size, x, y px, and coefficients of `moving`."""
    rotated = model.points(coefficients) @ camera.rotation.T * camera.scale  # y up, z to the viewer
    x, y, z = rotated.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    columns = [(zero, -z), (z, zero), (-y, x), (x, y), (one, zero), (zero, -one)]
    # Rows are all x, then all y: modes of one axis lie together, so that turning them is one product.
    jacobian = np.empty((2, len(x), 6 + len(moving.modes)))
    jacobian[..., :6] = np.moveaxis(np.array(columns), 0, -1)
    turned = camera.scale * camera.rotation[:2] @ moving.modes_by_axis.reshape(3, -1)
    jacobian[..., 6:] = turned.reshape(2, len(x), -1)
    found = rotated[:, :2] + camera.translation[:2] * [1, -1]
    difference = (target * [1, -1] - found).T.ravel()
    root = np.sqrt(np.tile(weights, 2))
    weighted = jacobian.reshape(2 * len(x), -1)
    weighted *= root[:, None]
    ridge = np.concatenate([np.full(6, 1e-9), (noise_px / moving.stds) ** 2])
    gram = weighted.T @ weighted
    gram[np.diag_indices_from(gram)] += ridge
    right = weighted.T @ (root * difference)
    right[6:] -= ridge[6:] * coefficients[: len(moving.modes)]
    step: Array = np.linalg.solve(gram, right)
    return step


def _moved(camera: WeakPerspective, step: Array) -> WeakPerspective:
    """The camera after a turn about the picture's axes, a change of size and a move."""
    turn = step[:3] * min(1.0, MAX_TURN / max(float(np.linalg.norm(step[:3])), 1e-12))
    growth = float(np.exp(np.clip(step[3], -0.5, 0.5)))
    place = camera.translation + np.array([step[4], step[5], 0.0])
    return WeakPerspective(matrix_from_vector(turn) @ camera.rotation, camera.scale * growth, place)


def _belief(distance: Array, weights: Array) -> Array:
    """(n,) in 0..1 how much points at these distances are believed."""
    usual = max(float(np.median(distance[weights > 0])) / MEDIAN_DISTANCE, 1e-6)
    belief: Array = 1 / (1 + (distance / (OUTLIER * usual)) ** 2) ** 2
    return belief
