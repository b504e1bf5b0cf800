"""The container of glTF 2.0: arrays and pictures in one binary file (GLB), described by JSON.

Knows nothing of faces. Section numbers are those of the Khronos specification, version 2.0.1.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.export.files import Buffer

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125  # componentType (3.6.2.2)
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
Bounds: TypeAlias = tuple[list[float], list[float]]
_SPARSE_FRACTION = 0.75  # an entry of a sparse accessor costs its index beside its three numbers


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Some (n, 3) arrays of floats most of whose rows are zero, laid end to end, as files hold them.

    Attributes:
        count: n.
        ends: (T,) where the listed rows of each array end; those of the first begin at 1.
        moved: (R,) uint16 or uint32, which rows those are, ascending in each array. The first of all is a
            zero one, for arrays that have none: no list in a file may be empty.
        values: (R, 3) float32, these rows.
        bounds: by array least and largest of all n by axis; None where a file need not state them.
    """

    count: int
    ends: list[int]
    moved: NDArray[np.unsignedinteger]
    values: NDArray[np.float32]
    bounds: list[Bounds] | None

    @classmethod
    def of(
        cls,
        count: int,
        lengths: Sequence[int],
        moved: Sequence[NDArray[np.integer]],
        values: Sequence[NDArray[np.float32]],
        *,
        bounds: list[Bounds] | None = None,
    ) -> Self:
        """Of arrays that are zero but for some rows.

        Args:
            count: n.
            lengths: by array how many rows that is.
            moved: (k,) which rows, ascending in each array; of one or several arrays each.
            values: (k, 3) these, in pieces like those of `moved`.
            bounds: see the attributes.
        """
        ends = (1 + np.cumsum(lengths)).tolist()
        kind = "<u2" if count <= 65535 else "<u4"
        rows = np.concatenate([np.zeros(1, np.int64), *moved]).astype(kind)
        all_values = np.ascontiguousarray(np.concatenate([np.zeros((1, 3), "<f4"), *values]), "<f4")
        return cls(count, ends, rows, all_values, bounds)

    @property
    def is_sparse(self) -> bool:
        """Whether a list of rows takes less than all of them."""
        return len(self.moved) <= _SPARSE_FRACTION * self.count * len(self.ends)


class GlbFile:
    """A binary glTF in the making: add arrays and pictures, then fill in :attr:`document`."""

    def __init__(self, *, generator: str) -> None:
        """Start an empty file; `generator` says who wrote it."""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": generator},
            "accessors": [],
            "bufferViews": [],
        }
        self._content: list[Buffer] = []  # of the binary chunk
        self._length = 0

    def add_values(
        self, values: NDArray[np.floating], *, bounds: bool = False, vertices: bool = False
    ) -> int:
        """Accessor of (n,) or (n, 2 to 4) floats; `bounds` as positions and key times must state them."""
        values = np.ascontiguousarray(values, dtype="<f4")
        view = self._add_view(values, target=_ARRAY_BUFFER if vertices else None)
        entry = self._accessor(values, _FLOAT, bounds=bounds)
        return self._add_accessor({"bufferView": view} | entry)

    def add_indices(self, triangles: NDArray[np.integer]) -> int:
        """Accessor of a mesh's (m, 3) triangles, one number a corner."""
        flat = np.ascontiguousarray(triangles).ravel()
        kind, code = ("<u2", _UINT16) if flat.max(initial=0) < 65535 else ("<u4", _UINT32)
        view = self._add_view(flat.astype(kind), target=_ELEMENT_ARRAY_BUFFER)
        entry = {"componentType": code, "count": len(flat), "type": "SCALAR"}
        return self._add_accessor({"bufferView": view} | entry)

    def add_differences(self, differences: Differences) -> list[int]:
        """An accessor of (n, 3) floats for each array; where most rows are zero, without those (3.6.2.3).

        The arrays share their views: a head has a hundred, each of which would cost the reader a view or two.
        """
        entries = self._sparse(differences) if differences.is_sparse else self._dense(differences)
        for entry, bounds in zip(entries, differences.bounds or (), strict=False):
            entry["min"], entry["max"] = bounds
        accessors = self.document["accessors"]
        accessors += entries
        return list(range(len(accessors) - len(entries), len(accessors)))

    def _sparse(self, differences: Differences) -> list[dict[str, Any]]:
        """Entries of accessors whose zero rows are left out."""
        moved, values = differences.moved, differences.values
        index_type = _UINT16 if moved.itemsize == 2 else _UINT32
        moved_view, values_view = self._add_view(moved), self._add_view(values)
        spans = [
            (start, end - start) if end > start else (0, 1) for start, end in pairwise([1, *differences.ends])
        ]
        return [
            {
                "componentType": _FLOAT,
                "count": differences.count,
                "type": _SHAPES[3],
                "sparse": {
                    "count": length,
                    "indices": {
                        "bufferView": moved_view,
                        "byteOffset": first * moved.itemsize,
                        "componentType": index_type,
                    },
                    "values": {"bufferView": values_view, "byteOffset": first * 3 * values.itemsize},
                },
            }
            for first, length in spans
        ]

    def _dense(self, differences: Differences) -> list[dict[str, Any]]:
        """The same with all their rows."""
        whole = np.zeros((len(differences.ends), differences.count, 3), "<f4")
        for array, (start, end) in zip(whole, pairwise([1, *differences.ends]), strict=True):
            array[differences.moved[start:end]] = differences.values[start:end]
        view = self._add_view(whole, target=_ARRAY_BUFFER, stride=whole.strides[1])
        return [
            {
                "bufferView": view,
                "byteOffset": number * whole.strides[0],
                "componentType": _FLOAT,
                "count": differences.count,
                "type": _SHAPES[3],
            }
            for number in range(len(whole))
        ]

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

    def pieces(self) -> list[Buffer]:
        """The whole file (4.4: a header, a chunk of JSON, a chunk of binary data), to be written in order."""
        self.document["buffers"] = [{"byteLength": self._length}]
        text = json.dumps(self.document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        heads = struct.pack("<I4s", len(text), b"JSON"), struct.pack("<I4s", self._length, b"BIN\0")
        length = 12 + len(heads[0]) + len(text) + len(heads[1]) + self._length
        start = struct.pack("<4sII", b"glTF", 2, length)
        return [start, heads[0], text, heads[1], *self._content]

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

    def _add_view(self, content: Buffer, *, target: int | None = None, stride: int | None = None) -> int:
        """A part of the binary chunk, begun at a multiple of four bytes (3.6.2.4); arrays are contiguous."""
        length = len(content) if isinstance(content, bytes) else content.nbytes
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": length}
        filling = -length % 4
        self._content += [content, b"\0" * filling] if filling else [content]
        self._length += length + filling
        if stride is not None:
            view["byteStride"] = stride
        if target is not None:
            view["target"] = target
        self.document["bufferViews"].append(view)
        return len(self.document["bufferViews"]) - 1
