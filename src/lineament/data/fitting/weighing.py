"""Weighs what is known of a face: hand-set points say where a head looks, and how far a mesh is believed.

MediaPipe's mesh is good to about 35 degrees of yaw; beyond 50 it is turned too little by 10 to 20 degrees
(CFP's profiles). Where its head looks elsewhere than the points that people set, it is of something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.layout import PointLayout
from lineament.data.fitting.outline import SchemePoints
from lineament.data.fitting.point_places import find_places
from lineament.data.fitting.refine import POSE, YAW, Faces, SetPoints, Trust, pose_rows, yaw_of
from lineament.data.photographs.point_sets import PointSet
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.similarity import fit_similarity

Array = NDArray[Any]

START_YAWS = np.radians([-90, -70, -45, -20, 0, 20, 45, 70, 90])
POSE_STEPS = 12
MAX_TURN = 0.5
TOLD_YAW_PULL = 3000.0
"""Mean squared distance, mm², that the mean face may gain by one radian away from the told yaw."""
MIN_POINTS = 5
"""Fewer points say nothing of the pose."""
GOOD_YAW, POOR_YAW = np.radians(35), np.radians(50)
MAX_DISAGREEMENT = np.radians(25)
"""Farther from the pose of hand-set points a mesh is of something else."""
PLAIN_MESH = 1.0
FIRM_WITHOUT_MESH = 3.0
"""How much dearer an expression is where no mesh is believed."""


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
        neutral = barycentric_points(
            self._model.neutral_model, self._layout.vertex_index, self._layout.weights
        )
        neutral = neutral.astype(float)
        meshes, worth = np.array(points_image, float), np.full(count, PLAIN_MESH)
        sets = tuple(tuple(self._set(one) for one in own) for own in evidence.sets)
        told_yaw = evidence.yaw()
        for f in range(count):
            has_mesh = bool(np.isfinite(meshes[f]).all())
            pose = self.pose_of(sets[f], told_yaw[f])
            if pose is None:
                worth[f] = PLAIN_MESH if has_mesh else 0.0
                continue
            if has_mesh:
                own = fit_similarity(neutral, meshes[f] * PICTURE_AXES, self._layout.trust)
                worth[f] = mesh_worth(pose.rotation, own.rotation, told_yaw[f])
            if not has_mesh or worth[f] == 0:
                worth[f] = 0.0
                placed = pose.scale * neutral @ pose.rotation.T + np.append(pose.shift, 0.0)
                meshes[f] = placed * PICTURE_AXES
        # Few points of one side explain much with expressions that the mesh would refute.
        firmness = evidence.firmness() * np.where(worth < 1, FIRM_WITHOUT_MESH, 1.0)
        return meshes, Trust(worth, firmness, sets, told_yaw, self._unit_mm)

    def pose_of(self, sets: Sequence[SetPoints], told_yaw: float = np.nan) -> Pose | None:
        """The pose in which the mean face meets the points best, near a told yaw; None for too few points."""
        rest, observed, weight = [], [], []
        for one in sets:
            there = np.isfinite(one.points[:, :2]).all(axis=1)
            rest.append(one.scheme.rest[there])
            observed.append(one.points[there, :2])
            weight.append(one.scheme.pose_trust[there] / one.sigma_mm[there] ** 2)
        if not rest or sum(int((w > 0).sum()) for w in weight) < MIN_POINTS:
            return None
        whole = np.concatenate(rest), np.concatenate(observed), np.concatenate(weight)
        yaws = [told_yaw] if np.isfinite(told_yaw) else START_YAWS
        starts = [_pose(*whole, matrix_from_angles(yaw, 0.0, 0.0), told_yaw) for yaw in yaws]
        return min(starts, key=lambda pose: pose.cost)

    def _set(self, one: PointSet) -> SetPoints:
        if one.scheme not in self._schemes:
            self._schemes[one.scheme] = SchemePoints(self._model, find_places(one.scheme))
        scheme = self._schemes[one.scheme]
        points = np.zeros((len(scheme), 3))
        points[:, :2] = np.asarray(one.points_image, float)[:, :2] * PICTURE_AXES[:2]
        sigma_px = one.sigma_px
        if one.sigma_face is not None:
            sigma_px = one.sigma_face * float(
                np.sqrt(np.prod(np.nanmax(points[:, :2], 0) - np.nanmin(points[:, :2], 0)))
            )
        return SetPoints(scheme, points, scheme.places.sigma_mm, sigma_px)


def mesh_worth(by_hand: Array, of_mesh: Array, told_yaw: float = np.nan) -> float:
    """Factor on the weight of a mesh, from rotations (3, 3) of hand-set points and of the mesh.

    Of what is told to be turned far MediaPipe makes less, which points of one side do not refute.
    """
    apart = float(Rotation.from_matrix(by_hand @ of_mesh.T).magnitude())
    if apart > MAX_DISAGREEMENT:
        return 0.0
    yaw = np.fmax(abs(yaw_of(by_hand)), abs(told_yaw))
    return float(np.interp(yaw, [GOOD_YAW, POOR_YAW], [PLAIN_MESH, 0.0]))


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
            observed = (one.points[used] - faces.translation[f])[:, :2]
            left = observed - faces.scale[f] * (rows.place[used] @ faces.rotation[f].T)[:, :2]
            across = np.einsum("pai,pi->pa", rows.axes[used], left)
            apart.append(np.linalg.norm(across * (rows.trust[used] > 0.5), axis=1))
        whole = np.concatenate(apart)
        if len(whole):
            residual[f] = whole.mean() / size
    return residual


def _pose(rest: Array, observed: Array, weight: Array, rotation: Array, told_yaw: float) -> Pose:
    """Gauss-Newton on the pose alone, from a rotation."""
    fraction = weight / weight.sum()
    scale, shift = _scale_and_shift(rest @ rotation.T, observed, fraction)
    for _ in range(POSE_STEPS):
        rotated = rest @ rotation.T
        left = (observed - shift) / scale - rotated[:, :2]
        moves = pose_rows(rotated)[:2]
        normal = np.einsum("apu,apv,p->uv", moves, moves, fraction) + 1e-3 * np.eye(POSE)
        right = np.einsum("apu,pa,p->u", moves, left, fraction)
        if np.isfinite(told_yaw):
            normal[YAW, YAW] += TOLD_YAW_PULL
            right[YAW] += TOLD_YAW_PULL * (told_yaw - yaw_of(rotation))
        step = np.linalg.solve(normal, right)
        shift = shift + scale * step[4:6]
        rotation = Rotation.from_rotvec(np.clip(step[:3], -MAX_TURN, MAX_TURN)).as_matrix() @ rotation
        scale *= float(np.exp(np.clip(step[3], -0.3, 0.3)))
    left = (observed - shift) / scale - (rest @ rotation.T)[:, :2]
    return Pose(rotation, scale, shift, float(fraction @ np.sum(left**2, axis=1)))


def _scale_and_shift(rotated: Array, observed: Array, fraction: Array) -> tuple[float, Array]:
    """Of turned points (P, 3) mm to points (P, 2) px, by how far both reach."""
    middle, aim = fraction @ rotated[:, :2], fraction @ observed
    reach = [
        np.sqrt(fraction @ np.sum(apart**2, axis=1)) for apart in (observed - aim, rotated[:, :2] - middle)
    ]
    scale = float(reach[0] / max(reach[1], 1e-9))
    return scale, aim - scale * middle
