"""The container of glTF 2.0: arrays and pictures in one binary file (GLB), described by JSON.

Knows nothing of faces. Section numbers are those of the Khronos specification, version 2.0.1.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125  # componentType (3.6.2.2)
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_SPARSE_FRACTION = 0.75  # an entry of a sparse accessor costs its index beside its three numbers


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """(n, 3) floats most of which are zero, as files hold them.

    Attributes:
        count: n.
        moved: how many rows are listed; 0 where all are.
        index_type: componentType of the list.
        indices: the list, ascending; empty where all rows are there.
        values: the rows.
        bounds: least and largest of all n by axis; None where a file need not state them.
    """

    count: int
    moved: int
    index_type: int
    indices: bytes
    values: bytes
    bounds: tuple[list[float], list[float]] | None

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Self:
        """Of all n rows, with their bounds."""
        values = np.asarray(values, dtype="<f4")
        moved = np.flatnonzero(values.any(axis=1))
        ends = (values.min(axis=0).tolist(), values.max(axis=0).tolist())
        return cls.at(len(values), moved, values[moved], bounds=ends)

    @classmethod
    def at(
        cls,
        count: int,
        moved: NDArray[np.integer],
        values: NDArray[np.floating],
        *,
        bounds: tuple[list[float], list[float]] | None = None,
    ) -> Self:
        """Of n rows that are zero but for some.

        Args:
            count: n.
            moved: (k,) which are not zero, ascending.
            values: (k, 3) of these.
            bounds: of all n.
        """
        if len(moved) > _SPARSE_FRACTION * count:
            whole = np.zeros((count, 3), "<f4")
            whole[moved] = values
            return cls(count, 0, 0, b"", whole.tobytes(), bounds)
        if len(moved) == 0:
            moved, values = np.zeros(1, np.int64), np.zeros((1, 3))
        kind, code = ("<u2", _UINT16) if count <= 65535 else ("<u4", _UINT32)
        return cls(
            count,
            len(moved),
            code,
            moved.astype(kind).tobytes(),
            values.astype("<f4", order="C").tobytes(),
            bounds,
        )


class GlbFile:
    """A binary glTF in the making: add arrays and pictures, then fill in :attr:`document`."""

    def __init__(self, *, generator: str) -> None:
        """Start an empty file; `generator` says who wrote it."""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": generator},
            "accessors": [],
            "bufferViews": [],
        }
        self._content: list[bytes] = []  # of the binary chunk
        self._length = 0

    def add_values(
        self, values: NDArray[np.floating], *, bounds: bool = False, vertices: bool = False
    ) -> int:
        """Accessor of (n,) or (n, 2 to 4) floats; `bounds` as positions and key times must state them."""
        values = np.ascontiguousarray(values, dtype="<f4")
        view = self._add_view(values.tobytes(), target=_ARRAY_BUFFER if vertices else None)
        entry = self._accessor(values, _FLOAT, bounds=bounds)
        return self._add_accessor({"bufferView": view} | entry)

    def add_indices(self, triangles: NDArray[np.integer]) -> int:
        """Accessor of a mesh's (m, 3) triangles, one number a corner."""
        flat = np.ascontiguousarray(triangles).ravel()
        kind, code = ("<u2", _UINT16) if flat.max(initial=0) < 65535 else ("<u4", _UINT32)
        view = self._add_view(flat.astype(kind).tobytes(), target=_ELEMENT_ARRAY_BUFFER)
        entry = {"componentType": code, "count": len(flat), "type": "SCALAR"}
        return self._add_accessor({"bufferView": view} | entry)

    def add_differences(self, differences: Differences) -> int:
        """Accessor of (n, 3) floats most of which may be zero: those are left out (3.6.2.3)."""
        entry: dict[str, Any] = {"componentType": _FLOAT, "count": differences.count, "type": _SHAPES[3]}
        if differences.bounds is not None:
            entry |= dict(zip(("min", "max"), differences.bounds))
        if differences.moved == 0:
            view = self._add_view(differences.values, target=_ARRAY_BUFFER)
            return self._add_accessor({"bufferView": view} | entry)
        indices, values = self._add_view(differences.indices), self._add_view(differences.values)
        entry["sparse"] = {
            "count": differences.moved,
            "indices": {"bufferView": indices, "componentType": differences.index_type},
            "values": {"bufferView": values},
        }
        return self._add_accessor(entry)

    def add_picture(self, content: bytes, *, mime: str, name: str) -> int:
        """Texture of an encoded picture (image/jpeg or image/png); its wrap is clamped."""
        document = self.document
        view = self._add_view(content)
        document["images"] = [
            *document.get("images", []),
            {"bufferView": view, "mimeType": mime, "name": name},
        ]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
        texture = {"source": len(document["images"]) - 1, "sampler": 0}
        document["textures"] = [*document.get("textures", []), texture]
        return len(document["textures"]) - 1

    def to_bytes(self) -> bytes:
        """The whole file (4.4: a header, a chunk of JSON, a chunk of binary data)."""
        self.document["buffers"] = [{"byteLength": self._length}]
        text = json.dumps(self.document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        heads = struct.pack("<I4s", len(text), b"JSON"), struct.pack("<I4s", self._length, b"BIN\0")
        length = 12 + len(heads[0]) + len(text) + len(heads[1]) + self._length
        start = struct.pack("<4sII", b"glTF", 2, length)
        return b"".join([start, heads[0], text, heads[1], *self._content])

    def _accessor(self, values: NDArray[np.float32], code: int, *, bounds: bool) -> dict[str, Any]:
        width = 1 if values.ndim == 1 else values.shape[1]
        entry: dict[str, Any] = {"componentType": code, "count": len(values), "type": _SHAPES[width]}
        if bounds:
            low, high = np.atleast_1d(values.min(axis=0)), np.atleast_1d(values.max(axis=0))
            entry |= {"min": low.tolist(), "max": high.tolist()}
        return entry

    def _add_accessor(self, entry: dict[str, Any]) -> int:
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def _add_view(self, content: bytes, *, target: int | None = None) -> int:
        """A part of the binary chunk, begun at a multiple of four bytes (3.6.2.4)."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(content)}
        filling = -len(content) % 4
        self._content += [content, b"\0" * filling] if filling else [content]
        self._length += len(content) + filling
        if target is not None:
            view["target"] = target
        self.document["bufferViews"].append(view)
        return len(self.document["bufferViews"]) - 1
