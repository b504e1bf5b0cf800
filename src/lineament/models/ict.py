"""ICT-FaceKit, the light face model of the USC Institute for Creative Technologies (MIT licence).

Read from the folder of its .obj files (FaceXModel) or from one .npz that holds the same: `neutral` (N, 3),
`identity` (K, N, 3), `expression` (E, N, 3), `expression_names` (E,), `faces` (F, 4) with -1 in the fourth
place of triangles, and, where present, `uv`, `uv_faces`, `material_names`, `face_material`. Centimetres.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import LineamentError, ModelError
from lineament.foreign import reason_of
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import triangles_from_polygons
from lineament.models.arrays import RIGHT_FILE, checked, checked_index, existing, load_npz
from lineament.models.obj import obj_vertices, read_obj

_MM = 10.0
_NEUTRAL = "generic_neutral_mesh.obj"
_INDICES = "vertex_indices.json"
_SIDES = {"_L": "Left", "_R": "Right"}
_PART_OF_MATERIAL = {
    "M_Face": "face",
    "M_BackHead": "face",
    "M_ScleraLeft": "eyeballs",
    "M_ScleraRight": "eyeballs",
    "M_IrisLeft": "eyeballs",
    "M_IrisRight": "eyeballs",
    "M_GumsTongue": "mouth",
    "M_Teeth": "mouth",
}
_PARTS = ("face", "eyeballs", "mouth", "details")  # details: lashes, tear film and other thin shells


def read_ict(path: str | Path) -> MorphableModel:
    """ICT-FaceKit as a linear face model.

    Args:
        path: the folder FaceXModel, or an .npz with the names above.

    Returns:
        Identity per standard deviation and named blendshapes of bounds (0, 1), in mm. Names are ARKit's in
        its own spelling (`eyeBlink_L` becomes `eyeBlinkLeft`). Vertices whose texture lies in a chart of
        their own (all but the face) have NaN in `uv`. Where `vertex_indices.json` lies beside the model,
        its 68 landmarks are the scheme "ict-68": ICT's own choice of vertices, not the 300W-LP convention.

    Raises:
        ModelError: the file or folder is missing, incomplete, or of another format.
    """
    path = existing(path, kind="the folder FaceXModel of ICT-FaceKit, or an .npz made from it")
    arrays = _arrays_of_folder(path) if path.is_dir() else load_npz(path)
    neutral = checked(arrays, "neutral", (None, 3), path=path)
    count = len(neutral)
    identity = checked(arrays, "identity", (None, count, 3), path=path)
    expression = checked(arrays, "expression", (None, count, 3), path=path)
    triangles, parts = _triangles_and_parts(arrays, count, path)
    return MorphableModel(
        name="ict",
        neutral_model=_in_mm(neutral),
        identity_basis=_in_mm(identity),
        expression_basis=_in_mm(expression),
        expression_names=_expression_names(arrays, len(expression), path),
        triangles=triangles,
        expression_bounds=(0.0, 1.0),
        uv=_uv(arrays, count, path),
        schemes=_schemes((path if path.is_dir() else path.parent) / _INDICES, count),
        parts=parts,
    )


def arkit_name(ict_name: str) -> str:
    """ARKit's spelling of an ICT blendshape: `PupilDilate_L` becomes `pupilDilateLeft`."""
    stem, side = (ict_name[:-2], _SIDES[ict_name[-2:]]) if ict_name[-2:] in _SIDES else (ict_name, "")
    return stem[:1].lower() + stem[1:] + side


def _in_mm(array: NDArray[Any]) -> NDArray[np.float32]:
    return array.astype(np.float32) * np.float32(_MM)


def _expression_names(arrays: Mapping[str, NDArray[Any]], count: int, path: Path) -> tuple[str, ...]:
    names = arrays.get("expression_names")
    if names is None or names.dtype.kind != "U" or names.shape != (count,):
        found = "no such array" if names is None else f"{names.dtype} {names.shape}"
        raise ModelError(f"'expression_names' in {path} should be {count} strings; found {found}.")
    return tuple(arkit_name(str(name)) for name in names)


def _triangles_and_parts(
    arrays: Mapping[str, NDArray[Any]], count: int, path: Path
) -> tuple[NDArray[np.int32], dict[str, tuple[int, int]]]:
    """Triangles sorted by part, and the range of each part; a single part where materials are not given."""
    faces = checked(arrays, "faces", (None, 4), (None, 3), path=path)
    polygons = np.where(faces < 0, -1, faces)
    material: NDArray[Any] = np.zeros(len(faces), dtype=np.int64)
    part_of_material = np.zeros(1, dtype=np.int64)
    if "material_names" in arrays and "face_material" in arrays:
        names = [str(name) for name in arrays["material_names"]]
        part_of_material = np.array([_PARTS.index(_PART_OF_MATERIAL.get(name, "details")) for name in names])
        material = arrays["face_material"]
        checked_index(arrays, "face_material", (len(faces),), count=len(names), path=path)
    part = part_of_material[material]
    ranges, pieces, first = {}, [], 0
    for number, name in enumerate(_PARTS):
        piece = triangles_from_polygons(polygons[part == number])
        if len(piece):
            ranges[name] = (first, first + len(piece))
            pieces.append(piece)
            first += len(piece)
    if not pieces:
        raise ModelError(f"'faces' in {path} holds no polygon of three or more corners. {RIGHT_FILE}")
    stacked = {"faces": np.concatenate(pieces)}
    return checked_index(stacked, "faces", (None, 3), count=count, path=path), ranges


def _uv(arrays: Mapping[str, NDArray[Any]], count: int, path: Path) -> NDArray[np.float32] | None:
    """(N, 2) one place a vertex on the face's chart, right and down; NaN for vertices of other charts."""
    if not {"uv", "uv_faces", "faces"} <= arrays.keys():
        return None
    texel_uv = checked(arrays, "uv", (None, 2), path=path)
    faces, corners = arrays["faces"], checked(arrays, "uv_faces", arrays["faces"].shape, path=path)
    first_chart = np.ones(len(faces), dtype=bool)
    if "material_names" in arrays and "face_material" in arrays:
        names = [str(name) for name in arrays["material_names"]]
        first_chart = np.isin(arrays["face_material"], [names.index("M_Face")] if "M_Face" in names else [])
    used = (faces >= 0) & (corners >= 0) & (corners < len(texel_uv)) & first_chart[:, None]
    uv = np.full((count, 2), np.nan, dtype=np.float32)
    # Backwards, so that of several places of a vertex on a seam the first stays.
    place = texel_uv[corners[used][::-1]]
    uv[faces[used][::-1]] = np.stack([place[:, 0], 1 - place[:, 1]], axis=-1)
    return uv


def _schemes(path: Path, count: int) -> dict[str, LandmarkScheme]:
    if not path.is_file():
        return {}
    try:
        vertices = np.array(json.loads(path.read_text())["idx_to_landmark_verts"], dtype=np.int64)
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} lies beside the model but has no list 'idx_to_landmark_verts' ({reason_of(error)}); "
            "fetch it again from ICT-FaceKit, or take it away: then the model has no landmarks."
        ) from error
    listed = {"idx_to_landmark_verts": vertices}
    checked_index(listed, "idx_to_landmark_verts", (68,), count=count, path=path)
    return {"ict-68": LandmarkScheme.of_vertices("ict-68", vertices)}


def _arrays_of_folder(folder: Path) -> dict[str, NDArray[Any]]:
    """What the .npz would hold, from the .obj files: each is a whole face in the neutral's topology."""
    neutral_path = folder / _NEUTRAL
    if not neutral_path.is_file():
        raise ModelError(f"{folder} has no {_NEUTRAL}; pass ICT-FaceKit's folder FaceXModel.")
    arrays = read_obj(neutral_path)
    shapes = sorted(file for file in folder.glob("*.obj") if file.name != _NEUTRAL)
    identities = [file for file in shapes if file.stem.startswith("identity")]
    expressions = [file for file in shapes if file not in identities]
    if not identities or not expressions:
        raise ModelError(
            f"{folder} has {len(identities)} identity and {len(expressions)} expression .obj files; "
            "FaceXModel has both, so the copy is not complete."
        )
    neutral = arrays["neutral"]
    arrays["identity"] = np.stack([_difference(file, neutral) for file in identities])
    arrays["expression"] = np.stack([_difference(file, neutral) for file in expressions])
    arrays["expression_names"] = np.array([file.stem for file in expressions])
    return arrays


def _difference(path: Path, neutral: NDArray[Any]) -> NDArray[np.float32]:
    vertices = obj_vertices(path)
    if vertices.shape != neutral.shape:
        raise ModelError(
            f"{path} has {len(vertices)} vertices, {_NEUTRAL} has {len(neutral)}: the versions differ."
        )
    return (vertices - neutral).astype(np.float32)
