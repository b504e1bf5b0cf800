"""Fits a face model to the points that a landmark detector found on a photograph.

Weak perspective, bounded blendshapes, ridge priors on everything. The first rounds are quick: one finds the
pose in closed form and then the coefficients of the face as it stands, as a bounded least-squares problem.
The normal matrix of the latter depends on the photograph only through the 3x3 matrix that weighs the
picture's axes in the head's frame, so a few precomputed matrices serve all photographs. `fit_refine` takes it
from there.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.layout import Opening, PointLayout
from lineament.data.fitting.refine import Faces, Problem, Refiner
from lineament.data.fitting.weighing import EvidenceWeigher, set_residuals
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.eye_turns import eye_turns
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import fit_similarity

Array = NDArray[np.floating]


EASY_SHAPES = ("eyeBlink", "eyeLook")
"""First parts of the names of shapes that few points show, but show plainly."""
BLINK = "eyeBlink"
REJECTED_WEIGHT = 0.25
BELIEVED_MESH = 0.5
"""Meshes worth less tell nothing of how good a fit is: the points that people set do."""


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Priors and effort of a fit. Residuals are in mm on the head.

    Attributes:
        rounds: pose and coefficients, in turn.
        sweeps: coordinate-descent sweeps over the coefficients in a round.
        refinements: robust steps afterwards; 0 leaves plain ridge least squares.
        identity_ridge_mm: residual a point may keep to spare one standard deviation of identity.
        expression_ridge_mm: the same for a full blendshape.
        easy_ridge_mm: the same for blinks and gaze.
        expression_limits: bounds of blendshape weights.
        blink_reach: factor on the upper limit for blinks: large eyes need more than one to shut.
        gap_trust: least-squares weight of a pair of points on the rims of an eye or the mouth.
        robust_mm: residual at which a point loses three quarters of its weight, at least.
        robust_factor: the same, in medians of the photograph's residuals.
    """

    rounds: int = 5
    sweeps: int = 12
    refinements: int = 4
    identity_ridge_mm: float = 5.5
    expression_ridge_mm: float = 10.0
    easy_ridge_mm: float = 3.0
    expression_limits: tuple[float, float] = (0.0, 1.05)
    blink_reach: float = 1.25
    gap_trust: float = 20.0
    robust_mm: float = 12.0
    robust_factor: float = 5.0


PLAIN = FitConfig(rounds=8, refinements=0, identity_ridge_mm=7.0, easy_ridge_mm=10.0, blink_reach=1.0)
"""Ridge least squares and nothing else: what LFM's landmark scheme was calibrated with."""


@dataclass(frozen=True, slots=True)
class Fits:
    """Fitted faces of F photographs.

    Attributes:
        rotation: (F, 3, 3) proper rotations of the model frame.
        scale: (F,) px per mm.
        translation: (F, 3) px, image frame.
        identity: (F, K).
        expression: (F, E).
        residual: (F,) mean distance of points in the picture over the square root of their box's area; of
            the points that people set where the mesh is hardly believed.
        outliers: (F,) fraction of points that the robust fit put aside; empty if nobody counted them.
        set_residual: (F,) the same as `residual` of the points that people set, over the size of the fitted
            face; NaN where there are none, empty if nobody asked.
    """

    rotation: Array
    scale: Array
    translation: Array
    identity: Array
    expression: Array
    residual: Array
    outliers: Array = field(default_factory=lambda: np.zeros(0))
    set_residual: Array = field(default_factory=lambda: np.zeros(0))


class Fitter:
    """Fits one face model to one landmark layout.

    Args:
        model: the face model.
        layout: where the landmark detector's points lie on it.
        config: priors and effort.
    """

    def __init__(self, model: MorphableModel, layout: PointLayout, config: FitConfig | None = None) -> None:
        self.config = config or FitConfig()
        self._names = model.expression_names
        self._identity_count = len(model.identity_basis)
        self._layout = layout
        self._weighed = EvidenceWeigher(model, layout, unit_mm=self.config.identity_ridge_mm)
        basis = np.concatenate([model.identity_basis, model.expression_basis])
        self._neutral = _points(model.neutral_model, layout)
        self._basis = _points(basis, layout)
        self._basis[self._identity_count :] += eye_turns(model, layout.vertex_index, layout.weights)
        self._ridge = np.concatenate(
            [np.full(self._identity_count, self.config.identity_ridge_mm**2), self._expression_ridge()]
        )
        self._low, self._high = self._bounds()
        plane, depth = layout.trust, layout.trust * layout.depth_trust
        # Weight of the picture's axes in the head's frame: plane * 1 + (depth - plane) * v v^T, v the view.
        self._plane_normal, self._depth_normal = (
            np.einsum("p,cpi,dpj->ijcd", weight, self._basis, self._basis, optimize=True)
            for weight in (plane, depth - plane)
        )

    def fit(
        self,
        points_image: Array,
        *,
        people: Sequence[Hashable] | None = None,
        evidence: Evidence | None = None,
    ) -> Fits:
        """Fit every photograph by itself, or those of one person with one identity.

        Args:
            points_image: (F, P, 3) px, image frame (y down, z away, of the same scale as x). With evidence
                NaN where a photograph has no such points.
            people: who is on each of the F photographs; left out, all are different people.
            evidence: points that people set, and who was told to show no expression.

        Raises:
            DataError: the evidence has points of a scheme that nobody knows the places of.
        """
        trust = None
        if evidence is not None:
            points_image, trust = self._weighed.weigh(points_image, evidence)
        upright = points_image * PICTURE_AXES
        faces = self._start(upright)
        refiner = Refiner(self._problem(), trust)
        groups = _groups(len(upright), people)
        for _ in range(self.config.refinements * (1 if trust is None else 2)):
            faces = refiner.step(faces, self._irises_between_corners(faces, upright), groups)
        placed = self._placed(faces)
        distance = np.linalg.norm((placed - upright)[..., :2], axis=-1)
        size = np.sqrt(np.prod(np.ptp(points_image[..., :2], axis=1), axis=-1))
        residual = distance.mean(axis=1) / size
        outliers = np.mean(faces.weight < REJECTED_WEIGHT, axis=1)
        by_hand = np.zeros(0)
        if trust is not None:
            by_hand = set_residuals(faces, trust, placed)
            poor = trust.mesh < BELIEVED_MESH
            residual, outliers = np.where(poor, by_hand, residual), np.where(poor, 0.0, outliers)
        return Fits(
            rotation=faces.rotation,
            scale=faces.scale,
            translation=faces.translation * PICTURE_AXES,
            identity=faces.coefficients[:, : self._identity_count].astype(np.float32),
            expression=faces.coefficients[:, self._identity_count :].astype(np.float32),
            residual=residual,
            outliers=outliers,
            set_residual=by_hand,
        )

    def _placed(self, faces: Faces) -> Array:
        """(F, P, 3) px, y up: where the points are on fitted faces."""
        rotated = np.einsum("fpi,fji->fpj", self._shaped(faces.coefficients), faces.rotation)
        return np.asarray(faces.scale[:, None, None] * rotated + faces.translation[:, None])

    def _irises_between_corners(self, faces: Faces, upright: Array) -> Array:
        """The points with each iris where it lies from the corners of its eye, these being the face's own.

        A millimetre between the face's eye and that in the picture would else turn the eye by four degrees.
        """
        moved, placed = upright.copy(), self._placed(faces)
        for opening in self._layout.openings:
            corners, irises = list(opening.corners), list(opening.hidden_points)
            away = placed[:, corners].mean(axis=1) - upright[:, corners].mean(axis=1)
            moved[:, irises] += np.nan_to_num(away)[:, None]
        return moved

    def _start(self, upright: Array) -> Faces:
        """Plain ridge least squares on (F, P, 3) points, y up."""
        coefficients = np.zeros((len(upright), len(self._basis)))
        trust = self._layout.trust * np.maximum(self._layout.depth_trust, 1e-3)
        for _ in range(self.config.rounds):
            pose = fit_similarity(self._shaped(coefficients), upright, trust)
            in_head = (upright - pose.translation[:, None]) @ pose.rotation / pose.scale[:, None, None]
            coefficients = self._coefficients(in_head - self._neutral, pose.rotation[:, 2], coefficients)
        pose = fit_similarity(self._shaped(coefficients), upright, trust)
        weight = np.ones(upright.shape[:2])
        return Faces(pose.rotation, pose.scale, pose.translation, coefficients, weight)

    def _problem(self) -> Problem:
        openings = self._layout.openings
        return Problem(
            layout=self._layout,
            neutral=self._neutral,
            basis=self._basis.astype(np.float32),
            identity_count=self._identity_count,
            ridge=self._ridge,
            low=self._low[self._identity_count :],
            high=self._high[self._identity_count :],
            hidden=tuple(self._named(*opening.hidden_shapes) for opening in openings),
            shut_gap=tuple(self._shut_gap(opening) for opening in openings),
            sides=self._sides(),
            gap_trust=self.config.gap_trust,
            robust_mm=self.config.robust_mm,
            robust_factor=self.config.robust_factor,
        )

    def _shut_gap(self, opening: Opening) -> Array:
        shapes = self._basis[self._identity_count :][self._named(*opening.shut_shapes)]
        shut = self._neutral + shapes.sum(axis=0)
        return shut[opening.upper] - shut[opening.lower]

    def _sides(self) -> NDArray[np.integer]:
        """(S, 2) numbers of the left and the right of each expression but gaze: eyes look the same way."""
        number = {name: place for place, name in enumerate(self._names)}
        stems = [name.removesuffix("Left") for name in self._names if name.endswith("Left")]
        pairs = [(f"{stem}Left", f"{stem}Right") for stem in stems if not stem.startswith("eyeLook")]
        both = [(number[left], number[right]) for left, right in pairs if right in number]
        return np.array(both, int).reshape(-1, 2)

    def _named(self, *starts: str) -> NDArray[np.bool_]:
        """(E,) which shapes' names start so."""
        return np.array([bool(starts) and name.startswith(starts) for name in self._names], bool)

    def _expression_ridge(self) -> Array:
        easy = self._named(*EASY_SHAPES)
        return np.where(easy, self.config.easy_ridge_mm, self.config.expression_ridge_mm) ** 2

    def _bounds(self) -> tuple[Array, Array]:
        """(C,) least and greatest values; identity has none."""
        low, high = self.config.expression_limits
        free = np.full(self._identity_count, np.inf)
        greatest = np.where(self._named(BLINK), high * self.config.blink_reach, high)
        return np.concatenate([-free, np.full(len(self._names), low)]), np.concatenate([free, greatest])

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


def _points(vertices: Array, layout: PointLayout) -> Array:
    return barycentric_points(vertices, layout.vertex_index, layout.weights).astype(float)


def _groups(count: int, people: Sequence[Hashable] | None) -> list[NDArray[np.integer]]:
    """Photographs of one person each."""
    if people is None:
        return list(np.arange(count)[:, None])
    if len(people) != count:
        raise ValueError(f"There are {count} photographs and {len(people)} names of who is on them.")
    of: dict[Hashable, list[int]] = {}
    for number, person in enumerate(people):
        of.setdefault(person, []).append(number)
    return [np.array(numbers) for numbers in of.values()]


@compiled()
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
