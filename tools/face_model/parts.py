"""Eyeballs and the inside of the mouth: what is not skin but makes pictures look right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tools.face_model.source import EYE_MATERIALS, FaceSurface, Source, boundary_loops, mirrored

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

RINGS, SPOKES = 9, 16
MOUTH_DEPTHS_MM = (6.0, 16.0, 26.0)
MOUTH_SHRINK = (0.95, 0.75, 0.35)


@dataclass(frozen=True, slots=True)
class Part:
    """Extra vertices: how each follows given weights of source vertices, its triangles and its mirror map.

    Attributes:
        points: (P, 3) mm at rest.
        source_index: (P, C) vertices of `source` that carry each point.
        weights: (P, C) their fractions of the movement.
        of_surface: True if `source_index` counts LFM's own vertices, False if ICT's.
        triangles: (T, 3) int, numbering the part's own points.
        mirror: (P,) int, numbering the part's own points.
    """

    points: Array
    source_index: IntArray
    weights: Array
    of_surface: bool
    triangles: IntArray
    mirror: IntArray


def eyeballs(source: Source) -> Part:
    """Two spheres as large as ICT's eyeballs, carried by the nearest vertices of those."""
    vertices = np.unique(np.concatenate([source.quads_of(*EYE_MATERIALS[0])]))
    vertices = vertices[vertices >= 0]
    ball = source.neutral[vertices]
    centre = 0.5 * (ball.min(axis=0) + ball.max(axis=0))
    # The cornea bulges to the front, so the sphere's size is taken across.
    radius = 0.5 * np.mean(np.ptp(ball, axis=0)[:2])
    centre[2] = ball[:, 2].min() + radius
    left, triangles = _sphere(centre, radius)
    distance, near = cKDTree(ball).query(left, k=6)
    weights = 1 / (distance + 0.5)
    right_vertices = np.unique(source.quads_of(*EYE_MATERIALS[1]))
    right_vertices = right_vertices[right_vertices >= 0]
    right_near = cKDTree(source.neutral[right_vertices]).query(ball * np.float32([-1, 1, 1]))[1]
    count = len(left)
    return Part(
        points=np.concatenate([left, left * np.float32([-1, 1, 1])]),
        source_index=np.concatenate([vertices[near], right_vertices[right_near[near]]]),
        weights=np.tile(weights / weights.sum(axis=1, keepdims=True), (2, 1)),
        of_surface=False,
        triangles=np.concatenate([triangles, triangles[:, ::-1] + count]),
        mirror=np.concatenate([np.arange(count, 2 * count), np.arange(count)]),
    )


def _sphere(centre: Array, radius: float) -> tuple[Array, IntArray]:
    """Points on the front three quarters of a sphere, poles along z, and triangles seen from outside."""
    polar = np.linspace(0, 0.75 * np.pi, RINGS)[1:, None]
    around = 2 * np.pi * np.arange(SPOKES)[None, :] / SPOKES
    ring = np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around], axis=-1
    )
    points = np.concatenate([[[0, 0, 1]], ring.reshape(-1, 3)])
    number = 1 + np.arange((RINGS - 1) * SPOKES).reshape(RINGS - 1, SPOKES)
    following = np.roll(number, -1, axis=1)
    cap = np.stack([np.zeros(SPOKES, int), number[0], following[0]], axis=1)
    lower = np.stack([number[:-1], number[1:], following[1:]], axis=-1).reshape(-1, 3)
    upper = np.stack([number[:-1], following[1:], following[:-1]], axis=-1).reshape(-1, 3)
    return (centre + radius * points).astype(np.float32), np.concatenate([cap, lower, upper])


def mouth_bag(surface: FaceSurface, neutral: Array) -> Part:
    """A dark bag behind the lips: the inner rim of the lips drawn inwards in rings that follow it."""
    rim = _lip_rim(surface, neutral)
    centre = neutral[rim].mean(axis=0)
    rings, weights = [], []
    for depth, shrink in zip(MOUTH_DEPTHS_MM, MOUTH_SHRINK, strict=True):
        ring = centre + (neutral[rim] - centre) * np.float32([shrink, 1, 1])
        rings.append(ring - np.float32([0, 0, depth]))
        weights.append(np.ones(len(rim)))
    count = len(rim)
    numbers = np.arange(count * len(rings)).reshape(len(rings), count)
    following = np.roll(numbers, -1, axis=1)
    inward = [
        np.concatenate(
            [
                np.stack([a, c, b], axis=-1),
                np.stack([b, c, d], axis=-1),
            ]
        )
        for a, b, c, d in zip(numbers[:-1], following[:-1], numbers[1:], following[1:], strict=True)
    ]
    back = numbers[-1]
    cap = [np.stack([back[0], back[i + 1], back[i]]) for i in range(1, count - 1)]
    place = np.full(len(neutral), -1)
    place[rim] = np.arange(count)
    partner = place[surface.mirror[rim]]
    return Part(
        points=np.concatenate(rings).astype(np.float32),
        source_index=np.tile(rim, len(rings))[:, None],
        weights=np.concatenate(weights)[:, None],
        of_surface=True,
        triangles=np.concatenate([*inward, np.array(cap)]),
        mirror=np.concatenate([partner + i * count for i in range(len(rings))]),
    )


def _lip_rim(surface: FaceSurface, neutral: Array) -> IntArray:
    """The boundary loop of the mesh nearest to the mouth, in order, counter-clockwise seen from the front."""
    loops = boundary_loops(surface.triangles)
    mouth = np.array([0.0, -36.0, 95.0])
    inner = [loop for loop in loops if len(loop) > 20]
    return min(inner, key=lambda loop: float(np.linalg.norm(neutral[loop].mean(axis=0) - mouth)))


def differences(part: Part, source_differences: Array, surface_differences: Array) -> Array:
    """(C, P, 3) movement of a part's points from (C, V, 3) of ICT or (C, N, 3) of LFM's surface."""
    carrier = surface_differences if part.of_surface else source_differences
    moved = np.einsum("kpcx,pc->kpx", carrier[:, part.source_index], part.weights)
    return moved.astype(np.float32)


def symmetrised(moved: Array, partner: IntArray, mirror: IntArray) -> Array:
    """Average (C, P, 3) movements with the mirror images of their partners' (C,)."""
    return 0.5 * (moved + mirrored(moved, mirror)[partner])
