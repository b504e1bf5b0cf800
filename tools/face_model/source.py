"""ICT-FaceKit as the builder wants it: our part of its surface, in millimetres, left and right made exact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

MM_PER_CM = 10.0
FLIP_X = np.float32([-1, 1, 1])
FACE_MATERIAL = "M_Face"
EYE_MATERIALS = (("M_ScleraLeft", "M_IrisLeft"), ("M_ScleraRight", "M_IrisRight"))

# The neck is cut along a line in profile, just below the bone from the ear lobe to the throat (z, y in cm).
EAR_LOBE_ZY = (1.5, -2.0)
THROAT_ZY = (5.9, -8.6)
UNDER_JAW_CM = 1.3
"""How much skin below that line is kept: the under-jaw that shows when the head is raised."""


@dataclass(frozen=True, slots=True)
class Source:
    """ICT-FaceKit in mm: (V, 3) neutral, (100, V, 3) identity, (57, V, 3) expression, (Q, 4) quads."""

    neutral: Array
    identity: Array
    expression: Array
    expression_names: tuple[str, ...]
    quads: IntArray
    uv: Array
    uv_quads: IntArray
    material: IntArray
    material_names: tuple[str, ...]

    def quads_of(self, *materials: str) -> IntArray:
        """(Q', 4) quads of the named materials."""
        return self.quads[np.isin(self.material, [self.material_names.index(m) for m in materials])]


def read_source(folder: Path) -> Source:
    """Read ``ict_facekit.npz`` of the shared folder."""
    data = np.load(folder / "ict_facekit.npz")
    return Source(
        neutral=data["neutral"] * MM_PER_CM,
        identity=data["identity"].astype(np.float32) * MM_PER_CM,
        expression=data["expression"].astype(np.float32) * MM_PER_CM,
        expression_names=tuple(str(name) for name in data["expression_names"]),
        quads=data["faces"],
        uv=data["uv"],
        uv_quads=data["uv_faces"],
        material=data["face_material"],
        material_names=tuple(str(name) for name in data["material_names"]),
    )


@dataclass(frozen=True, slots=True)
class FaceSurface:
    """The vertices of ICT that LFM keeps, in its order: the midline, the viewer's right half, the left half.

    Attributes:
        source_index: (N,) int, ICT's number of each vertex.
        mirror: (N,) int, the vertex on the other side.
        half_count: midline and right half are the first `half_count` vertices.
        midline_count: the first `midline_count` vertices lie on the midline.
        triangles: (M, 3) int32, mirror images of each other.
        uv: (N, 2) ICT's texture coordinates.
    """

    source_index: IntArray
    mirror: IntArray
    half_count: int
    midline_count: int
    triangles: IntArray
    uv: Array


def cut_face(source: Source) -> FaceSurface:
    """The face with forehead, ears and under-jaw, without the neck."""
    of_face = source.material == source.material_names.index(FACE_MATERIAL)
    quads, uv_quads = source.quads[of_face], source.uv_quads[of_face]
    kept = np.all((quads < 0) | ~_is_neck(source.neutral)[quads], axis=1)
    quads, uv_quads = quads[kept], uv_quads[kept]
    used = np.unique(quads[quads >= 0])
    order, mirror, midline_count, half_count = _order_by_side(source.neutral, used)
    new_number = np.full(len(source.neutral), -1)
    new_number[order] = np.arange(len(order))
    quads = np.where(quads < 0, -1, new_number[quads])
    uv = np.zeros((len(order), 2), np.float32)
    corner = quads >= 0
    uv[quads[corner]] = source.uv[uv_quads[corner]]
    triangles = _without_notches(_symmetric_triangles(quads, mirror), mirror, uv)
    return FaceSurface(order, mirror, half_count, midline_count, triangles, uv)


def _is_neck(neutral: Array) -> NDArray[np.bool_]:
    """Which vertices lie below the line from the ear lobe to the throat and behind the chin."""
    y, z = neutral[:, 1] / MM_PER_CM, neutral[:, 2] / MM_PER_CM
    slope = (THROAT_ZY[1] - EAR_LOBE_ZY[1]) / (THROAT_ZY[0] - EAR_LOBE_ZY[0])
    line = EAR_LOBE_ZY[1] + slope * (z - EAR_LOBE_ZY[0])
    return (y < line - UNDER_JAW_CM) & (z < THROAT_ZY[0] + 0.6)


def _order_by_side(neutral: Array, used: IntArray) -> tuple[IntArray, IntArray, int, int]:
    """Number vertices midline first, then the right half, then its mirror images in the same order."""
    points = neutral[used]
    distance, partner = cKDTree(points).query(points * FLIP_X)
    if distance.max() > 0.1 or not np.array_equal(partner[partner], np.arange(len(used))):
        raise SystemExit(f"ICT's face is not symmetric to 0.1 mm (found {distance.max():.3f} mm).")
    midline = np.flatnonzero(partner == np.arange(len(used)))
    right = np.flatnonzero((points[:, 0] > 0) & (partner != np.arange(len(used))))
    order = np.concatenate([midline, right, partner[right]])
    count, half = len(midline), len(midline) + len(right)
    mirror = np.concatenate([np.arange(count), np.arange(half, len(used)), np.arange(count, half)])
    return used[order], mirror, count, half


def _symmetric_triangles(quads: IntArray, mirror: IntArray) -> IntArray:
    """Split quads so that each triangle's mirror image (turned round) is a triangle too."""
    midline = mirror == np.arange(len(mirror))
    centre = np.where(midline, 0, np.where(np.arange(len(mirror)) < mirror, 1, -1))
    side = np.where(quads >= 0, centre[quads], 0).sum(axis=1)
    if np.any(side == 0):
        raise SystemExit("A quad crosses the midline: it has no symmetric diagonal.")
    right = quads[side > 0]
    whole = right[:, 3] >= 0
    first, second = right[:, :3], right[whole][:, [0, 2, 3]]
    half = np.concatenate([first, second])
    return np.concatenate([half, mirror[half][:, ::-1]]).astype(np.int32)


def _without_notches(triangles: IntArray, mirror: IntArray, uv: Array) -> IntArray:
    """Fill the notches that cutting whole quads leaves at the border, so that it has no stairs."""
    loop = max(boundary_loops(triangles), key=len)
    before, after = uv[np.roll(loop, 1)] - uv[loop], uv[np.roll(loop, -1)] - uv[loop]
    # Walking with the face on the left, a notch is where the border turns right by about a right angle.
    turn = after[:, 0] * before[:, 1] - after[:, 1] * before[:, 0]
    sharp = turn / (np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)) < -0.6
    notches = np.stack([np.roll(loop, 1), np.roll(loop, -1), loop], axis=1)[sharp]
    right = notches[uv[notches].mean(axis=1)[:, 0] > uv[mirror][notches].mean(axis=1)[:, 0]]
    return np.concatenate([triangles, right, mirror[right][:, ::-1]]).astype(np.int32)


def boundary_loops(triangles: IntArray) -> list[IntArray]:
    """Closed chains of edges that belong to one triangle only, each in the triangles' direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in edges}
    following = {a: b for a, b in known if (b, a) not in known}
    loops = []
    while following:
        start, at = following.popitem()
        chain = [start]
        while at != start:
            chain.append(at)
            at = following.pop(at)
        loops.append(np.array(chain))
    return loops


def mirrored(points: Array, mirror: IntArray) -> Array:
    """Mirror images of (..., N, 3) points or differences on the surface."""
    return points[..., mirror, :] * FLIP_X
