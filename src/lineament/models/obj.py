"""Wavefront .obj files as arrays: polygons of three or four corners, materials, texture places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import LineamentError, ModelError
from lineament.foreign import reason_of
from lineament.models.arrays import RIGHT_FILE


def read_obj(path: Path) -> dict[str, NDArray[Any]]:
    """Vertices, texture places, polygons and materials of an .obj file.

    Args:
        path: of the file.

    Returns:
        `neutral` (N, 3) and `faces` (F, 4), counted from zero, with -1 in the fourth place of triangles;
        where the file has them `uv` (U, 2), `uv_faces` (F, 4), `material_names` (M,), `face_material` (F,).

    Raises:
        ModelError: the file cannot be read or has polygons of more than four corners.
    """
    lines = _lines(path)
    material_number: dict[str, int] = {}
    material, corners, current = [], [], 0
    for line in lines:
        if line.startswith("usemtl "):
            current = material_number.setdefault(line[7:].strip(), len(material_number))
        elif line.startswith("f "):
            corners.append([corner.split("/") for corner in line.split()[1:]])
            material.append(current)
    arrays: dict[str, NDArray[Any]] = {
        "neutral": _vertices(path, lines),
        "faces": _polygons(corners, 0, path),
    }
    if all(len(corner) > 1 and corner[1] for polygon in corners for corner in polygon):
        arrays["uv"] = _numbers(path, [line for line in lines if line.startswith("vt ")])[:, :2]
        arrays["uv_faces"] = _polygons(corners, 1, path)
    if material_number:
        arrays["material_names"] = np.array(list(material_number))
        arrays["face_material"] = np.array(material)
    return arrays


def obj_vertices(path: Path) -> NDArray[np.float64]:
    """(N, 3) the vertices of an .obj file, the rest unread.

    Raises:
        ModelError: the file cannot be read.
    """
    return _vertices(path, _lines(path))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {reason_of(error)}.") from error


def _vertices(path: Path, lines: list[str]) -> NDArray[np.float64]:
    return _numbers(path, [line for line in lines if line.startswith("v ")])[:, :3]


def _numbers(path: Path, lines: list[str]) -> NDArray[np.float64]:
    """(L, C) the numbers after the first word of each line."""
    try:
        width = len(lines[0].split()) - 1
        words = " ".join(line.split(maxsplit=1)[1] for line in lines).split()
        return np.array(words, dtype=np.float64).reshape(len(lines), width)
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} is no .obj mesh, or it is damaged ({reason_of(error)}). {RIGHT_FILE}"
        ) from error


def _polygons(corners: list[list[list[str]]], place: int, path: Path) -> NDArray[np.int32]:
    """(F, 4) indices from zero, -1 at the end of triangles."""
    polygons = np.full((len(corners), 4), -1, dtype=np.int32)
    try:
        for row, polygon in zip(polygons, corners, strict=True):
            row[: len(polygon)] = [int(corner[place]) - 1 for corner in polygon]
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} has a polygon that is neither triangle nor quad ({reason_of(error)}). {RIGHT_FILE}"
        ) from error
    return polygons
