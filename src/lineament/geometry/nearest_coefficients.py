"""The camera and coefficients of a face model whose face lies nearest to vertices that somebody else found.

Camera and coefficients are solved together: the first steps of a turn, a size and a place move vertices as
seven more modes would, so that each round is one linear system with a ridge on the coefficients. Between
rounds, vertices that no face of the model reaches lose their weight (Geman and McClure's, iteratively
reweighted least squares).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.camera import PICTURE_AXES, WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.similarity import fit_similarity

Array: TypeAlias = NDArray[Any]

SAMPLED = 1200  # vertices that the system is built of: with all of them a face takes seven times as long
ROUNDS = 4
OUTLIER = 4.0  # robust standard deviations at which a vertex has a quarter of its weight
MEDIAN_DISTANCE = 1.538  # of three normal coordinates, in standard deviations
FINEST_MM = 0.05  # residuals below this are rounding, not outliers
MIN_VERTICES = 16  # fewer with a weight show no face


@dataclass(frozen=True, slots=True, eq=False)
class NearestFit:
    """The nearest face of a model.

    Attributes:
        camera: maps the model frame into the picture.
        identity: (K,) float32, standard deviations.
        expression: (E,) float32.
        residual_mm: mean distance of the given vertices from the face's, mm, by their weights.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    residual_mm: float


class NearestCoefficients:
    """Fits one face model; what does not depend on the face is made once."""

    def __init__(
        self,
        model: MorphableModel,
        *,
        noise_mm: float = 0.5,
        independent: float = 150.0,
        expression_std: float = 0.5,
    ) -> None:
        """Prepare the linear system.

        Args:
            model: with vertices as the meshes to be fitted have them.
            noise_mm: how far a vertex that is found well is off; more draws coefficients to the mean face.
            independent: of so many vertices the errors have nothing to do with one another, since neighbours
                err alike.
            expression_std: of a weight; coefficients of identity have 1.
        """
        self.model = model
        count = len(model.neutral_model)
        # In the order of the file, so that dense places such as the lids keep many.
        self._chosen = np.unique(np.linspace(0, count - 1, min(SAMPLED, count)).round().astype(int))
        self._mean = model.neutral_model[self._chosen].astype(np.float64)
        modes = np.concatenate(
            [model.identity_basis[:, self._chosen], model.expression_basis[:, self._chosen]]
        )
        self._modes = np.ascontiguousarray(modes.reshape(len(modes), -1).T, np.float32)
        self._columns = np.concatenate([self._modes, _camera_columns(self._mean)], axis=1)
        stds = np.repeat([1.0, expression_std], [len(model.identity_basis), len(model.expression_basis)])
        ridge = np.concatenate([(noise_mm / stds) ** 2, np.zeros(7)])
        self._ridge = ridge * len(self._chosen) / independent

    def fit(self, vertices_image: Array, weights: Array | None = None) -> NearestFit:
        """The nearest face.

        Args:
            vertices_image: (N, 3) px, depth in px too, growing away from the viewer. Vertices that are not
                finite count for nothing.
            weights: (N,) at least 0: visibility or confidence of each vertex; all alike when left out.

        Returns:
            The fit, all NaN where too few vertices have a weight.
        """
        vertices = np.asarray(vertices_image, np.float64)
        given: Array = np.ones(len(vertices)) if weights is None else np.asarray(weights, np.float64)
        trust: Array = np.where(np.isfinite(vertices).all(axis=1), given, 0.0)
        vertices = np.where(trust[:, None] > 0, vertices, 0.0)
        sampled, sampled_trust = vertices[self._chosen], trust[self._chosen]
        if np.count_nonzero(sampled_trust) < min(MIN_VERTICES, len(sampled)):
            return self._none()
        camera, coefficients = self._solve(sampled, sampled_trust / sampled_trust.max())
        known = len(self.model.identity_basis)
        identity, expression = (
            coefficients[:known].astype(np.float32),
            coefficients[known:].astype(np.float32),
        )
        found = camera.model_from_image(vertices)
        distance = np.linalg.norm(found - self.model.vertices_model(identity, expression), axis=1)
        return NearestFit(camera, identity, expression, float(trust @ distance / trust.sum()))

    def _solve(self, vertices: Array, trust: Array) -> tuple[WeakPerspective, Array]:
        """Camera and (K + E,) coefficients for the sampled vertices, whose greatest trust is 1."""
        weights, camera = trust, _camera(self._mean, vertices, trust)
        for _ in range(ROUNDS):
            coefficients = self._solved((camera.model_from_image(vertices) - self._mean).ravel(), weights)
            shape = self._mean + (self._modes @ coefficients.astype(np.float32)).reshape(-1, 3)
            camera = _camera(shape, vertices, weights)
            weights = trust * _belief(
                np.linalg.norm(camera.model_from_image(vertices) - shape, axis=1), trust
            )
        return camera, coefficients

    def _solved(self, difference: Array, weights: Array) -> Array:
        """(K + E,) the weighted ridge solution of a (3n,) difference from the mean face, mm."""
        root = np.sqrt(np.repeat(weights, 3)).astype(np.float32)
        weighted = self._columns * root[:, None]
        gram = (weighted.T @ weighted).astype(np.float64)  # BLAS sees one matrix and does half the work
        gram[np.diag_indices_from(gram)] += self._ridge
        solution: Array = np.linalg.solve(gram, weighted.T @ (root * difference.astype(np.float32)))
        return solution[: self._modes.shape[1]]

    def _none(self) -> NearestFit:
        """What is known where nothing was found."""
        camera = WeakPerspective(np.full((3, 3), np.nan), np.nan, np.full(3, np.nan))
        sizes = len(self.model.identity_basis), len(self.model.expression_basis)
        identity, expression = (np.full(size, np.nan, np.float32) for size in sizes)
        return NearestFit(camera, identity, expression, np.nan)


def _camera(shape: Array, vertices_image: Array, weights: Array) -> WeakPerspective:
    """The camera that puts (n, 3) points of the model frame nearest to where they are in the picture."""
    similarity = fit_similarity(shape, vertices_image * PICTURE_AXES, weights)
    return WeakPerspective(
        rotation=similarity.rotation,
        scale=float(similarity.scale),
        translation=similarity.translation * PICTURE_AXES,
    )


def _camera_columns(points: Array) -> NDArray[np.float32]:
    """(3n, 7) how small turns about x, y, z, a larger size and moves along x, y, z displace (n, 3) points."""
    turns = [np.cross(axis, points) for axis in np.eye(3)]
    moves = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    unit = np.abs(points).max()  # all columns of about one size, so that single precision suffices
    columns = [each / unit for each in (*turns, points)] + moves
    return np.stack([each.ravel() for each in columns], axis=1).astype(np.float32)


def _belief(distance_mm: Array, trust: Array) -> Array:
    """(n,) in 0..1 how much vertices at these distances from the face are believed to be found well."""
    usual = max(float(np.median(distance_mm[trust > 0])) / MEDIAN_DISTANCE, FINEST_MM)
    return 1 / (1 + (distance_mm / (OUTLIER * usual)) ** 2) ** 2
