"""Puts LFM together from ICT-FaceKit: surface, parts, modes, UV chart, registered landmarks."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.mesh import barycentric_points, nearest_points_on_mesh
from lineament.geometry.morphable import Mirror, MorphableModel
from lineament.geometry.topology import MIRROR_68
from tools.face_model.parts import Part, differences, eyeballs, mouth_bag, symmetrised
from tools.face_model.registration import MESH468_INNER_51, Registration, read_obj_vertices, register
from tools.face_model.source import FLIP_X, FaceSurface, cut_face, mirrored, read_source
from tools.face_model.statistics import IdentityModes, blendshapes, expression_modes, identity_modes

Array = NDArray[np.floating]

IDENTITY_COUNT = 100
EXPRESSION_MODE_COUNT = 29
ORIGIN_MM = np.float32([0.0, 5.0, 30.0])
"""LFM's origin in ICT's frame: between the ears, behind the bridge of the nose; heads turn about it."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """LFM before its calibration: the model, its registrations and what the PCA kept."""

    model: MorphableModel
    face_vertex_count: int
    expression_modes: Array
    mesh478: Registration
    basel: Registration
    identity: IdentityModes


def assemble(shared: Path) -> Assembled:
    """Everything that ICT-FaceKit and two neutral meshes give, in ICT's own pose."""
    source = read_source(shared / "ict_facekit")
    surface = cut_face(source)
    neutral = source.neutral[surface.source_index]
    neutral = 0.5 * (neutral + mirrored(neutral, surface.mirror))
    parts = [eyeballs(source), mouth_bag(surface, neutral)]
    carriers = np.unique(np.concatenate([p.source_index.ravel() for p in parts if not p.of_surface]))
    modes = identity_modes(source, surface, neutral, carriers, IDENTITY_COUNT)
    shapes = blendshapes(source, surface)
    kept = [list(map(_source_name, source.expression_names)).index(name) for name in shapes.names]

    carried = np.zeros((IDENTITY_COUNT, len(source.neutral), 3), np.float32)
    carried[:, carriers] = modes.carrier_basis
    identity, expression = [modes.basis], [shapes.basis]
    for part in parts:
        moved = differences(part, carried, modes.basis)
        own = 0.5 * (moved + modes.sign[:, None, None] * mirrored(moved, part.mirror))
        identity.append(own)
        expression.append(
            symmetrised(differences(part, source.expression[kept], shapes.basis), shapes.mirror, part.mirror)
        )
    model = MorphableModel(
        name="lfm",
        neutral_model=(np.concatenate([neutral, *(p.points for p in parts)]) - ORIGIN_MM).astype(np.float32),
        identity_basis=np.concatenate(identity, axis=1),
        expression_basis=np.concatenate(expression, axis=1),
        expression_names=shapes.names,
        triangles=np.concatenate([surface.triangles, *_numbered(parts, len(neutral))]).astype(np.int32),
        expression_bounds=(0.0, 1.0),
        uv=_chart(surface, parts),
        mirror=_whole_mirror(surface, parts, modes, shapes.mirror),
        parts=_part_ranges(surface, parts),
    )
    bare = _surface_only(model, len(neutral))
    anchors = _ict_landmarks(shared, surface)
    mesh478, basel, keypoints = _registrations(shared, bare, anchors)
    scheme = _registered_scheme(basel, keypoints, model)
    model = replace(model, schemes={scheme.name: scheme})
    compact, _ = expression_modes(model.expression_basis, shapes.mirror, EXPRESSION_MODE_COUNT)
    return Assembled(model, len(neutral), compact, mesh478, basel, modes)


def _source_name(name: str) -> str:
    return name.replace("_L", "Left").replace("_R", "Right")


def _numbered(parts: list[Part], start: int) -> list[NDArray[np.integer]]:
    """Triangles of the parts, numbered after the surface's vertices."""
    numbered = []
    for part in parts:
        numbered.append(part.triangles + start)
        start += len(part.points)
    return numbered


def _part_ranges(surface: FaceSurface, parts: list[Part]) -> dict[str, tuple[int, int]]:
    ends = np.cumsum([0, len(surface.triangles), *(len(p.triangles) for p in parts)])
    names = ("face", "eyeballs", "mouth")
    return {name: (int(a), int(b)) for name, a, b in zip(names, ends[:-1], ends[1:], strict=True)}


def _whole_mirror(
    surface: FaceSurface, parts: list[Part], modes: IdentityModes, shapes: NDArray[np.float32]
) -> Mirror:
    vertex, start = [surface.mirror], len(surface.mirror)
    for part in parts:
        vertex.append(part.mirror + start)
        start += len(part.points)
    return Mirror(vertex=np.concatenate(vertex), identity_sign=modes.sign, expression=shapes)


def _chart(surface: FaceSurface, parts: list[Part]) -> Array:
    """ICT's face chart in the middle of the map, rows running down; the parts sit in its empty corners."""
    u, v = surface.uv[:, 0], 1 - surface.uv[:, 1]
    chart = np.stack([u, v + 0.5 - 0.5 * (v.min() + v.max())], axis=1)
    corners = ((0.04, 0.955), (0.96, 0.955))
    eyes, bag = parts
    half = len(eyes.points) // 2
    placed = []
    for corner, points in zip(corners, (eyes.points[:half], eyes.points[half:]), strict=True):
        flat = points[:, :2] * [1, -1]
        flat = (flat - flat.mean(axis=0)) / np.ptp(flat, axis=0).max()
        placed.append(np.array(corner) + 0.05 * flat)
    flat = bag.points[:, :2] * [1, -1]
    placed.append(np.array([0.5, 0.965]) + 0.05 * (flat - flat.mean(axis=0)) / np.ptp(flat, axis=0).max())
    return np.concatenate([chart, *placed]).astype(np.float32)


def _surface_only(model: MorphableModel, count: int) -> MorphableModel:
    first, last = model.parts["face"]
    return replace(
        model,
        neutral_model=model.neutral_model[:count],
        identity_basis=model.identity_basis[:, :count],
        expression_basis=model.expression_basis[:, :count],
        triangles=model.triangles[first:last],
    )


def _ict_landmarks(shared: Path, surface: FaceSurface) -> NDArray[np.integer]:
    """ICT's own 68 landmarks in LFM's numbering: good enough to start a registration from."""
    listed = json.loads((shared / "ict_facekit" / "vertex_indices.json").read_text())["idx_to_landmark_verts"]
    place = {int(v): i for i, v in enumerate(surface.source_index)}
    return np.array([place[v] for v in listed])


def _registrations(
    shared: Path, bare: MorphableModel, anchors: NDArray[np.integer]
) -> tuple[Registration, Registration, NDArray[np.integer]]:
    obj = (shared / "mediapipe_canonical" / "canonical_face_model.obj").read_text()
    inner = bare.neutral_model[anchors[17:]].astype(np.float64)
    mesh478 = register(bare, read_obj_vertices(obj), np.array(MESH468_INNER_51), inner)
    basel = np.load(shared / "bfm_reference" / "bfm_reference.npz")
    keypoints = basel["keypoints68"]
    face = basel["no_neck_vertices"]
    place = np.searchsorted(face, keypoints)
    registration = register(bare, basel["mean_shape"][face].astype(np.float64), place[17:], inner)
    return mesh478, registration, place


def _registered_scheme(
    basel: Registration, keypoints: NDArray[np.integer], model: MorphableModel
) -> LandmarkScheme:
    """The 68 points of AFLW2000-3D (3D jaw) where Basel's registered mean has them on LFM, symmetric."""
    places = basel.places
    first, last = model.parts["face"]
    points = barycentric_points(
        model.neutral_model, places.vertex_index[keypoints], places.weights[keypoints]
    )
    symmetric = 0.5 * (points + points[list(MIRROR_68)] * FLIP_X)
    on_mesh = nearest_points_on_mesh(symmetric, model.neutral_model, model.triangles[first:last])
    return LandmarkScheme(
        name="lfm-68",
        vertex_index=on_mesh.vertex_index.astype(np.int32),
        weights=on_mesh.weights.astype(np.float32),
        offset_model=np.zeros((68, 3), np.float32),
        identity_offset=np.zeros((0, 68, 3), np.float32),
        expression_offset=np.zeros((0, 68, 3), np.float32),
    )
