"""Refines fitted faces: pose, identity and expression together, robust, eyes and mouths as open as they are.

Gauss-Newton on iteratively reweighted least squares (Geman and McClure's weights). Beside the points
themselves, the gaps between the rims of eyes and mouth are rows of the problem: they decide whether an eye is
shut, and points that are all a little off cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lineament.data.fitting.layout import Opening, PointLayout
from lineament.data.fitting.outline import SchemePoints
from lineament.data.fitting.solve import eliminate, solve_bounded

Array = NDArray[np.floating]
BoolArray = NDArray[np.bool_]

POSE = 7
"""Turn (3), growth, shift (3): the pose's unknowns come first, then identity, then expression."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Where F fits stand, with y up and z to the viewer.

    Attributes:
        rotation: (F, 3, 3).
        scale: (F,) px per mm.
        translation: (F, 3) px.
        coefficients: (F, C) identity, then expression.
        weight: (F, P) robust weight of each point, 1 where it agrees.
    """

    rotation: Array
    scale: Array
    translation: Array
    coefficients: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Problem:
    """What all photographs share.

    Attributes:
        layout: of the points.
        neutral: (P, 3) points of the mean face, mm.
        basis: (C, P, 3) float32 identity, then expression.
        identity_count: K.
        ridge: (C,) squared residual in mm that one unit of a coefficient costs.
        low: (E,) bounds of the expression weights.
        high: (E,).
        hidden: for each opening, (E,) shapes that are not seen when it is shut.
        shut_gap: for each opening, (G, 3) mm between its rims' points when it is shut.
        sides: (S, 2) numbers of the expressions that are the left and the right of one.
        gap_trust: weight of a pair of rim points.
        robust_mm: residual at which a point loses three quarters of its weight, at least.
        robust_factor: the same, in medians of the photograph's residuals.
    """

    layout: PointLayout
    neutral: Array
    basis: Array
    identity_count: int
    ridge: Array
    low: Array
    high: Array
    hidden: tuple[BoolArray, ...]
    shut_gap: tuple[Array, ...]
    sides: NDArray[np.integer]
    gap_trust: float
    robust_mm: float
    robust_factor: float


@dataclass(frozen=True, slots=True)
class SetPoints:
    """Points of one scheme that somebody set on one photograph.

    Attributes:
        scheme: where such points lie.
        points: (P, 3) px, y up; NaN where there is none, the third coordinate is not used.
        sigma_mm: (P,) standard deviation an axis; used where `sigma_px` is None.
        sigma_px: of all of them, or None.
    """

    scheme: SchemePoints
    points: Array
    sigma_mm: Array
    sigma_px: float | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """What holds the F fits beside the mesh, and how much the mesh is worth.

    Attributes:
        mesh: (F,) factor on the weight of the mesh.
        firmness: (F,) factor on the cost of expressions.
        sets: of each face any number of sets of points.
        told_yaw: (F,) radians, NaN where nothing is told.
        unit_mm: deviation at which a point weighs as much as one of the mesh.
    """

    mesh: Array
    firmness: Array
    sets: tuple[tuple[SetPoints, ...], ...]
    told_yaw: Array
    unit_mm: float


class Refiner:
    """Takes steps on one problem; keeps its buffers, so one belongs to one thread.

    Args:
        problem: what all photographs share.
        trust: points that people set, and how much the mesh is worth; None is a mesh alone.
    """

    def __init__(self, problem: Problem, trust: Trust | None = None) -> None:
        self.problem = problem
        self._trust = trust
        count, points = problem.basis.shape[:2]
        pairs = sum(len(opening.upper) for opening in problem.layout.openings)
        # (3, P, C): one product with the rotation turns all modes.
        self._modes = np.ascontiguousarray(problem.basis.transpose(2, 1, 0).reshape(3, -1), np.float32)
        self._rows = np.zeros((3 * points + 2 * pairs, POSE + count), np.float32)
        self._flat = np.ascontiguousarray(problem.basis.reshape(count, -1), np.float64)

    def step(self, faces: Faces, points: Array, groups: list[NDArray[np.integer]]) -> Faces:
        """One Gauss-Newton step on every photograph.

        Args:
            faces: where the fits stand.
            points: (F, P, 3) px, y up, z to the viewer.
            groups: photographs of one person each; together they are all photographs.
        """
        moved = Faces(*(getattr(faces, name).copy() for name in Faces.__dataclass_fields__))
        for group in groups:
            systems = [self._system(faces, points[f], f, moved.weight) for f in group]
            starts = [faces.coefficients[f] for f in group]
            solutions = [self._solve(*s, start) for s, start in zip(systems, starts, strict=True)]
            if len(group) > 1:
                identity = self._shared_identity(systems, solutions)
                solutions = [
                    self._solve(*s, solution[POSE:], identity)
                    for s, solution in zip(systems, solutions, strict=True)
                ]
            for f, solution in zip(group, solutions, strict=True):
                _apply(moved, f, solution)
        return moved

    def _solve(self, normal: Array, right: Array, start: Array, identity: Array | None = None) -> Array:
        """All unknowns of a photograph, with its own identity or with a given one."""
        problem = self.problem
        count = problem.identity_count
        kept = np.r_[: POSE + count, POSE + count : len(right)]
        if identity is not None:
            known = slice(POSE, POSE + count)
            right = right - normal[:, known] @ identity
            kept = np.r_[:POSE, POSE + count : len(right)]
        found = solve_bounded(
            normal[np.ix_(kept, kept)], right[kept], problem.low, problem.high, start[count:]
        )
        return found if identity is None else np.concatenate([found[:POSE], identity, found[POSE:]])

    def _shared_identity(self, systems: list[tuple[Array, Array]], solutions: list[Array]) -> Array:
        """The identity that suits all photographs of a person best."""
        problem = self.problem
        known = slice(POSE, POSE + problem.identity_count)
        ridge = problem.ridge[: problem.identity_count]
        # Errors of one detector on pictures of one person agree, so n pictures are not n times the evidence.
        normal = np.diag(ridge * np.sqrt(len(systems)))
        right = np.zeros(problem.identity_count)
        for (n, r), solution in zip(systems, solutions, strict=True):
            bounded = solution[known.stop :]
            fixed = np.zeros(len(r), bool)
            fixed[known.stop :] = (bounded <= problem.low) | (bounded >= problem.high)
            own, pull = eliminate(n, r, known, fixed, solution)
            normal += own - np.diag(ridge)
            right += pull
        return np.linalg.solve(normal, right)

    def _system(self, faces: Faces, points: Array, f: int, weights: Array) -> tuple[Array, Array]:
        """Normal equations (U, U), (U,) of photograph `f`; writes its robust weights."""
        problem, rows = self.problem, self._rows
        rotation, scale = faces.rotation[f], faces.scale[f]
        shaped = (faces.coefficients[f] @ self._flat).reshape(-1, 3) + problem.neutral
        rotated = shaped @ rotation.T
        observed = (points - faces.translation[f]) / scale
        openness = [opening.openness(points) for opening in problem.layout.openings]
        gaps = [
            _wanted_gap(opening, observed, fraction, shut @ rotation.T)
            for opening, fraction, shut in zip(
                problem.layout.openings, openness, problem.shut_gap, strict=True
            )
        ]
        observed, trust = self._closed(observed, gaps, openness)
        weights[f] = self._robust(observed - rotated)
        count = len(problem.basis)
        cube = rows[: 3 * len(rotated)].reshape(3, len(rotated), POSE + count)
        np.matmul(rotation.astype(np.float32), self._modes, out=(modes := np.empty_like(self._modes)))
        cube[:, :, POSE:] = modes.reshape(3, len(rotated), count)
        cube[:, :, :POSE] = pose_rows(rotated)
        aim = np.concatenate(
            [(observed - problem.neutral @ rotation.T).T.ravel(), np.zeros(2 * _pairs(gaps))]
        )
        plane = trust * weights[f]
        strength = np.concatenate([plane, plane, plane * problem.layout.depth_trust])
        at = 3 * len(rotated)
        rest = problem.neutral @ rotation.T
        for opening, gap in zip(problem.layout.openings, gaps, strict=True):
            for axis in range(2):
                stop = at + len(gap)
                rows[at:stop] = cube[axis, opening.upper] - cube[axis, opening.lower]
                aim[at:stop] = gap[:, axis] - (rest[opening.upper, axis] - rest[opening.lower, axis])
                at = stop
        strength = np.concatenate([strength, *self._gap_strength(weights[f])])
        if self._trust is not None:
            strength *= self._trust.mesh[f]
        root = np.sqrt(strength).astype(np.float32)
        weighted = rows * root[:, None]
        normal = (weighted.T @ weighted).astype(np.float64)
        right = (weighted.T @ (root * aim.astype(np.float32))).astype(np.float64)
        ridge = problem.ridge.copy()
        for shapes, fraction in zip(problem.hidden, openness, strict=True):
            ridge[problem.identity_count :][shapes] *= 1 + HIDDEN_RIDGE * (1 - fraction)
        if self._trust is not None:
            ridge[problem.identity_count :] *= self._trust.firmness[f]
            if self._trust.mesh[f] < 1:
                self._hold_sides_together(normal, ridge[problem.identity_count :])
            for one in self._trust.sets[f]:
                more = self._set_system(faces, one, f, self._trust.unit_mm)
                normal, right = normal + more[0], right + more[1]
            if np.isfinite(told := self._trust.told_yaw[f]):
                pull = (self._trust.unit_mm / TOLD_YAW_SIGMA) ** 2
                right[YAW] += pull * (told - yaw_of(rotation))
                normal[YAW, YAW] += pull
        # A shift in depth shows nowhere if no depth is trusted: the smallest of ridges keeps it at rest.
        normal[np.diag_indices(len(normal))] += np.concatenate([np.full(POSE, 1e-3), ridge])
        return normal, right

    def _hold_sides_together(self, normal: Array, ridge: Array) -> None:
        """Make the left and the right of an expression cost by how far they differ: one side is visible."""
        left, right = (POSE + self.problem.identity_count + self.problem.sides[:, side] for side in (0, 1))
        cost = ONE_SIDED * ridge[self.problem.sides[:, 0]]
        normal[left, left] += cost
        normal[right, right] += cost
        normal[left, right] -= cost
        normal[right, left] -= cost

    def _set_system(self, faces: Faces, one: SetPoints, f: int, unit_mm: float) -> tuple[Array, Array]:
        """What a set of points adds to the normal equations of photograph `f`."""
        rotation, scale = faces.rotation[f], faces.scale[f]
        rows = one.scheme.rows(rotation, faces.coefficients[f])
        there = np.isfinite(one.points[:, :2]).all(axis=1) & (rows.trust[:, 0] > 0)
        axes = rows.axes[there]
        observed = ((one.points[there] - faces.translation[f]) / scale)[:, :2]
        rotated = rows.place[there] @ rotation.T
        left = np.einsum("pai,pi->pa", axes, observed - rotated[:, :2])
        sigma = one.sigma_mm[there] if one.sigma_px is None else one.sigma_px / scale
        robust = (1 + np.sum(rows.trust[there] * left**2, axis=1) / HAND_ROBUST_MM**2) ** -2.0
        strength = rows.trust[there] * (robust * (unit_mm / sigma) ** 2)[:, None]
        modes = np.einsum("ij,cpj->ipc", rotation[:2], rows.basis[:, there])
        moves = np.concatenate([pose_rows(rotated)[:2], modes], axis=2)  # (2, P, U)
        moves = np.einsum("pai,ipu->pau", axes, moves).reshape(-1, moves.shape[2])
        aim = np.einsum("pai,pi->pa", axes, observed - (rows.rest[there] @ rotation.T)[:, :2]).ravel()
        weighted = moves * strength.reshape(-1, 1)
        return weighted.T @ moves, weighted.T @ aim

    def _closed(self, observed: Array, gaps: list[Array], openness: list[Array]) -> tuple[Array, Array]:
        """The points with their rims as far apart as wanted, and the trust in each."""
        trust, observed = self.problem.layout.trust.copy(), observed.copy()
        for opening, gap, fraction in zip(self.problem.layout.openings, gaps, openness, strict=True):
            change = gap - (observed[opening.upper] - observed[opening.lower])
            observed[opening.upper] += opening.upper_fraction * change
            observed[opening.lower] -= (1 - opening.upper_fraction) * change
            trust[list(opening.hidden_points)] *= fraction
        return observed, trust

    def _gap_strength(self, weight: Array) -> list[Array]:
        """Weights of the rows of gaps: of each opening, once for x and once for y."""
        rims = [(opening.upper, opening.lower) for opening in self.problem.layout.openings]
        each = [self.problem.gap_trust * np.sqrt(weight[upper] * weight[lower]) for upper, lower in rims]
        return [strength for strength in each for _ in range(2)]

    def _robust(self, rest: Array) -> Array:
        """(P,) Geman-McClure weights of (P, 3) residuals in mm."""
        squared = np.sum(rest[:, :2] ** 2, axis=1)
        robust_scale = max(
            self.problem.robust_mm, self.problem.robust_factor * float(np.sqrt(np.median(squared)))
        )
        return (1 + squared / robust_scale**2) ** -2.0


ONE_SIDED = 10.0
"""How much dearer than an expression is the difference of its sides, where only points of one are known."""
HAND_ROBUST_MM = 30.0
"""Distance at which a point that people set loses three quarters of its weight: mouths do open."""
TOLD_YAW_SIGMA = float(np.radians(4))
"""How well a yaw is told."""
YAW = 1
"""Number of the turn about the vertical among the unknowns."""


def yaw_of(rotation: Array) -> float:
    """Turn of the nose about the picture's vertical, radians; beyond a right angle it goes on."""
    return float(np.arctan2(rotation[0, 2], rotation[2, 2]))


HIDDEN_RIDGE = 50.0
"""How much dearer a blendshape becomes that cannot be seen."""


def _wanted_gap(opening: Opening, observed: Array, fraction: Array, shut_gap: Array) -> Array:
    """(G, 3) mm between the rims: what is seen as far as it is open, the shut mesh's own gap otherwise."""
    return fraction * (observed[opening.upper] - observed[opening.lower]) + (1 - fraction) * shut_gap


def _pairs(gaps: list[Array]) -> int:
    return sum(len(gap) for gap in gaps)


def pose_rows(rotated: Array) -> Array:
    """(3, P, 7) how (P, 3) points move with the pose's unknowns."""
    x, y, z = rotated.T
    none, one = np.zeros_like(x), np.ones_like(x)
    return np.stack(
        [
            np.stack([none, z, -y, x, one, none, none], axis=-1),
            np.stack([-z, none, x, y, none, one, none], axis=-1),
            np.stack([y, -x, none, z, none, none, one], axis=-1),
        ]
    )


def _apply(faces: Faces, f: int, solution: Array) -> None:
    """Write the new pose and coefficients of photograph `f`."""
    turn, growth, shift = solution[:3], solution[3], solution[4:POSE]
    faces.translation[f] += faces.scale[f] * shift
    faces.rotation[f] = Rotation.from_rotvec(turn).as_matrix() @ faces.rotation[f]
    faces.scale[f] *= np.exp(np.clip(growth, -0.3, 0.3))
    faces.coefficients[f] = solution[POSE:]
