"""GLB: a face whose expressions are morph targets, at rest, posed or in motion.

The mesh is the person's face at rest; its targets are the model's blendshapes under their names
(``extras.targetNames``), so that the weights of a photo or of a video's frames move it, and so can a person
in Blender or three.js.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import jpeg_bytes, write_bytes
from lineament.export.frames import gltf_from_model, gltf_uv, quaternion
from lineament.export.gltf import GlbFile
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.result import ARKIT_NAME_OF_SIDE, FaceResult, FreeFormResult, MorphableResult
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
        if style not in get_args(TargetNames):
            raise ExportError(f"targets are {' or '.join(map(repr, get_args(TargetNames)))}, not {style!r}.")
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
        face: with coefficients of a face model; the file opens with its expression, and shows exactly the
            aligned mesh, also where a method found the vertices by themselves.
        path: where to; a file that is there is replaced.
        texture_rgb: (S, S, 3) uint8 on the mesh's chart, such as `FaceTexturer` gives.
        turned: turn the head as in the photo; otherwise it looks ahead, along +z.
        targets: "model" for the model's own expressions, which give back exactly the aligned face, or "arkit"
            for ARKit's names alone: `browInnerUp` and `cheekPuff` then move both sides.

    Raises:
        ExportError: the face has no coefficients, is not finite, or the file cannot be written.
    """
    morphable = checked_face(face)
    glb, chosen = glb_at_rest(morphable.model, mesh_at_rest(morphable), texture_rgb, targets)
    glb.document["meshes"][0]["weights"] = chosen.weights(full_expression(morphable)).tolist()
    if turned:
        glb.document["nodes"][0]["rotation"] = quaternion(morphable.pose.rotation).tolist()
    write_bytes(path, glb.to_bytes())


def checked_face(face: FaceResult) -> MorphableResult:
    """The face, if it is of a morphable model and finite.

    Raises:
        ExportError: it is not.
    """
    if not isinstance(face, MorphableResult):
        raise ExportError(
            "GLB needs coefficients of a face model with expressions; this method gives none. "
            "Write OBJ or PLY."
        )
    if not np.isfinite(face.vertices_image).all():
        raise ExportError("The face has vertices that are not finite; no mesh file can hold them.")
    return face


def mesh_at_rest(face: MorphableResult) -> Array:
    """(N, 3) mm, model frame: the face without its expression, which the morph targets give back."""
    return face.model.vertices_model(face.identity, _no_expression(face.model)) + own_offset(face)


def own_offset(face: MorphableResult) -> Array | float:
    """(N, 3) mm, model frame: how far a method's own vertices are from what the coefficients make of them."""
    if not isinstance(face, FreeFormResult):
        return 0.0
    return face.vertices_model - face.model.vertices_model(face.identity, face.expression)


def _no_expression(model: MorphableModel) -> Array:
    return np.zeros(len(model.expression_basis), np.float32)


def full_expression(face: MorphableResult) -> Array:
    """(E,) weights of all the model's expressions; methods may give only the first of them."""
    return np.pad(face.expression, (0, len(face.model.expression_basis) - len(face.expression)))


def glb_at_rest(
    model: MorphableModel, at_rest: Array, texture_rgb: NDArray[np.uint8] | None, style: TargetNames
) -> tuple[GlbFile, Targets]:
    """A file with a face at rest ((N, 3) mm), its targets and material; the head is node 0."""
    prepared = _prepared(_Same(model), style)
    chosen, glb = prepared.targets, prepared.glb.copy()
    glb.document |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0}],
        "meshes": [
            {
                "name": "face",
                "primitives": [_primitive(glb, model, at_rest, prepared)],
                "weights": [0.0] * len(chosen.names),
                "extras": {"targetNames": list(chosen.names)},
            }
        ],
        "materials": [_material(glb, model, texture_rgb)],
    }
    return glb, chosen


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What files of a face model share: buffers of targets, chart and triangles, and where they are."""

    targets: Targets
    glb: GlbFile
    entries: list[dict[str, int]]  # of the targets
    indices: int
    chart: int | None


class _Same:
    """A face model as a key: the same one, for comparing two number by number would take longer."""

    def __init__(self, model: MorphableModel) -> None:
        self.model = model

    def __hash__(self) -> int:
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.model is self.model


@lru_cache(maxsize=4)
def _prepared(of: _Same, style: TargetNames) -> _Prepared:
    """The buffers of a model, made once.

    How a target bends normals is taken from the model's mean face: that it would be bent a little otherwise
    on each person's face is not to be seen, and would take most of the time of a file.
    """
    model = of.model
    chosen = Targets.of_model(model, len(model.expression_names), style)
    glb = GlbFile(generator=f"lineament {__version__}")
    mean = model.neutral_model
    normals = _unit(vertex_normals(mean, model.triangles))
    entries = []
    for group in chosen.members:
        difference = np.sum(model.expression_basis[list(group)], axis=0)
        difference = np.where(np.abs(difference).max(axis=1, keepdims=True) < SMALLEST_MM, 0, difference)
        bend = _unit(vertex_normals(mean + difference, model.triangles)) - normals
        bend = np.where(np.abs(bend).max(axis=1, keepdims=True) < 0.01, 0, bend)
        moved = glb.add_differences(gltf_from_model(difference), bounds=True)
        entries.append({"POSITION": moved, "NORMAL": glb.add_differences(bend)})
    chart = None if model.uv is None else glb.add_values(gltf_uv(model.uv), vertices=True)
    return _Prepared(chosen, glb, entries, glb.add_indices(model.triangles), chart)


def _primitive(glb: GlbFile, model: MorphableModel, at_rest: Array, prepared: _Prepared) -> dict[str, Any]:
    attributes = {
        "POSITION": glb.add_values(gltf_from_model(at_rest), bounds=True, vertices=True),
        "NORMAL": glb.add_values(_unit(vertex_normals(at_rest, model.triangles)), vertices=True),
    }
    if prepared.chart is not None:
        attributes["TEXCOORD_0"] = prepared.chart
    return {
        "attributes": attributes,
        "indices": prepared.indices,
        "material": 0,
        "targets": prepared.entries,
    }


def _unit(normals: Array) -> Array:
    """Normals of length one; glTF knows no zero ones, which vertices outside of all triangles have."""
    lost = np.asarray(~normals.any(axis=1))
    return np.where(lost[:, None], np.array([0.0, 0.0, 1.0]), normals)


def _material(glb: GlbFile, model: MorphableModel, texture_rgb: NDArray[np.uint8] | None) -> dict[str, Any]:
    """A matt surface, of the texture's colours or of plain clay's."""
    material: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.85}
    if texture_rgb is None:
        material["baseColorFactor"] = [0.72, 0.66, 0.62, 1.0]
    elif model.uv is None:
        raise ExportError(f"The face model {model.name!r} has no texture coordinates. Leave the texture out.")
    else:
        picture = glb.add_picture(jpeg_bytes(texture_rgb), mime="image/jpeg", name="face")
        material["baseColorTexture"] = {"index": picture}
    return {"name": "skin", "pbrMetallicRoughness": material, "doubleSided": True}
