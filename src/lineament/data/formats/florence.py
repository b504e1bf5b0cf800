"""Florence 2D/3D faces: scans as meshes, ``subject_01/Model/frontal1/obj/1109.obj``, in .obj or VRML.

Scans have no photograph and no landmarks, so they are no evaluation items: a :class:`Scan` is a mesh and
whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError, ModelError
from lineament.models.obj import read_obj

Array = NDArray[Any]

_COMMENT = re.compile(r"#[^\n]*")
# `TextureCoordinate { point [...] }` and `texCoordIndex [...]` must not be taken for these.
_POINTS = re.compile(r"\bCoordinate3?\s*\{\s*point\s*\[([^\]]*)\]")
_POLYGONS = re.compile(r"\bcoordIndex\s*\[([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class ScanMesh:
    """A scanned surface in its file's own frame, which for Florence is mm, x right, y up, z to the viewer.

    Attributes:
        vertices: (N, 3) float64.
        triangles: (M, 3) int32, counter-clockwise from outside where the file has it so.
    """

    vertices: Array
    triangles: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that has not been opened yet.

    Attributes:
        name: path below the set's folder, without ending.
        path: of the file.
        subject: who it is: the set's top folder, such as ``subject_01``.
    """

    name: str
    path: Path
    subject: str

    def read(self) -> ScanMesh:
        """The mesh.

        Raises:
            DataError: the file is missing or damaged, or is no mesh.
        """
        return read_scan(self.path)


def iterate_florence(root: Path) -> Iterator[Scan]:
    """All scans below a folder by path; where one lies there as .obj and as .wrl, the .obj is taken.

    Raises:
        DataError: there is none.
    """
    endings = {".obj": 0, ".wrl": 1}
    paths = [path for path in root.rglob("*") if path.suffix.lower() in endings and path.is_file()]
    if not paths:
        raise DataError(f"{root} holds no .obj or .wrl file. Give the folder of the unpacked scans.")
    paths.sort(key=lambda path: (path.parent, path.stem, endings[path.suffix.lower()]))
    last = None
    for path in paths:
        below = path.relative_to(root).with_suffix("")
        if below != last:
            yield Scan(below.as_posix(), path, below.parts[0])
        last = below


def read_scan(path: Path) -> ScanMesh:
    """A mesh from an .obj or VRML file (1.0 and 2.0, written in place); polygons are cut into triangles.

    Raises:
        DataError: the file is missing or damaged, or is no mesh.
    """
    return _read_obj(path) if path.suffix.lower() == ".obj" else _read_vrml(path)


def _read_obj(path: Path) -> ScanMesh:
    try:
        arrays = read_obj(path)
    except ModelError as error:
        raise DataError(str(error)) from error
    polygons = arrays["faces"]
    quads = polygons[polygons[:, 3] >= 0]
    triangles = np.concatenate([polygons[:, :3], quads[:, [0, 2, 3]]])
    return _checked(arrays["neutral"], triangles, path)


def _read_vrml(path: Path) -> ScanMesh:
    try:
        text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error}). Check its permissions.") from error
    points, polygons = _POINTS.findall(text), _POLYGONS.findall(text)
    if not points or len(points) != len(polygons):
        raise DataError(f"{path} has {len(points)} lists of points and {len(polygons)} of polygons.")
    vertices, triangles, count = [], [], 0
    for point_text, polygon_text in zip(points, polygons):
        place = _numbers(point_text, path)
        if place.size % 3:
            raise DataError(f"{path} has points that are not three numbers each.")
        vertices.append(place.reshape(-1, 3))
        triangles.append(_fans(_numbers(polygon_text, path).astype(np.int64)) + count)
        count += len(vertices[-1])
    return _checked(np.concatenate(vertices), np.concatenate(triangles), path)


def _numbers(text: str, path: Path) -> Array:
    try:
        return np.array(text.replace(",", " ").split(), dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path} has a list that is not of numbers ({error}). Fetch it again.") from error


def _fans(corners: Array) -> Array:
    """(M, 3) triangles of polygons that end in -1 each; the last may leave it out."""
    polygons: Sequence[Array] = np.split(corners, np.flatnonzero(corners == -1) + 1)
    fans = [_fan(polygon[polygon >= 0]) for polygon in polygons]
    return np.concatenate(fans)


def _fan(polygon: Array) -> Array:
    inner = len(polygon) - 2
    if inner < 1:
        return np.empty((0, 3), np.int64)
    return np.column_stack([np.repeat(polygon[:1], inner), polygon[1:-1], polygon[2:]])


def _checked(vertices: Array, triangles: Array, path: Path) -> ScanMesh:
    inside = len(triangles) > 0 and triangles.min() >= 0 and triangles.max() < len(vertices)
    if not inside or not np.isfinite(vertices).all():
        raise DataError(
            f"{path} has {len(vertices)} vertices and {len(triangles)} triangles that do not fit together."
        )
    return ScanMesh(vertices, triangles.astype(np.int32))
