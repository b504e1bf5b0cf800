"""Error of the shape itself, once position (and size) are taken off: closed form, ICP, point to plane.

No fit here ever mirrors: bring both meshes into frames of the same handedness first. Nearest neighbours come
from a k-d tree of scipy (extra "data").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.mesh import vertex_normals
from lineament.geometry.similarity import Similarity, fit_similarity

Array = NDArray[Any]


def fit_as_published(source: Array, target: Array) -> Similarity:
    """The similarity of PRNet's, SADRNet's and DSFNet's evaluation of the reconstruction.

    Its scale is not that of least squares: the ratio of the summed distances to the first point, unweighted.
    Rotation and translation are those of least squares then (common.md 6 and 9).

    Args:
        source: (N, 3).
        target: (N, 3) matched one to one.
    """
    reach = [np.linalg.norm(points - points[:1], axis=-1).sum() for points in (source, target)]
    scale = np.float64(reach[1] / reach[0])
    rigid = fit_similarity(scale * np.asarray(source, np.float64), target, with_scale=False)
    return Similarity(scale=scale, rotation=rigid.rotation, translation=rigid.translation)


def matched_error(
    points: Array, truth: Array, *, size: float, fit: Literal["published", "least-squares", "rigid"]
) -> float:
    """Mean distance of matched points after one closed-form fit, over a size: no ICP, though papers say so.

    Args:
        points: (N, 3) prediction, any unit, of the truth's handedness.
        truth: (N, 3).
        size: that divides, in the truth's unit.
        fit: "published" (:func:`fit_as_published`), least squares with scale, or without.
    """
    if fit == "published":
        moved = fit_as_published(points, truth)
    else:
        moved = fit_similarity(np.asarray(points, np.float64), truth, with_scale=fit == "least-squares")
    return float(np.linalg.norm(moved.apply(points) - truth, axis=-1).mean() / size)


@dataclass(frozen=True, slots=True)
class IcpFit:
    """What ICP ended with.

    Attributes:
        similarity: from the source's frame to the target's.
        nearest: (N,) for each moved source point the nearest target point.
        distance: (N,) to it.
        rounds: used.
    """

    similarity: Similarity
    nearest: NDArray[np.int64]
    distance: Array
    rounds: int


def icp(
    source: Array,
    target: Array,
    *,
    start: Similarity | None = None,
    normals: Array | None = None,
    with_scale: bool = True,
    rounds: int = 100,
    tolerance: float = 1e-7,
) -> IcpFit:
    """Iterative closest point (Besl and McKay 1992) from source to target; nothing is trimmed.

    Args:
        source: (N, 3) each finds its nearest target point.
        target: (M, 3).
        start: where to begin; where the points are when left out.
        normals: (M, 3) unit normals of the target: rounds then lessen the distance to the tangent plane
            (Chen and Medioni 1992), which slides along the surface; rigid only.
        with_scale: whether the size is fitted too.
        rounds: at most.
        tolerance: relative change of the mean distance below which it ends.
    """
    from scipy.spatial import cKDTree  # the extra "data"; lists of sets need none

    source, tree = np.asarray(source, np.float64), cKDTree(target)
    found = start or Similarity(np.float64(1), np.eye(3), np.zeros(3))
    last, used = np.inf, 0
    distance, nearest = tree.query(found.apply(source))
    while used < rounds:
        used += 1
        if normals is None:
            found = fit_similarity(source, target[nearest], with_scale=with_scale)
        else:
            found = _after(_plane_step(found.apply(source), target[nearest], normals[nearest]), found)
        distance, nearest = tree.query(found.apply(source))
        mean = float(distance.mean())
        if abs(last - mean) <= tolerance * max(mean, 1e-12):
            break
        last = mean
    return IcpFit(found, nearest, distance, used)


def _plane_step(points: Array, targets: Array, normals: Array) -> Similarity:
    """The small rigid motion with the least squared distance to the tangent planes, made a true rotation."""
    rows = np.concatenate([np.cross(points, normals), normals], axis=1)
    wanted = np.einsum("ij,ij->i", targets - points, normals)
    motion, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    return Similarity(np.float64(1), _rotation(motion[:3]), motion[3:])


def _rotation(vector: Array) -> Array:
    """(3, 3) turn by |vector| radians about it (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _after(second: Similarity, first: Similarity) -> Similarity:
    """First one, then the other."""
    return Similarity(
        scale=second.scale * first.scale,
        rotation=second.rotation @ first.rotation,
        translation=second.scale * second.rotation @ first.translation + second.translation,
    )


def point_to_plane_rmse(
    points: Array, vertices: Array, triangles: Array, *, start: Similarity | None = None, rounds: int = 100
) -> float:
    """Root mean square distance of points to the tangent planes of a scan after rigid ICP, its unit (mm).

    The measure of the Florence tables (SynergyNet). Rigid, since the unit matters; size it before.

    Args:
        points: (N, 3) the prediction, in the scan's unit.
        vertices: (M, 3) of the scan, cut to the region that counts.
        triangles: (T, 3) of the scan.
        start: where to begin.
        rounds: of ICP at most.
    """
    normals = vertex_normals(np.asarray(vertices, np.float64), triangles)
    used = np.unique(triangles)
    fit = icp(points, vertices[used], start=start, normals=normals[used], with_scale=False, rounds=rounds)
    hit = used[fit.nearest]
    moved = fit.similarity.apply(np.asarray(points, np.float64))
    along = np.einsum("ij,ij->i", moved - vertices[hit], normals[hit])
    return float(np.sqrt(np.mean(along**2)))


def crop_to_ball(vertices: Array, triangles: Array, *, center: Array, radius: float) -> tuple[Array, Array]:
    """The part of a mesh within a distance of a point: (K, 3) vertices and (M', 3) triangles among them."""
    inside = np.linalg.norm(vertices - center, axis=-1) <= radius
    number = np.cumsum(inside) - 1
    kept = triangles[inside[triangles].all(axis=1)]
    return vertices[inside], number[kept]
