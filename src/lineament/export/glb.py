"""GLB: a face whose expressions are morph targets, at rest, posed or in motion.

The mesh is the person's face at rest; its targets are blendshapes under ARKit's names
(``extras.targetNames``), so that the weights of a photo or of a video's frames move it, and so can a person
in Blender or three.js. Skin has the photograph's colours, eyeballs, mouth and teeth their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError, ExportError
from lineament.export.files import jpeg_bytes, write_bytes
from lineament.export.frames import gltf_from_model, gltf_uv, quaternion
from lineament.export.glb_targets import PartMoves, RestNormals, moves_of
from lineament.export.gltf import GlbFile
from lineament.export.head_parts import HeadPart, head_parts, inside_png
from lineament.expression_keys import TargetNames, key_groups, reported_weights, weights_at_rest
from lineament.geometry.morphable import MorphableModel
from lineament.result import FaceResult, FreeFormResult, MorphableResult
from lineament.several import one_face
from lineament.version import __version__

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Targets:
    """The morph targets of a file: which of the model's expressions each adds up."""

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]  # expressions of the model whose differences a target sums

    @classmethod
    def of_model(cls, model: MorphableModel, targets: TargetNames) -> Targets:
        """ARKit's names, or all of the model's own.

        Raises:
            ExportError: other targets.
        """
        try:
            groups = key_groups(model.expression_names, targets)
        except ConfigError as error:
            raise ExportError(str(error)) from error
        return cls(tuple(groups), tuple(groups.values()))

    def weights(self, expression: Array) -> Array:
        """(..., T) weights of the targets for (..., E) expressions: the means of their members."""
        means = np.zeros((expression.shape[-1], len(self.members)))
        for target, group in enumerate(self.members):
            means[list(group), target] = 1 / max(len(group), 1)
        return (expression @ means).astype(np.float32)


def export_glb(
    face: FaceResult,
    path: str | os.PathLike[str],
    *,
    texture_rgb: NDArray[np.uint8] | None = None,
    turned: bool = False,
    targets: TargetNames = "arkit",
) -> None:
    """Write one face as binary glTF in metres, y up, with the blendshapes as named morph targets.

    Args:
        face: with coefficients of a face model; the file opens with its expression as reported, not clipped.
        path: where to; a file that is there is replaced.
        texture_rgb: (S, S, 3) uint8 on the mesh's chart, such as `FaceTexturer` gives.
        turned: turn the head as in the photo; otherwise it looks ahead, along +z.
        targets: "arkit" for ARKit's 52 names alone: `browInnerUp` and `cheekPuff` then move both sides; or
            "all" for the model's own expressions: skin and mouth are then exactly the aligned mesh, also
            where a method found the vertices by themselves, as long as weights are reported as they are
            (no :attr:`MorphableResult.key_scales` and no :attr:`MorphableResult.neutral`).

    Raises:
        ExportError: the face has no coefficients, is not finite, or the file cannot be written.
        ConfigError: it is no face, or several.
    """
    morphable = checked_face(face)
    names, given = morphable.model.expression_names, full_expression(morphable)
    shown = reported_weights(names, given.astype(float), morphable.key_scales, own_neutral(morphable))
    glb, chosen = glb_at_rest(morphable.model, mesh_at_rest(morphable), texture_rgb, targets)
    glb.document["meshes"][0]["weights"] = chosen.weights(shown).tolist()
    if turned:
        glb.document["nodes"][0]["rotation"] = quaternion(morphable.pose.rotation).tolist()
    write_bytes(path, *glb.pieces())


def checked_face(face: FaceResult) -> MorphableResult:
    """The face, if it is of a morphable model and finite.

    Raises:
        ExportError: it is not.
        ConfigError: it is no face, or several.
    """
    face = one_face(face)
    if not isinstance(face, MorphableResult):
        raise ExportError(
            "GLB needs coefficients of a face model with expressions; this method gives none. "
            "Write OBJ or PLY."
        )
    if not np.isfinite(face.vertices_image).all():
        raise ExportError("The face has vertices that are not finite; no mesh file can hold them.")
    return face


def mesh_at_rest(face: MorphableResult) -> Array:
    """(N, 3) mm, model frame: the person's face at rest, which the reported weights move.

    It has what these leave out: the person's own rest, and what is not measured, as the photograph shows it.
    """
    names, given = face.model.expression_names, full_expression(face)
    rest = weights_at_rest(names, given, face.key_scales, own_neutral(face)).astype(np.float32)
    return face.model.vertices_model(face.identity, rest) + own_offset(face)


def own_offset(face: MorphableResult) -> Array | float:
    """(N, 3) mm, model frame: how far a method's own vertices are from what the coefficients make of them."""
    if not isinstance(face, FreeFormResult):
        return 0.0
    return face.vertices_model - face.model.vertices_model(face.identity, face.expression)


def full_expression(face: MorphableResult) -> Array:
    """(E,) weights of all the model's expressions; methods may give only the first of them."""
    return _full(face, face.expression)


def own_neutral(face: MorphableResult) -> Array | None:
    """(E,) the same of the person at rest; None where that is everybody's."""
    return None if face.neutral is None else _full(face, face.neutral)


def _full(face: MorphableResult, expression: Array) -> Array:
    return np.pad(expression, (0, len(face.model.expression_basis) - len(expression)))


def glb_at_rest(
    model: MorphableModel, at_rest: Array, texture_rgb: NDArray[np.uint8] | None, style: TargetNames
) -> tuple[GlbFile, Targets]:
    """A file with a face at rest ((N, 3) mm), its targets and material; the head is node 0."""
    chosen = Targets.of_model(model, style)
    glb = GlbFile(generator=f"lineament {__version__}")
    parts = head_parts(model, at_rest)
    all_moves = moves_of(model, parts, chosen.members)
    glb.document |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0}],
        "meshes": [
            {
                "name": "face",
                "primitives": [
                    _primitive(glb, part, moves, number)
                    for number, (part, moves) in enumerate(zip(parts, all_moves, strict=True))
                ],
                "weights": [0.0] * len(chosen.names),
                "extras": {"targetNames": list(chosen.names)},
            }
        ],
        "materials": [_skin(glb, model, texture_rgb)],
    }
    if len(parts) > 1:
        picture = glb.add_picture(inside_png(), mime="image/png", name="eyes, mouth and teeth")
        glb.document["materials"] += [_inner(part.name, picture) for part in parts[1:]]
    return glb, chosen


def _primitive(glb: GlbFile, part: HeadPart, moves: PartMoves, material: int) -> dict[str, Any]:
    rest = RestNormals.of(part, moves.loops)
    attributes = {
        "POSITION": glb.add_values(gltf_from_model(part.at_rest), bounds=True, vertices=True),
        "NORMAL": glb.add_values(rest.normals.T, vertices=True),
    }
    if part.uv is not None:
        attributes["TEXCOORD_0"] = glb.add_values(gltf_uv(part.uv), vertices=True)
    positions, normals = glb.add_differences(moves.positions), glb.add_differences(moves.normals(rest))
    entries = [
        {"POSITION": position, "NORMAL": normal} for position, normal in zip(positions, normals, strict=True)
    ]
    indices = glb.add_indices(part.triangles)
    return {"attributes": attributes, "indices": indices, "material": material, "targets": entries}


def _skin(glb: GlbFile, model: MorphableModel, texture_rgb: NDArray[np.uint8] | None) -> dict[str, Any]:
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


ROUGHNESS = {"eyes": 0.15, "mouth": 0.6, "teeth": 0.35}


def _inner(name: str, picture: int) -> dict[str, Any]:
    """The surface of what lies behind lids and lips."""
    material = {
        "metallicFactor": 0.0,
        "roughnessFactor": ROUGHNESS[name],
        "baseColorTexture": {"index": picture},
    }
    return {"name": name, "pbrMetallicRoughness": material, "doubleSided": True}
