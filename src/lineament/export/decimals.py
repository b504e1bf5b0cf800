"""Many numbers as text at once: Python writes one at a time, which takes ten times as long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 1e9  # above, digits do not fit; such numbers are no face's


def lines_of(keyword: str, values: NDArray[np.floating], *, digits: int) -> bytes:
    """A line a row: the keyword, and the row's numbers with so many digits after the point.

    Args:
        keyword: such as "v".
        values: (n, c) finite.
        digits: 1 to 6.

    Returns:
        ASCII; each line ends in a line feed. Numbers are rounded to the nearest, and none is a minus zero.
    """
    flat = np.asarray(values, np.float64)
    if len(flat) == 0:
        return b""
    if not (np.abs(flat) < _MOST).all():
        return _slowly(keyword, flat, digits)
    scaled = np.rint(flat * 10**digits).astype(np.int64)
    negative, rest = scaled < 0, np.abs(scaled)
    largest = int(rest.max(initial=0))
    width = max(len(str(largest)), digits + 1)
    # Columns: a space, the sign, the digits before the point, the point, those after it.
    text = np.empty((*flat.shape, width + 3), np.uint8)
    kept = np.ones(text.shape, bool)
    text[..., 0], text[..., 1] = ord(" "), ord("-")
    kept[..., 1] = negative
    whole = width - digits
    places = [2 + k for k in range(whole)] + [3 + whole + k for k in range(digits)]
    rest = rest.astype(np.uint32) if largest < 2**32 else rest
    for power, place in enumerate(reversed(places)):
        if digits < power:
            kept[..., place] = rest > 0  # zeros before the first digit are not written
        quotient = rest // 10
        text[..., place] = rest - 10 * quotient + ord("0")
        rest = quotient
    text[..., 2 + whole] = ord(".")
    rows = len(flat)
    head = np.frombuffer(keyword.encode(), np.uint8)
    lines = np.concatenate(
        [
            np.broadcast_to(head, (rows, len(head))),
            text.reshape(rows, -1),
            np.full((rows, 1), ord("\n"), np.uint8),
        ],
        axis=1,
    )
    mask = np.ones(lines.shape, bool)
    mask[:, len(head) : -1] = kept.reshape(rows, -1)
    return lines[mask].tobytes()


def _slowly(keyword: str, values: NDArray[np.float64], digits: int) -> bytes:
    line = keyword + f" %.{digits}f" * values.shape[1] + "\n"
    return (line * len(values) % tuple(values.ravel().tolist())).encode()
