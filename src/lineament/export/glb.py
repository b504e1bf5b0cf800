"""GLB: a face whose expressions are morph targets, at rest, posed or in motion.

The mesh is the person's face at rest; its targets are the model's blendshapes under their names
(``extras.targetNames``), so that the weights of a photo or of a video's frames move it, and so can a person
in Blender or three.js.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import jpeg_bytes, write_bytes
from lineament.export.frames import focal_px, gltf_from_model, gltf_head, gltf_uv, quaternion
from lineament.export.gltf import GlbFile
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.result import ARKIT_NAME_OF_SIDE, FaceResult, MorphableResult
from lineament.version import __version__

Array = NDArray[np.floating]
TargetNames = Literal["model", "arkit"]

SMALLEST_MM = 0.002
"""Differences of a target below this are left out: they move nothing that can be seen, and most are zero."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The morph targets of a file: which of the model's expressions each adds up."""

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]  # expressions of the model whose differences a target sums

    @classmethod
    def of_model(cls, model: MorphableModel, count: int, style: TargetNames) -> Targets:
        """The model's own expressions, or ARKit's, which do not tell the sides of some apart."""
        groups: dict[str, list[int]] = {}
        for number, name in enumerate(model.expression_names[:count]):
            groups.setdefault(ARKIT_NAME_OF_SIDE.get(name, name) if style == "arkit" else name, []).append(
                number
            )
        return cls(tuple(groups), tuple(tuple(group) for group in groups.values()))

    def weights(self, expression: Array) -> Array:
        """(..., T) weights of the targets for (..., E) expressions: the means of their members."""
        columns = [expression[..., list(group)].mean(axis=-1) for group in self.members]
        return np.stack(columns, axis=-1).astype(np.float32)


def export_glb(
    face: FaceResult,
    path: str | os.PathLike[str],
    *,
    texture_rgb: NDArray[np.uint8] | None = None,
    turned: bool = False,
    targets: TargetNames = "model",
) -> None:
    """Write one face as binary glTF in metres, y up, with the blendshapes as named morph targets.

    Args:
        face: of a morphable model; the file opens with its expression.
        path: where to; a file that is there is replaced.
        texture_rgb: (S, S, 3) uint8 on the model's chart, such as `FaceTexturer` gives.
        turned: turn the head as in the photo; otherwise it looks ahead, along +z.
        targets: "model" for the model's own expressions, which give back exactly the aligned face, or "arkit"
            for ARKit's names alone: `browInnerUp` and `cheekPuff` then move both sides.

    Raises:
        ExportError: the face is of no morphable model, is not finite, or the file cannot be written.
    """
    [morphable] = _morphable([face])
    assert morphable is not None
    glb, chosen = _glb_of(morphable, np.asarray(morphable.identity), texture_rgb, targets)
    glb.document["meshes"][0]["weights"] = chosen.weights(morphable.expression).tolist()
    if turned:
        glb.document["nodes"][0]["rotation"] = quaternion(morphable.pose.rotation).tolist()
    write_bytes(path, glb.to_bytes())


def export_glb_animation(
    faces: Sequence[FaceResult | None],
    times_s: Sequence[float],
    path: str | os.PathLike[str],
    *,
    size_hw: tuple[int, int],
    texture_rgb: NDArray[np.uint8] | None = None,
    targets: TargetNames = "model",
) -> None:
    """Write one person through a video as an animated GLB: weights, turns and path of the head.

    The identity is the mean of all frames'. The camera stands at the origin and looks along -z, its angle of
    view assumed (:data:`lineament.export.frames.VIEW_ANGLE_FACTOR`). Where the person is not seen the head is
    shrunk to nothing, at once and not by and by.

    Args:
        faces: the person's result in each frame, None where not seen.
        times_s: time of each frame, s, ascending.
        path: where to; a file that is there is replaced.
        size_hw: of the frames, px.
        texture_rgb: as in `export_glb`.
        targets: as in `export_glb`.

    Raises:
        ExportError: no frame has a face, times do not ascend or are not as many as frames, faces of several
            models, or what `export_glb` raises.
    """
    morphable = _morphable(faces)
    times = np.asarray(times_s, dtype=np.float64)
    if len(times) != len(morphable) or (np.diff(times) <= 0).any() or not np.isfinite(times).all():
        raise ExportError(
            f"{len(morphable)} frames need as many finite times that ascend, found {len(times)}."
        )
    seen = [(time, face) for time, face in zip(times, morphable, strict=True) if face is not None]
    if not seen:
        raise ExportError("The person is in none of the frames. Give the faces of one that is.")
    identity = np.mean([face.identity for _, face in seen], axis=0)
    glb, chosen = _glb_of(seen[0][1], identity, texture_rgb, targets)
    _add_camera(glb, size_hw)
    _add_motion(glb, chosen, seen, size_hw)
    if len(seen) < len(morphable):
        _add_gaps(glb, times, np.array([face is not None for face in morphable]))
    write_bytes(path, glb.to_bytes())


def _morphable(faces: Sequence[FaceResult | None]) -> list[MorphableResult | None]:
    """The faces, if they are of one morphable model and finite."""
    checked: list[MorphableResult | None] = []
    for face in faces:
        if face is not None and not isinstance(face, MorphableResult):
            raise ExportError(
                "GLB needs a face model with expressions; this method gives none. Write OBJ or PLY."
            )
        if face is not None and not np.isfinite(face.vertices_image).all():
            raise ExportError("The face has vertices that are not finite; no mesh file can hold them.")
        checked.append(face)
    if len({face.model.name for face in checked if face is not None}) > 1:
        raise ExportError("The faces belong to different face models. Write a file for each.")
    return checked


def _glb_of(
    face: MorphableResult, identity: Array, texture_rgb: NDArray[np.uint8] | None, style: TargetNames
) -> tuple[GlbFile, Targets]:
    """A file with the face at rest of an identity, its targets and material; the head is node 0."""
    model = face.model
    chosen = Targets.of_model(model, len(face.expression), style)
    glb = GlbFile(generator=f"lineament {__version__}")
    glb.document |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0}],
        "meshes": [
            {
                "name": "face",
                "primitives": [_primitive(glb, model, identity, chosen)],
                "weights": [0.0] * len(chosen.names),
                "extras": {"targetNames": list(chosen.names)},
            }
        ],
        "materials": [_material(glb, model, texture_rgb)],
    }
    return glb, chosen


def _primitive(glb: GlbFile, model: MorphableModel, identity: Array, chosen: Targets) -> dict[str, Any]:
    at_rest = model.vertices_model(identity, np.zeros(len(model.expression_basis), np.float32))
    normals = _unit(vertex_normals(at_rest, model.triangles))
    attributes = {
        "POSITION": glb.add_values(gltf_from_model(at_rest), bounds=True, vertices=True),
        "NORMAL": glb.add_values(normals, vertices=True),
    }
    if model.uv is not None:
        attributes["TEXCOORD_0"] = glb.add_values(gltf_uv(model.uv), vertices=True)
    entries = []
    for group in chosen.members:
        difference = np.sum(model.expression_basis[list(group)], axis=0)
        difference = np.where(np.abs(difference).max(axis=1, keepdims=True) < SMALLEST_MM, 0, difference)
        bend = _unit(vertex_normals(at_rest + difference, model.triangles)) - normals
        bend = np.where(np.abs(bend).max(axis=1, keepdims=True) < 0.01, 0, bend)
        moved = glb.add_differences(gltf_from_model(difference), bounds=True)
        entries.append({"POSITION": moved, "NORMAL": glb.add_differences(bend)})
    indices = glb.add_indices(model.triangles)
    return {"attributes": attributes, "indices": indices, "material": 0, "targets": entries}


def _unit(normals: Array) -> Array:
    """Normals of length one; glTF knows no zero ones, which vertices outside of all triangles have."""
    lost = np.asarray(~normals.any(axis=1))
    return np.where(lost[:, None], np.array([0.0, 0.0, 1.0]), normals)


def _material(glb: GlbFile, model: MorphableModel, texture_rgb: NDArray[np.uint8] | None) -> dict[str, Any]:
    """A matt surface, of the texture's colours or of plain clay's."""
    look: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.85}
    if texture_rgb is None:
        look["baseColorFactor"] = [0.72, 0.66, 0.62, 1.0]
    elif model.uv is None:
        raise ExportError(f"The face model {model.name!r} has no texture coordinates. Leave the texture out.")
    else:
        picture = glb.add_picture(jpeg_bytes(texture_rgb), mime="image/jpeg", name="face")
        look["baseColorTexture"] = {"index": picture}
    return {"name": "skin", "pbrMetallicRoughness": look, "doubleSided": True}


def _add_camera(glb: GlbFile, size_hw: tuple[int, int]) -> None:
    """The camera that took the frames, as far as it can be known."""
    height, width = size_hw
    view = 2 * float(np.arctan(height / 2 / focal_px(size_hw)))
    lens = {"yfov": view, "aspectRatio": width / height, "znear": 0.01, "zfar": 100.0}
    glb.document["cameras"] = [{"type": "perspective", "name": "video", "perspective": lens}]
    glb.document["nodes"].append({"name": "video camera", "camera": 0})
    glb.document["scenes"][0]["nodes"].append(len(glb.document["nodes"]) - 1)


def _add_motion(
    glb: GlbFile, chosen: Targets, seen: list[tuple[float, MorphableResult]], size_hw: tuple[int, int]
) -> None:
    """Weights, turn and place of the head at the times at which it is seen."""
    places = [gltf_head(face.pose, size_hw) for _, face in seen]
    turns = _short_way(np.stack([turn for turn, _ in places]))
    moves = np.stack([move for _, move in places])
    weights = chosen.weights(np.stack([face.expression for _, face in seen]))
    start = glb.add_values(np.array([time for time, _ in seen]), bounds=True)
    glb.document["nodes"][0] |= {"rotation": turns[0].tolist(), "translation": moves[0].tolist()}
    glb.document["meshes"][0]["weights"] = weights[0].tolist()
    tracks = {"rotation": turns, "translation": moves, "weights": weights.ravel()}
    glb.document["animations"] = [{"name": "motion", "samplers": [], "channels": []}]
    for path, values in tracks.items():
        _add_track(glb, path, start, values, "LINEAR")


def _add_gaps(glb: GlbFile, times: Array, seen: NDArray[np.bool_]) -> None:
    """The head is there in frames that show it and gone in the others."""
    turning = np.flatnonzero(np.diff(seen.astype(np.int8), prepend=-1))
    size = np.repeat(seen[turning].astype(np.float32)[:, None], 3, axis=1)
    _add_track(glb, "scale", glb.add_values(times[turning], bounds=True), size, "STEP")


def _add_track(glb: GlbFile, path: str, start: int, values: Array, interpolation: str) -> None:
    animation = glb.document["animations"][0]
    sampler = {"input": start, "output": glb.add_values(values), "interpolation": interpolation}
    animation["samplers"].append(sampler)
    target = {"node": 0, "path": path}
    animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})


def _short_way(quaternions: Array) -> Array:
    """(n, 4) the same turns with signs such that neighbours are less than half a turn apart."""
    inner = np.sum(quaternions[1:] * quaternions[:-1], axis=1)
    sign = np.cumprod(np.concatenate([[1.0], np.where(inner < 0, -1.0, 1.0)]))
    return quaternions * sign[:, None]
