"""The built-in face model as one file that JavaScript reads without any library.

"LFMW", the length of a JSON text (uint32), the text, then the arrays, each begun at a multiple of eight bytes
after the text; all little-endian. The arrays are those of ``lfm.npz``, as stored there: half of every
symmetric shape in whole steps.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from lineament.errors import ModelError
from lineament.foreign import foreign

MAGIC = b"LFMW"
SCHEMES = ("300w-lp",)
ARRAYS = (
    "neutral",
    "triangles",
    "uv",
    "mirror_vertex",
    "mirror_expression",
    "identity_sign",
    "identity_steps",
    "identity_step_mm",
    "expression_steps",
    "expression_step_mm",
)
SCHEME_ARRAYS = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset")


def model_bytes(path: Path) -> bytes:
    """The content of the page's ``model/lfm.bin``, from the package's ``lfm.npz``."""
    names = [*ARRAYS, *(f"scheme/{scheme}/{field}" for scheme in SCHEMES for field in SCHEME_ARRAYS)]
    entries, parts, start = [], [], 0
    with (
        foreign(ModelError, f"The face model {path} is damaged", "Reinstall lineament."),
        np.load(path) as data,
    ):
        for name in names:
            array = np.ascontiguousarray(data[name])
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            content = array.tobytes()
            entries.append({"name": name, "dtype": array.dtype.name, "count": array.size, "start": start})
            parts.append(content + b"\0" * (-len(content) % 8))
            start += len(parts[-1])
        ranges = zip(data["part_names"].tolist(), data["part_ranges"].tolist(), strict=True)
        head = {
            "arrays": entries,
            "expression_names": data["expression_names"].tolist(),
            "parts": dict(ranges),
            "schemes": SCHEMES,
        }
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(parts)
