"""Where a regressor's close-ups are cut and how they move a face, as a file for the page.

The numbers are those that Python computes with (:mod:`lineament.methods.closeup`,
:mod:`lineament.methods.coefficient_update`), so that the page need not know the tables they are made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from lineament.methods.closeup import CloseUp
from lineament.methods.coefficient_update import CoefficientUpdate
from lineament.view.array_file import array_file_bytes


def close_up_bytes(parts: Mapping[str, Sequence[CloseUp]], update: CoefficientUpdate) -> bytes:
    """The content of the page's ``weights/NAME-close-ups.bin``.

    Args:
        parts: by name, the part on each side of the face.
        update: with the errors of all of them.
    """
    arrays: dict[str, NDArray[Any]] = {"information": update.information}
    head: dict[str, Any] = {}
    for part, sides in parts.items():
        arrays[f"{part}/whitening"] = update.whitening[part]
        for number, side in enumerate(sides):
            arrays |= {f"{part}/{number}/{name}": array for name, array in _arrays(side).items()}
        head[part] = [
            {name: getattr(side, name) for name in ("side_mm", "size", "min_within", "mirrored")}
            for side in sides
        ]
    return array_file_bytes(arrays, {"parts": head})


def _arrays(side: CloseUp) -> dict[str, NDArray[Any]]:
    """What is known of a part on one side."""
    return {
        "neutral": side.points.neutral_model,  # (P, 3)
        "bases": side.bases,  # (P, 3, K + E)
        "keys": side.keys.astype("int32"),
        "middle_neutral": side.middle.neutral_model,  # (3,)
        "middle_basis": side.middle.basis,  # (3, K + E)
        "facing": side.facing,  # (3,)
    }
