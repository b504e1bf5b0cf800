"""Weighs what is known of a face: hand-set points say where the head looks, and so how far a mesh is believed.

MediaPipe's mesh is good to about 45 degrees of yaw and poor beyond 60; where its head looks elsewhere than
the points that people set, it is of something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lineament.data.fitting.layout import PointLayout
from lineament.data.fitting.outline import SchemePoints
from lineament.data.fitting.point_places import find_places
from lineament.data.fitting.point_sets import Evidence, PointSet
from lineament.data.fitting.refine import Faces, SetPoints, Trust
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.similarity import fit_similarity

Array = NDArray[Any]

START_YAWS = np.radians([-90, -70, -45, -20, 0, 20, 45, 70, 90])
POSE_STEPS = 8
MIN_POINTS = 5
"""Fewer points say nothing of the pose."""
GOOD_YAW, POOR_YAW = np.radians(45), np.radians(65)
POOR_MESH = 0.02
"""Factor on the weight of a mesh turned beyond `POOR_YAW`."""
MAX_DISAGREEMENT = np.radians(25)
"""Farther from the pose of hand-set points a mesh is of something else."""
PLAIN_MESH = 1.0


@dataclass(frozen=True, slots=True)
class Pose:
    """A head of the mean face that meets points, y up.

    Attributes:
        rotation: (3, 3).
        scale: px per mm.
        shift: (2,) px.
        cost: mean squared distance, mm².
    """

    rotation: Array
    scale: float
    shift: Array
    cost: float


class EvidenceWeigher:
    """Weighs point sets and meshes against each other.

    Args:
        model: the face model.
        layout: of the mesh.
        unit_mm: deviation at which a point weighs as much as one of the mesh.
    """

    def __init__(self, model: MorphableModel, layout: PointLayout, *, unit_mm: float) -> None:
        self._model = model
        self._layout = layout
        self._unit_mm = unit_mm
        self._schemes: dict[str, SchemePoints] = {}

    def weigh(self, points_image: Array, evidence: Evidence) -> tuple[Array, Trust]:
        """Meshes (F, P, 3) px without gaps, and the trust in them and in the point sets.

        Where there is no mesh, the mean face as the set points have it takes its place, without weight.

        Raises:
            DataError: a scheme whose places are not known, or a photograph with neither mesh nor points.
        """
        count = len(points_image)
        neutral = barycentric_points(self._model.neutral_model, self._layout.vertex_index, self._layout.weights)
        neutral = neutral.astype(float)
        meshes, worth = np.array(points_image, float), np.full(count, PLAIN_MESH)
        sets = tuple(tuple(self._set(one) for one in own) for own in evidence.sets)
        for f in range(count):
            has_mesh = bool(np.isfinite(meshes[f]).all())
            pose = self.pose_of(sets[f])
            if pose is None:
                worth[f] = PLAIN_MESH if has_mesh else 0.0
                continue
            if has_mesh:
                own = fit_similarity(neutral, meshes[f] * PICTURE_AXES, self._layout.trust)
                worth[f] = mesh_worth(pose.rotation, own.rotation)
            if not has_mesh or worth[f] <= POOR_MESH:
                placed = pose.scale * neutral @ pose.rotation.T + np.append(pose.shift, 0.0)
                if not has_mesh or worth[f] == 0:
                    meshes[f] = placed * PICTURE_AXES
        return meshes, Trust(worth, evidence.firmness(), sets, self._unit_mm)

    def pose_of(self, sets: Sequence[SetPoints]) -> Pose | None:
        """The pose in which the mean face meets the points best; None where they are too few."""
        rest, seen, weight = [], [], []
        for one in sets:
            there = np.isfinite(one.points[:, :2]).all(axis=1)
            rest.append(one.scheme.rest[there])
            seen.append(one.points[there, :2])
            weight.append(np.where(one.scheme.used[there], 1 / one.sigma_mm[there] ** 2, 0))
        if not rest or sum(int((w > 0).sum()) for w in weight) < MIN_POINTS:
            return None
        whole = np.concatenate(rest), np.concatenate(seen), np.concatenate(weight)
        starts = [_pose(*whole, np.asarray(matrix_from_angles(0.0, yaw, 0.0))) for yaw in START_YAWS]
        return min(starts, key=lambda pose: pose.cost)

    def _set(self, one: PointSet) -> SetPoints:
        if one.scheme not in self._schemes:
            self._schemes[one.scheme] = SchemePoints(self._model, find_places(one.scheme))
        scheme = self._schemes[one.scheme]
        points = np.zeros((len(scheme), 3))
        points[:, :2] = np.asarray(one.points_image, float)[:, :2] * PICTURE_AXES[:2]
        sigma_px = one.sigma_px
        if one.sigma_face is not None:
            sigma_px = one.sigma_face * float(np.sqrt(np.prod(np.nanmax(points[:, :2], 0) - np.nanmin(points[:, :2], 0))))
        return SetPoints(scheme, points, scheme.places.sigma_mm, sigma_px)


def mesh_worth(by_hand: Array, of_mesh: Array) -> float:
    """Factor on the weight of a mesh, from rotations (3, 3) of hand-set points and of the mesh."""
    apart = float(Rotation.from_matrix(by_hand @ of_mesh.T).magnitude())
    if apart > MAX_DISAGREEMENT:
        return 0.0
    yaw = float(np.arcsin(np.clip(np.hypot(by_hand[0, 2], 0.0), 0, 1)))
    yaw = np.pi - yaw if by_hand[2, 2] < 0 else yaw
    return float(np.interp(yaw, [GOOD_YAW, POOR_YAW], [PLAIN_MESH, POOR_MESH]))


def set_residuals(faces: Faces, trust: Trust, placed: Array) -> Array:
    """(F,) mean distance of hand-set points from the fit over the size of the face; NaN without points.

    On an outline only the distance across it counts.
    """
    residual = np.full(len(faces.scale), np.nan)
    for f, sets in enumerate(trust.sets):
        size = float(np.sqrt(np.prod(np.ptp(placed[f, :, :2], axis=0))))
        apart = [np.zeros(0)]
        for one in sets:
            rows = one.scheme.rows(faces.rotation[f], faces.coefficients[f])
            used = np.isfinite(one.points[:, :2]).all(axis=1) & (rows.trust[:, 0] > 0.5)
            seen = (one.points[used] - faces.translation[f])[:, :2]
            left = seen - faces.scale[f] * (rows.place[used] @ faces.rotation[f].T)[:, :2]
            across = np.einsum("pai,pi->pa", rows.axes[used], left)
            apart.append(np.linalg.norm(across * (rows.trust[used] > 0.5), axis=1))
        whole = np.concatenate(apart)
        if len(whole):
            residual[f] = whole.mean() / size
    return residual


def _pose(rest: Array, seen: Array, weight: Array, rotation: Array) -> Pose:
    """Gauss-Newton on the pose alone, from a rotation."""
    share = weight / weight.sum()
    scale, shift, cost = 1.0, np.zeros(2), np.inf
    for step in range(POSE_STEPS + 1):
        turned = rest @ rotation.T
        flat, middle, aim = turned[:, :2], share @ turned[:, :2], share @ seen
        size = float(np.sum(share * np.sum((flat - middle) ** 2, axis=1)))
        scale = float(np.sum(share * np.sum((flat - middle) * (seen - aim), axis=1))) / max(size, 1e-9)
        scale = max(scale, 1e-3 * float(np.ptp(seen)) / 200)
        shift = aim - scale * middle
        left = (seen - shift) / scale - flat
        cost = float(share @ np.sum(left**2, axis=1))
        if step == POSE_STEPS:
            break
        x, y, z = turned.T
        none = np.zeros_like(x)
        moves = np.stack([np.stack([none, z, -y], 1), np.stack([-z, none, x], 1)])  # (2, P, 3)
        normal = np.einsum("apu,apv,p->uv", moves, moves, share) + 1e-3 * np.eye(3)
        right = np.einsum("apu,pa,p->u", moves, left, share)
        turn = np.clip(np.linalg.solve(normal, right), -0.5, 0.5)
        rotation = Rotation.from_rotvec(turn).as_matrix() @ rotation
    return Pose(rotation, scale, shift, cost)
