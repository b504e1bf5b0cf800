"""Fits to few annotated points (68 or 21): the aligner's pseudo label, bent until it meets them.

Few points in the plane leave depth and most of the shape open. The mesh of the pseudo label fills in what
they do not say, with little weight; both together are one least-squares problem.

Fits to the points alone were tried. On 50 photographs of people kept from training, against fits to the
478-point mesh, their poses were 3.1 to 4.2 degrees off, their vertices 2.5 to 3.0 % of the face's size; those
made here 2.4 to 3.2 degrees and 1.9 to 2.3 %. And points that belong to another picture would be met as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitter import Fitter
from lineament.data.fitting.layout import PointLayout
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.labels.pseudo_labels import SCHEME, PseudoLabel, face_size
from lineament.data.photographs.landmark_files import FaceLandmarks
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

REGISTERED = "lfm-68"
"""The scheme whose points lie on the mesh, so that they can be fitted."""
MESH_TRUST = 0.15
"""Weight of the pseudo label's mesh, against one of a mesh that was detected."""
ANNOTATED_TRUST = 500.0
"""Weight of all annotated points together; few are not worth less than many."""
USED = {
    name: {own: landmark for own, landmark in enumerate(POINT_SCHEMES[name].of_68) if landmark >= 0}
    for name in POINT_SCHEMES
}
"""Of each scheme the points that are one of the 68, and which."""


@dataclass(frozen=True, slots=True)
class AnnotatedFit:
    """A fit to annotated points.

    Attributes:
        camera: of the head in the photograph.
        identity: (K,).
        expression: (E,).
        residual: mean distance of the annotated points from the fit, as a fraction of the face's size.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    residual: float


class AnnotatedFitter:
    """Bends pseudo labels to annotated points.

    Args:
        model: the face model.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        mesh, points = mesh_layout(), model.schemes[REGISTERED]
        self._mesh = mesh
        self._fitters = {
            scheme: Fitter(
                model,
                PointLayout(
                    vertex_index=np.concatenate(
                        [mesh.vertex_index, points.vertex_index[list(used.values())]]
                    ),
                    weights=np.concatenate([mesh.weights, points.weights[list(used.values())]]),
                    trust=np.append(MESH_TRUST * mesh.trust, np.full(len(used), ANNOTATED_TRUST / len(used))),
                    depth_trust=np.append(mesh.depth_trust, np.zeros(len(used))),
                ),
            )
            for scheme, used in USED.items()
        }

    def fit(self, pseudo_label: PseudoLabel, landmarks: FaceLandmarks) -> AnnotatedFit:
        """The face that meets the annotated points.

        Args:
            pseudo_label: of the aligner for the same face.
            landmarks: 68 or 21 annotated points.
        """
        annotated, numbers, there = _used_points(landmarks)
        proposed, registered = (
            self._points(pseudo_label, scheme)[numbers] for scheme in (SCHEME, REGISTERED)
        )
        wanted = registered.copy()
        # Where the convention of the annotation puts a point and where our mesh has it differ by as much as
        # on the proposed face.
        wanted[there, :2] += annotated[there] - proposed[there, :2]
        points = np.concatenate([self._mesh_points(pseudo_label), wanted])
        fits = self._fitters[landmarks.scheme].fit(points[None])
        camera = WeakPerspective(fits.rotation[0], float(fits.scale[0]), fits.translation[0])
        fit = AnnotatedFit(camera, fits.identity[0], fits.expression[0], 0.0)
        return replace(fit, residual=self.distance(fit, landmarks))

    def distance(self, face: PseudoLabel | AnnotatedFit, landmarks: FaceLandmarks) -> float:
        """Mean distance of annotated points from a face, as a fraction of its size."""
        annotated, numbers, there = _used_points(landmarks)
        points = self._points(face, SCHEME)
        apart = np.linalg.norm(points[numbers, :2] - annotated, axis=1)
        return float(apart[there].mean() / face_size(points)) if there.any() else np.inf

    def _points(self, face: PseudoLabel | AnnotatedFit, scheme: str) -> Array:
        """(68, 3) px."""
        model = self._model.landmarks_model(face.identity, face.expression, scheme=scheme)
        return face.camera.image_from_model(model.astype(float))

    def _mesh_points(self, face: PseudoLabel) -> Array:
        vertices = self._model.vertices_model(face.identity, face.expression)
        points = barycentric_points(vertices, self._mesh.vertex_index, self._mesh.weights)
        return face.camera.image_from_model(points.astype(float))


def _used_points(landmarks: FaceLandmarks) -> tuple[Array, Array, NDArray[np.bool_]]:
    """(P, 2) the annotated points used, (P,) which of the 68 they are, (P,) which are there."""
    used = USED[landmarks.scheme]
    annotated = landmarks.points_image[list(used), :2].astype(float)
    return annotated, np.array(list(used.values())), np.isfinite(annotated).all(axis=1)
