"""Named arrays as one file that JavaScript reads without any library (``readArrays`` of the page's model.js).

"LFMW", the length of a JSON text (uint32), the text, then the arrays, each begun at a multiple of eight bytes
after the text; all little-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"LFMW"


def array_file_bytes(arrays: Mapping[str, NDArray[Any]], head: Mapping[str, Any]) -> bytes:
    """The content of such a file.

    Args:
        arrays: by name, of any shape; the file says what they hold row by row, and not their shapes.
        head: what else the JSON text says; must not have the name "arrays".
    """
    entries, parts, start = [], [], 0
    for name, given in arrays.items():
        array = np.ascontiguousarray(given)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        content = array.tobytes()
        entries.append({"name": name, "dtype": array.dtype.name, "count": array.size, "start": start})
        parts.append(content + b"\0" * (-len(content) % 8))
        start += len(parts[-1])
    text = json.dumps({"arrays": entries, **head}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return MAGIC + struct.pack("<I", len(text)) + text + b"".join(parts)
