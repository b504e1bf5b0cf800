"""JSON a value a line, as ``json.dumps(value, indent=1)`` writes it.

With an indent Python's encoder hands every number through a generator a level of its nest.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

_COMPACT = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


def indented(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - whatever JSON knows
    """The same text as ``json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)``, sooner.

    Args:
        value: of dicts whose keys are texts, lists, tuples, texts, numbers, None.
        depth: how many lists and dicts it lies in.

    Raises:
        ValueError: a number is not finite.
        TypeError: something in it is not known to JSON.
    """
    if not isinstance(value, dict | list | tuple) or not value:
        return _COMPACT.encode(value)
    parts = list(value.values()) if isinstance(value, dict) else value
    inside = [
        repr(part) if type(part) is float and isfinite(part) else indented(part, depth + 1) for part in parts
    ]
    if isinstance(value, dict):
        inside = [f"{_COMPACT.encode(key)}: {text}" for key, text in zip(value, inside, strict=True)]
    start, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + start + ("," + start).join(inside) + end + closing
