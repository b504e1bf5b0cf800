"""From places of vertices to a face with nothing learned: weak perspective alone, or with coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.projected_fit import PointModel, fit_projected
from lineament.methods.cprfa_points import FaceCodes, Observed, drawn, random_order
from lineament.methods.cprfa_pose import SCHEME

Array: TypeAlias = NDArray[Any]

MOST = 500
"""Vertices that a fit is made of: more change little and take their time."""
INDEPENDENT = 30.0
"""Vertices of which errors have nothing to do with one another, since neighbours err alike. Of 150, 30, 15
and 8 this was best on people kept from training (3.42, 3.41, 3.42, 3.45 % alone; 2.39, 2.22, 2.22, 2.23 %
beside a detector's landmarks)."""
LANDMARK_WEIGHT = 0.5
"""Of one landmark of a detector, beside one independent vertex."""
NOISE_MM = 1.5
"""How far a vertex that is found well is off."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """A face in a crop.

    Attributes:
        camera: of the crop.
        identity: (K,).
        expression: (E,).
    """

    camera: WeakPerspective
    identity: Array
    expression: Array


class PointSolver:
    """Fits one face model; what does not depend on the face is kept."""

    def __init__(
        self,
        model: MorphableModel,
        codes: FaceCodes,
        *,
        identity: int,
        expression: int,
        expression_std: float,
    ) -> None:
        """Prepare.

        Args:
            model: whose face it is.
            codes: of its mesh.
            identity: number of coefficients.
            expression: number of coefficients.
            expression_std: of a weight, the ridge.
        """
        self._model, self._codes = model, codes
        self._counts = identity, expression
        self._stds = np.repeat([1.0, expression_std], [identity, expression])
        self._order = random_order(len(codes))
        landmarks = model.landmark_points(SCHEME)
        self._landmarks = PointModel(
            landmarks.neutral_model.astype(np.float64), self._modes(landmarks, slice(None)), self._stds
        )

    def _modes(self, model: MorphableModel, places: Any) -> Array:  # noqa: ANN401 - an index of numpy
        identity, expression = self._counts
        both = [model.identity_basis[:identity, places], model.expression_basis[:expression, places]]
        modes: Array = np.concatenate(both).astype(np.float64)
        return modes

    def fit(
        self, seen: Observed | None, px_per_mm: float, *, landmarks: Array | None = None, rigid: bool = False
    ) -> Solved | None:
        """The face of what a crop shows.

        Args:
            seen: vertices; None takes landmarks alone.
            px_per_mm: about, of the face in the crop.
            landmarks: (68, 2) px of the crop, of an external detector; NaN where it has none.
            rigid: fit the camera of the mean face alone.

        Returns:
            The face; None where too little is seen.
        """
        models, points, weights = [], [], []
        if seen is not None:
            chosen = drawn(seen.detected, self._order, fraction=1.0, least=0, most=MOST)
            places = self._codes.vertex[chosen]
            mean = self._model.neutral_model[places].astype(np.float64)
            # A rigid fit needs no modes, which are the larger part of the work.
            modes = self._landmarks.modes[:0, :0] if rigid else self._modes(self._model, places)
            models.append((mean, modes))
            points.append(seen.points_crop[chosen])
            weights.append(np.full(len(chosen), min(1.0, INDEPENDENT / max(len(chosen), 1))))
        if landmarks is not None:
            models.append((self._landmarks.mean, self._landmarks.modes))
            points.append(landmarks)
            weights.append(LANDMARK_WEIGHT * np.asarray(np.isfinite(landmarks).all(axis=1), np.float64))
        mean = np.concatenate([mean for mean, _ in models])
        if rigid:
            model = PointModel(mean, np.zeros((0, len(mean), 3)), self._stds[:0])
        else:
            model = PointModel(mean, np.concatenate([modes for _, modes in models], axis=1), self._stds)
        found = fit_projected(
            model,
            np.concatenate(points),
            np.concatenate(weights),
            noise_px=NOISE_MM * px_per_mm,
            independent=np.inf,
        )
        if found is None:
            return None
        coefficients = found.coefficients if not rigid else np.zeros(len(self._stds))
        identity, expression = np.split(coefficients.astype(np.float32), [self._counts[0]])
        return Solved(found.camera, identity, expression)
